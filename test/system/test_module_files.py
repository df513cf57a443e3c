# SPDX-License-Identifier: BSD-3-Clause
"""Modules that are files: loaded before the start and while it runs, used, unloaded, and refused where they do not fit."""

import json
import os
import struct
import threading
import time

import pytest

from conftest import BDEVKIT, PATIENCE, ROOT, RpcError, run

SOURCE = ROOT / "test/system/loadable_module/bdev_ram.c"
CYCLES = 1000

ENOENT, EBUSY, EEXIST, ENOEXEC, EFAULT, EPERM, ENOSPC, EALREADY = -2, -16, -17, -8, -14, -1, -28, -114


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build("name", "-DSWITCH"): the module, made once for each name."""
    folder = tmp_path_factory.mktemp("modules")

    def one(name="plain", *flags, include=ROOT / "include"):
        path = folder / f"{name}.so"
        if not path.exists():
            run("cc", "-g", "-O1", "-fPIC", "-shared", "-Wall", "-Werror", "-Wno-nested-externs", "-I", include, *flags, SOURCE,
                "-o", path)
        return path

    return one


def modules(target):
    return {module["name"]: module for module in target.rpc("module_list")}


def state(target):
    """All that a module could leave behind, as far as it can be asked for."""
    return (target.rpc("rpc_get_methods", include_aliases=True), target.rpc("log_get_flags"), target.rpc("module_list"),
            target.rpc("trace_get_info"), target.rpc("save_config"))


def refused(target, method, code, **params):
    with pytest.raises(RpcError) as error:
        target.rpc(method, **params)
    assert error.value.code == code, error.value.message
    return error.value.message


def test_loaded_used_and_unloaded_while_the_target_runs(target, build, tmp_path):
    server = target()
    before = state(server)
    server.rpc("module_load", module=str(build()))
    assert modules(server)["ram"] == {"name": "ram", "file": str(build()), "bdevs": 0}
    assert "loadable" in server.rpc("log_get_flags") and "LOADABLE" in json.dumps(server.rpc("trace_get_info")).upper()
    server.rpc("bdev_ram_create", name="disk", num_blocks=128)
    assert modules(server)["ram"]["bdevs"] == 1
    image, back = tmp_path / "image", tmp_path / "back"
    image.write_bytes(os.urandom(128 * 512))
    run("nbdcopy", image, server.uri("disk"))
    run("nbdcopy", server.uri("disk"), back)
    assert back.read_bytes() == image.read_bytes()
    server.rpc("bdev_passthru_create", name="over", base_bdev_name="disk")
    assert "bdev disk is there" in refused(server, "module_unload", EBUSY, name="ram")
    server.rpc("bdev_passthru_delete", name="over")
    assert "bdev disk is there" in refused(server, "module_unload", EBUSY, name="ram")
    server.rpc("bdev_ram_delete", name="disk")
    server.rpc("module_unload", name="ram")
    assert state(server) == before
    refused(server, "bdev_ram_create", -32601, name="disk")
    assert "ram" in refused(server, "module_unload", ENOENT, name="ram")


@pytest.mark.parametrize("flags", [(), ("-DASYNC",)])
def test_it_is_offered_the_bdevs_that_there_are(target, build, flags):
    server = target()
    server.rpc("bdev_malloc_create", name="older", num_blocks=64, block_size=512)
    server.rpc("module_load", module=str(build("async" if flags else "plain", *flags)))
    server.rpc("bdev_malloc_create", name="younger", num_blocks=64, block_size=512)
    assert server.rpc("ram_seen").split() == ["memory", "older", "younger"]
    server.rpc("module_unload", name="ram")


def test_a_method_that_is_being_carried_out_keeps_it(target, build):
    server = target()
    server.rpc("module_load", module=str(build()))
    caller = threading.Thread(target=server.rpc, args=("ram_slow",))
    caller.start()
    deadline = time.monotonic() + PATIENCE
    while "slow" not in server.stderr():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "ram_slow" in refused(server, "module_unload", EBUSY, name="ram")
    server.rpc("ram_go")
    caller.join()
    server.rpc("module_unload", name="ram")


@pytest.mark.parametrize("flags", [(), ("-DASYNC",)])
@pytest.mark.parametrize("words", [(), ("-m", "0x3", "--strict")])
def test_again_and_again(target, build, flags, words):
    """Loaded, used, not unloaded while it is in use, unloaded; what that leaves, LeakSanitizer tells in the end."""
    module = str(build("async" if flags else "plain", *flags))
    server = target(*words)
    before = state(server)
    for _ in range(CYCLES):
        server.rpc("module_load", module=module)
        server.rpc("bdev_ram_create", name="disk")
        refused(server, "module_unload", EBUSY, name="ram")
        server.rpc("bdev_ram_delete", name="disk")
        server.rpc("module_unload", name="ram")
    assert state(server) == before


def test_named_on_the_command_line_by_file_and_by_name(target, build, monkeypatch, tmp_path):
    module = build("bdev_found")
    monkeypatch.setenv("BDEVKIT_MODULE_PATH", f"/nowhere:{module.parent}")
    for word in (module, "found", "bdev_found.so", "bdev_found"):
        server = target("--module", word)
        assert server.rpc("ram_seen") == "memory "
        assert server.stop() == 0
    config = tmp_path / "config.json"
    config.write_text('{"subsystems": [{"subsystem": "bdev", "config": [{"method": "bdev_ram_create", '
                      '"params": {"name": "disk", "num_blocks": 4096}}]}]}')
    assert "kept" in run(BDEVKIT, "check", "--json", config, "--module", "found", "disk").stdout
    result = run(BDEVKIT, "serve", "--module", "lost", check=False)
    assert result.returncode == 2 and "bdev_lost.so" in result.stderr and str(module.parent) in result.stderr


def test_the_configuration_loads_it_and_is_saved_with_it(target, build, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"modules": [str(build())], "subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_ram_create", "params": {"name": "disk"}}]}]}))
    server = target("--json", config)
    assert modules(server)["ram"]["bdevs"] == 1
    assert server.rpc("save_config")["modules"] == [str(build())]
    # One that is there is not loaded again.
    server.rpc("load_config", modules=[str(build())], subsystems=[])
    server.rpc("bdev_ram_delete", name="disk")
    server.rpc("module_unload", name="ram")
    assert "modules" not in server.rpc("save_config")
    server.rpc("load_config", **json.loads(config.read_text()))
    assert modules(server)["ram"]["bdevs"] == 1


@pytest.mark.parametrize("value, word", [("x", "array"), ([3], "quotes"), (["./nowhere.so"], "nowhere.so")])
def test_a_configuration_with_wrong_modules(tmp_path, value, word):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"modules": value, "subsystems": []}))
    result = run(BDEVKIT, "serve", "-r", tmp_path / "rpc.sock", "--nbd", f"unix:{tmp_path}/nbd.sock", "--json", config,
                 check=False)
    assert result.returncode == 1 and word in result.stderr and "config.json:1" in result.stderr, result.stderr


def test_what_does_not_fit_is_refused(target, build, tmp_path):
    """Each leaves the target as it was."""
    server = target()
    before = state(server)
    text = tmp_path / "text.so"
    text.write_text("int main(void) { return 0; }\n" * 100)
    empty = tmp_path / "empty.so"
    empty.write_bytes(b"")
    other = tmp_path / "other.so"
    run("cc", "-shared", "-fPIC", "-x", "c", "-o", other, "-", input="int x;")
    program = tmp_path / "program.so"
    run("cc", "-x", "c", "-o", program, "-", input="int main(void) { return 0; }")
    for path, code, word in (
            (tmp_path / "nowhere.so", ENOENT, "No such file"),
            (tmp_path, -21, "directory"),
            (empty, ENOEXEC, "no shared object"),
            (text, ENOEXEC, "no shared object"),
            (other, ENOEXEC, "SPDK_BDEV_MODULE_REGISTER"),
            (program, ENOEXEC, "SPDK_BDEV_MODULE_REGISTER"),
            (BDEVKIT, ENOEXEC, "SPDK_BDEV_MODULE_REGISTER"),
            (build("symbol", "-DUNKNOWN_SYMBOL"), ENOEXEC, "there_is_no_such_function"),
            (build("init", "-DINIT_RC=-EIO"), -5, "could not be initialised: Input/output error"),
            (build("name", '-DNAME="malloc"'), EEXIST, "bdev module malloc"),
            (build("large", "-DCTX_SIZE=100000"), ENOSPC, "100000 bytes"),
    ):
        assert word in refused(server, "module_load", code, module=str(path)), path
    assert state(server) == before
    server.rpc("module_load", module=str(build()))
    assert "loaded already" in refused(server, "module_load", EALREADY, module=str(build()))
    # The same module from another file; and one with another name, whose methods have those of the first.
    assert "bdev module ram" in refused(server, "module_load", EEXIST, module=str(build("twin", "-DTWIN")))
    assert "bdev_ram_create" in refused(server, "module_load", EEXIST, module=str(build("sister", '-DNAME="sister"',
                                                                                       "-Dloadable=sister")))
    assert "part of the program" in refused(server, "module_unload", EPERM, name="malloc")
    server.rpc("bdev_ram_create", name="disk")


def test_a_truncated_file_is_refused_wherever_it_ends(target, build, tmp_path):
    whole = build().read_bytes()
    cut = tmp_path / "cut.so"
    server = target()
    for length in sorted({*range(0, 130, 7), *range(130, len(whole), len(whole) // 60), len(whole) - 1}):
        cut.write_bytes(whole[:length])
        message = refused(server, "module_load", ENOEXEC, module=str(cut))
        assert "truncated" in message or "no shared object" in message, (length, message)
    cut.write_bytes(whole)
    server.rpc("module_load", module=str(cut))


def test_one_for_another_version_is_refused(target, build, tmp_path):
    """As it was compiled; and its stamp says so before any of its code runs."""
    server = target()
    whole = build().read_bytes()
    place = whole.index(struct.pack("<III8s", 8, 20, 1, b"bdevkit\0")) + 20
    old = tmp_path / "old.so"
    for offset, word in ((0, "version 100"), (4, "struct spdk_bdev has"), (8, "struct spdk_bdev_io has"),
                         (12, "struct spdk_bdev_module has"), (16, "struct spdk_bdev_fn_table has"), (-12, "kind 100")):
        data = bytearray(whole)
        data[place + offset:place + offset + 4] = struct.pack("<I", 100)
        old.write_bytes(data)
        assert word in refused(server, "module_load", ENOEXEC, module=str(old))
        result = run(BDEVKIT, "serve", "--module", old, check=False)
        assert result.returncode == 2 and word in result.stderr


def test_one_that_leaves_something_behind_stays_in_memory(target, build):
    """Its poller still runs: it must not be gone."""
    server = target()
    server.rpc("module_load", module=str(build("leaver", "-DLEAVE_POLLER")))
    assert "poller do_nothing" in refused(server, "module_unload", EFAULT, name="ram")
    assert "ram" not in modules(server)
    assert "in memory" in refused(server, "module_load", EEXIST, module=str(build("leaver")))


def test_one_that_is_linked_to_stay(target, build):
    server = target()
    server.rpc("module_load", module=str(build("stays", "-Wl,-z,nodelete")))
    assert "nodelete" in refused(server, "module_unload", EPERM, name="ram")
    assert "ram" in modules(server)


def test_shutdown_with_it_in_use(target, build):
    """The target ends as it does with modules that it was linked with."""
    for flags in ((), ("-DASYNC",)):
        server = target()
        server.rpc("module_load", module=str(build("async" if flags else "plain", *flags)))
        server.rpc("bdev_ram_create", name="disk")
        assert server.stop() == 0
