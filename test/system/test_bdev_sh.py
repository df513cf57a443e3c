# SPDX-License-Identifier: BSD-3-Clause
"""test/bdev/bdev.sh: the whole functional test of bdevs by name."""

import json
import os
import re
import subprocess

import pytest

from conftest import BDEVKIT, BUILD, PATIENCE, ROOT

SCRIPT = ROOT / "test" / "bdev" / "bdev.sh"


@pytest.fixture(scope="module", autouse=True)
def engine():
    if not (BUILD / "app" / "fio" / "bdevkit.so").exists():
        pytest.skip("fio's headers were not to be had: run scripts/get-fio-headers.sh, and configure the build again")


def run(*words):
    environment = dict(os.environ, BDEVKIT=str(BDEVKIT), BDEVKIT_FIO_DIR=str(BUILD / "app" / "fio"))
    result = subprocess.run([SCRIPT, *map(str, words)], env=environment, capture_output=True, text=True,
                            timeout=10 * PATIENCE, check=False)
    return result.returncode, result.stdout, result.stderr


def passes(*words):
    """Returns the names of what passed and of what was skipped; nothing failed."""
    code, out, err = run(*words)
    assert code == 0, out + err
    passed = re.findall(r"^PASSED  (.*)$", out, re.M)
    skipped = re.findall(r"^SKIPPED (.*): .*$", out, re.M)
    total = "%d passed, 0 failed" % len(passed) + (", %d skipped" % len(skipped) if skipped else "")
    assert out.splitlines()[-1] == total
    return passed, skipped


def configuration(folder, *entries):
    path = folder / "config.json"
    path.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": method, "params": params} for method, params in entries]}]}))
    return path


def test_expression():
    passed, skipped = passes("malloc:16M")
    assert passed == ["malloc: " + name for name in (
        "bdevkit check", "bdevkit serve", "nbdinfo", "qemu-io", "nbdcopy", "end of the server", "fio, random writes",
        "fio, reads and writes", "fio, trim")]
    assert skipped == []


def test_expression_with_a_run_time_module(tmp_path):
    """What is tested is what the expression makes, whatever its name; fio has the module from the configuration."""
    module = tmp_path / "mydisk.so"
    subprocess.run(["cc", "-fPIC", "-shared", "-I", ROOT / "include", ROOT / "app/templates/minimal/bdev_mydisk.c", "-o",
                    module], check=True)
    passed, skipped = passes("--module", module, "error(mydisk:4M)")
    assert {"EE_mydisk: bdevkit check", "EE_mydisk: nbdcopy", "EE_mydisk: fio, random writes"} <= set(passed)
    assert skipped == ["EE_mydisk: fio, trim"]


def test_configuration(tmp_path):
    (tmp_path / "file").write_bytes(bytes(8 << 20))
    config = configuration(
        tmp_path, ("bdev_uring_create", {"name": "file", "filename": str(tmp_path / "file"), "block_size": 512}),
        ("bdev_malloc_create", {"name": "base", "num_blocks": 32768, "block_size": 512}),
        ("bdev_zone_block_create", {"name": "zones", "base_bdev": "base", "zone_capacity": 2048,
                                    "optimal_open_zones": 4}))
    passed, skipped = passes("--json", config, "--overwrite", "file", "zones")
    assert "file: fio, random writes" in passed and "file: qemu-io" in passed and "zones: fio, zones" in passed
    assert "zones: NBD clients" in skipped


def test_kept_data_are_not_overwritten(tmp_path):
    held = os.urandom(8 << 20)
    (tmp_path / "file").write_bytes(held)
    config = configuration(
        tmp_path, ("bdev_aio_create", {"name": "file", "filename": str(tmp_path / "file"), "block_size": 512}))
    code, out, _ = run("--json", config, "file")
    assert code == 2 and "say with --overwrite" in out
    assert (tmp_path / "file").read_bytes() == held


def test_without_data(tmp_path):
    config = configuration(tmp_path, ("bdev_null_create", {"name": "null", "num_blocks": 32768, "block_size": 512}))
    passed, skipped = passes("--json", config, "--no-data", "null")
    assert "null: qemu-io" in passed and skipped == ["null: fio, trim"]


def test_running_target(target):
    target = target()
    target.rpc("bdev_malloc_create", name="m", num_blocks=32768, block_size=512)
    passed, _ = passes("-r", target.rpc_path, "--overwrite", "m")
    assert passed == ["m: bdevkit check", "m: nbdinfo", "m: qemu-io", "m: nbdcopy"]


def test_broken_bdev(tmp_path):
    """One that loses what is written is found, by each of the programs."""
    config = configuration(tmp_path, ("bdev_null_create", {"name": "null", "num_blocks": 32768, "block_size": 512}))
    code, out, _ = run("--json", config, "null")
    assert code == 1
    for name in ("bdevkit check", "qemu-io", "nbdcopy", "fio, random writes"):
        assert "FAILED  null: %s\n" % name in out
    assert re.search(r"^\d+ passed, [4-9] failed, 1 skipped$", out.splitlines()[-1])


def test_unknown_bdev(tmp_path):
    config = configuration(tmp_path, ("bdev_null_create", {"name": "null", "num_blocks": 32768, "block_size": 512}))
    code, out, _ = run("--json", config, "none")
    assert code == 1 and "FAILED  none: bdevkit check\n" in out


@pytest.mark.parametrize("words, text", [
    ([], "no block device is named"),
    (["--json"], "--json needs a value"),
    (["--nonsense", "x"], "there is no option --nonsense"),
    (["--json", "a", "-r", "b", "x"], "--json and -r are two ways"),
    (["-r", "b", "x"], "--overwrite"),
    (["-r", "b", "--overwrite", "--module", "m", "x"], "not for a target"),
    (["nonsense"], "nonsense"),
])
def test_wrong_usage(words, text):
    code, _, err = run(*words)
    assert code == 2 and text in err


def test_help():
    code, out, _ = run("--help")
    assert code == 0 and out.startswith("usage: bdev.sh")
