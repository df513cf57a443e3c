# SPDX-License-Identifier: BSD-3-Clause
"""A module written from the guide's text alone is built outside the tree with pkg-config and serves I/O."""

import os
import shutil
from pathlib import Path

import pytest

from conftest import ROOT, run


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """bdevkit installed into a folder of its own; the environment that finds it."""
    prefix = tmp_path_factory.mktemp("installed")
    build = ROOT / "build"
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", prefix)
    pkgconfig = next(prefix.rglob("bdevkit.pc")).parent
    library = next(prefix.rglob("libbdevkit.so")).parent
    return dict(os.environ, PKG_CONFIG_PATH=str(pkgconfig), PKG_CONFIG_SYSROOT_DIR=str(prefix),
                LD_LIBRARY_PATH=str(library), PREFIX=str(prefix))


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "module"
    shutil.copytree(Path(__file__).parent / "guide_module", folder)
    return folder


def test_builds_with_pkg_config_and_serves_io(installed, module):
    run("make", "-C", module, env=installed)
    result = run(module / "guide", "-r", module / "rpc.sock", env=dict(installed, ONCE="1"))
    assert "SAME" in result.stdout


def test_builds_statically(installed, module):
    """The static library alone brings its modules along: no list of link flags to know."""
    library = next(Path(installed["PREFIX"]).rglob("libbdevkit.a"))
    private = run("pkg-config", "--static", "--libs-only-l", "bdevkit", env=installed).stdout.split()
    libraries = [word for word in private if word != "-lbdevkit"]
    run("make", "-C", module, f"LDLIBS={library} {' '.join(libraries)}", env=installed)
    result = run(module / "guide", "-r", module / "rpc.sock", env=dict(os.environ, ONCE="1"))
    assert "SAME" in result.stdout


def test_guides_rpc_lines(installed, module):
    """The guide's verification step: bdev_get_bdevs -b, through scripts/rpc.py."""
    import json
    import subprocess
    run("make", "-C", module, env=installed)
    path = module / "rpc.sock"
    process = subprocess.Popen([module / "guide", "-r", path], env=installed)
    try:
        bdevs = json.loads(run(ROOT / "scripts/rpc.py", "-s", path, "-t", "60", "bdev_get_bdevs", "-b", "test_bdev",
                               "-t", "60000").stdout)
        assert [bdev["product_name"] for bdev in bdevs] == ["Your Product"]
        assert bdevs[0]["driver_specific"] == {"your": {}}
    finally:
        process.terminate()
        assert process.wait(60) == 0
