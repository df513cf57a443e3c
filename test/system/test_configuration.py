# SPDX-License-Identifier: BSD-3-Clause
"""A saved configuration brings back what was there; a broken one is refused with its place and leaves nothing."""

import json
import os

import pytest

from conftest import BDEVKIT, run


def names(served):
    return [(bdev["name"], bdev["product_name"], bdev["uuid"], bdev["num_blocks"])
            for bdev in served.rpc("bdev_get_bdevs")]


def exports(served):
    return [(one["name"], one["bdev_name"], one["read_only"]) for one in served.rpc("nbd_get_exports")]


def test_round_trip(target, tmp_path):
    image = tmp_path / "disk.img"
    image.touch()
    os.truncate(image, 8 << 20)
    served = target()
    served.rpc("bdev_malloc_create", name="plain", num_blocks=2048, block_size=512)
    served.rpc("bdev_malloc_create", name="metadata", num_blocks=2048, block_size=512, md_size=8, md_interleave=True)
    served.rpc("bdev_malloc_create", name="separate", num_blocks=256, block_size=4096, md_size=64)
    served.rpc("bdev_null_create", name="nothing", num_blocks=1 << 30, block_size=4096)
    served.rpc("bdev_aio_create", name="file", filename=str(image), block_size=512, fallocate=True)
    served.rpc("bdev_passthru_create", name="over", base_bdev_name="file")
    served.rpc("bdev_passthru_create", name="over over", base_bdev_name="over")
    served.rpc("nbd_export_create", bdev_name="plain", name="a plain disk", description="for tests", read_only=True)
    saved = served.rpc("save_config")
    before = (names(served), exports(served))
    assert served.stop() == 0

    path = tmp_path / "saved.json"
    path.write_text(json.dumps(saved, indent=2))
    again = target("--json", path, nbd=False)
    assert sorted(names(again)) == sorted(before[0])
    assert exports(again) == before[1]
    assert again.rpc("save_config") == saved
    run("nbdinfo", again.uri("a%20plain%20disk"))


def test_rpc_py_saves_and_loads(target, tmp_path):
    from conftest import ROOT
    served = target()
    rpc = [ROOT / "scripts/rpc.py", "-s", served.rpc_path]
    run(*rpc, "bdev_malloc_create", "-b", "disk", "16", "512")
    saved = run(*rpc, "save_config").stdout
    # What is there already cannot be loaded once more.
    assert run(*rpc, "load_config", check=False, input=saved).returncode == 1
    for name, *_ in names(served):
        run(*rpc, "bdev_malloc_delete", name)
    run(*rpc, "nbd_listener_delete", f"address=unix:{served.nbd_path}")
    path = tmp_path / "saved.json"
    path.write_text(saved)
    run(*rpc, "load_config", "-j", path)
    assert sorted(name for name, *_ in names(served)) == ["disk", "memory"]


def test_what_waits_for_its_base_is_mentioned(target, tmp_path):
    config = [{"subsystem": "bdev", "config": [
        {"method": "bdev_passthru_create", "params": {"name": "over", "base_bdev_name": "mislaid"}},
        {"method": "bdev_passthru_create", "params": {"name": "upper", "base_bdev_name": "lower"}},
        {"method": "bdev_malloc_create", "params": {"name": "lower", "num_blocks": 8, "block_size": 512}}]}]
    path = tmp_path / "waiting.json"
    path.write_text(json.dumps({"subsystems": config}))
    served = target("--json", path)
    lines = [line for line in served.output.splitlines() if "not there" in line]
    assert len(lines) == 1 and "over" in lines[0] and "mislaid" in lines[0]


@pytest.mark.parametrize("arguments", [["-s", "32"], ["-s", "48M"], ["--json", "tiny.json"],
                                       ["--json", "tiny.json", "-m", "0x3"]])
def test_little_memory_is_enough(target, tmp_path, arguments):
    """Pools follow the memory that there is, and caches the pools."""
    if "-m" in arguments and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU")
    config = [{"subsystem": "iobuf", "config": [
        {"method": "iobuf_set_options", "params": {"small_pool_count": 64, "large_pool_count": 8}}]}]
    (tmp_path / "tiny.json").write_text(json.dumps({"subsystems": config}))
    image, copy = tmp_path / "disk.img", tmp_path / "copy.img"
    image.write_bytes(os.urandom(4 << 20))
    served = target(*[tmp_path / word if word == "tiny.json" else word for word in arguments], image)
    run("nbdcopy", "--connections=4", served.uri("disk.img"), copy)
    assert copy.read_bytes() == image.read_bytes()
    image.write_bytes(bytes(4 << 20))
    run("nbdcopy", "--connections=4", copy, served.uri("disk.img"))
    assert copy.read_bytes() == image.read_bytes()
    assert "ERROR" not in served.stderr()


def test_too_little_memory_says_what_needs_more(tmp_path):
    result = run(BDEVKIT, "serve", "-r", tmp_path / "rpc.sock", "-s", "1", check=False)
    assert result.returncode == 1
    assert "raise the memory size" in result.stderr and "large_pool_count" in result.stderr


def test_misspelt_subsystem_is_mentioned(target, tmp_path):
    path = tmp_path / "misspelt.json"
    path.write_text('{"subsystems": [\n{"subsystem": "bdve", "config": []}]}')
    served = target("--json", path)
    assert 'misspelt.json:2: there is no subsystem "bdve"; was "bdev" meant?' in served.stderr()
    assert served.stderr().count("bdve") == 1


BROKEN = {
    "not JSON": ('{"subsystems": [\n  oops\n]}', [":2"]),
    "not an object": ("[]", []),
    "no such method": (
        '{"subsystems": [{"subsystem": "bdev", "config": [\n'
        '  {"method": "bdev_maloc_create", "params": {}}\n]}]}', [":2", "bdev_maloc_create"]),
    "no such parameter": (
        '{"subsystems": [{"subsystem": "bdev", "config": [\n{"method": "bdev_malloc_create",\n'
        '"params": {"num_blocks": 8, "block_size": 512, "colour": "red"}}]}]}',
        ["bdev_malloc_create", "colour"]),
    "wrong type": (
        '{"subsystems": [{"subsystem": "bdev", "config": [\n\n\n{"method": "bdev_malloc_create",\n'
        '"params": {"num_blocks": "many", "block_size": 512}}]}]}', [":5", "num_blocks"]),
    "missing parameter": (
        '{"subsystems": [{"subsystem": "bdev", "config": [\n{"method": "bdev_malloc_create",\n'
        '"params": {"num_blocks": 8}}]}]}', ["block_size"]),
    "refused by the method": (
        '{"subsystems": [{"subsystem": "bdev", "config": [\n{"method": "bdev_aio_create",\n'
        '"params": {"name": "x", "filename": "/does/not/exist", "block_size": 512}}]}]}',
        ["bdev_aio_create", "/does/not/exist"]),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_configuration(fault, tmp_path):
    text, words = BROKEN[fault]
    folder = tmp_path / "run"
    folder.mkdir()
    path = tmp_path / "broken.json"
    path.write_text(text)
    result = run(BDEVKIT, "serve", "-r", folder / "rpc.sock", "--nbd", f"unix:{folder}/nbd.sock", "--json", path,
                 check=False)
    assert result.returncode == 1
    assert str(path) in result.stderr
    for word in words:
        assert word in result.stderr
    assert "Sanitizer" not in result.stderr
    assert list(folder.iterdir()) == []


def test_missing_configuration(tmp_path):
    result = run(BDEVKIT, "serve", "-r", tmp_path / "rpc.sock", "--json", "/does/not/exist.json", check=False)
    assert result.returncode == 1
    assert "/does/not/exist.json" in result.stderr
