# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages: installed, run by a real systemd, upgraded, purged.

All of it happens in a container whose root is an overlay of this machine's own: what is installed here is there, too, and
nothing of what happens there stays. BDEVKIT_PACKAGES is the folder with the packages (`make package`).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = Path(os.environ.get("BDEVKIT_PACKAGES", "build-package")).resolve()
NAMES = ("libbdevkit0", "bdevkit", "bdevkit-modules-metrics", "libbdevkit-dev", "bdevkit-doc")
INSIDE = Path(__file__).with_name("inside.sh")

# Runs once the system is up, and then turns the machine off, whatever has come of it.
UNIT = """[Unit]
Description=What the test of the packages does
Requires=basic.target
After=basic.target dbus.service
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/package-test/inside.sh
StandardOutput=file:/package-test/output
StandardError=inherit
TimeoutStartSec=600
"""


def package(name):
    found = sorted(PACKAGES.glob(f"{name}_*.deb"))
    assert len(found) == 1, f"{PACKAGES} has {len(found)} packages {name}: make package"
    return found[0]


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, **options).stdout


def make_newer(deb, folder):
    """The same package, one version on."""
    tree = folder / deb.stem
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: \S+)|(\(= [^)]+)", r"\g<0>+newer", control.read_text()))
    run("dpkg-deb", "--root-owner-group", "-b", tree, folder)
    shutil.rmtree(tree)


@pytest.fixture(name="machine")
def make_machine(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount an overlay and start a container")
    for tool in ("systemd-nspawn", "dpkg-deb"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    changes, root = tmp_path / "changes", tmp_path / "root"
    changes.mkdir()
    root.mkdir()
    try:
        run("mount", "-t", "tmpfs", "tmpfs", changes)
        for name in ("upper", "work"):
            (changes / name).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={changes}/upper,workdir={changes}/work", root)
    except subprocess.CalledProcessError as error:
        subprocess.run(["umount", changes], check=False, capture_output=True)
        pytest.skip(f"no overlay can be mounted: {error.stderr.strip()}")
    yield root
    subprocess.run(["umount", "--recursive", root], check=False)
    subprocess.run(["umount", changes], check=False)


def test_packages_are_clean():
    """Not even a warning. Who distributes the packages puts in a mail address; the project itself has none."""
    if shutil.which("lintian") is None:
        pytest.skip("there is no lintian")
    changes = sorted(PACKAGES.glob("bdevkit_*.changes"))
    assert len(changes) == 1, PACKAGES
    result = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags",
                             "bogus-mail-host,bogus-mail-host-in-debian-changelog", changes[0]],
                            check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_install_serve_upgrade_purge(machine):
    work = machine / "package-test"
    for folder in ("first", "newer"):
        (work / folder).mkdir(parents=True)
    for name in NAMES:
        shutil.copy(package(name), work / "first")
        make_newer(package(name), work / "newer")
    shutil.copy(INSIDE, work)
    (machine / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
    (machine / "etc/systemd/system/package-test.service").write_text(UNIT)
    boot = subprocess.run(
        ["systemd-nspawn", "--quiet", f"--directory={machine}", "--machine=bdevkit-package-test", "--register=no",
         "--keep-unit", "--private-network", "--uuid=" + os.urandom(16).hex(), "--boot", "systemd.unit=package-test.service"],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
    output = (work / "output").read_text() if (work / "output").exists() else "nothing has run: " + boot.stdout + boot.stderr
    print(output)
    assert output.endswith("all is well\n"), output
