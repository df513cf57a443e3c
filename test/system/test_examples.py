# SPDX-License-Identifier: BSD-3-Clause
"""The examples of bdevkit inside other programs, built as their Makefile builds them, and run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BDEVKIT_BUILD", ROOT / "build")).resolve()


def sanitizer():
    """The run-time library of AddressSanitizer that the library needs; None: it does without."""
    needed = subprocess.run(["ldd", BUILD / "libbdevkit.so.0"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"libasan\S* => (\S+)", needed)
    return match and match.group(1)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A copy of the examples, built by make and a pkg-config file that names this build."""
    folder = tmp_path_factory.mktemp("examples")
    for source in (ROOT / "examples").iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    flags = "-fsanitize=address" if sanitizer() else ""
    (folder / "bdevkit.pc").write_text(
        f"Name: bdevkit\nDescription: this build\nVersion: 0\nCflags: -I{ROOT}/include {flags}\n"
        f"Libs: -L{BUILD} -Wl,-rpath,{BUILD} -lbdevkit {flags}\n")
    environment = dict(os.environ, PKG_CONFIG_PATH=str(folder), CFLAGS="-Werror", CXXFLAGS="-Werror")
    built = subprocess.run(["make", "-j2"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
                           check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def run(*words, **environment):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False,
                            env=dict(os.environ, **environment))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_thread_of_its_own(programs):
    assert run(programs / "our_loop") == "256 blocks written by 4 threads\n"


def test_own_event_loop(programs):
    reads, ticks = map(int, re.fullmatch(r"(\d+) reads between (\d+) ticks\n", run(programs / "own_loop")).groups())
    assert ticks >= 5 and reads >= 16


def test_arrays(programs):
    lines = run(programs / "batch").splitlines()
    assert [int(re.match(r"arrays of +(\d+): +[\d.]+ ns a read$", line).group(1)) for line in lines] == [1, 4, 16, 64]


def test_configuration_with_a_file(programs, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(bytes(4 << 20))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_aio_create", "params": {"name": "a", "filename": str(image), "block_size": 512}}]}]}))
    assert run(programs / "our_loop", config, "a").startswith("256 blocks")
    assert image.read_bytes()[:256 * 512] == b"".join(bytes([1 + thread]) * 64 * 512 for thread in range(4))
    run(programs / "own_loop", config, "a")


def test_cplusplus(programs, tmp_path):
    size = (3 << 20) + 512
    source, copy = tmp_path / "from", tmp_path / "to"
    source.write_bytes(os.urandom(size))
    copy.write_bytes(bytes(size))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_aio_create", "params": {"name": file.name, "filename": str(file), "block_size": 512}}
        for file in (source, copy)]}]}))
    assert run(programs / "copy", config, "from", "to") == "%d blocks copied\n" % (size // 512)
    assert source.read_bytes() == copy.read_bytes()
    failed = subprocess.run([programs / "copy", config, "from", "none"], capture_output=True, text=True, timeout=60,
                            check=False)
    assert failed.returncode == 1 and failed.stderr.endswith("copy: none: No such device\n")


def test_python(programs):
    library = sanitizer()
    # Python itself leaks; what it loads is watched by the other tests.
    preload = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"} if library else {}
    out = run(sys.executable, programs / "disk.py", BUILD / "libbdevkit.so.0", **preload)
    assert out == "beyond the end: Invalid argument\n256 pieces written and read\n"
