# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit new, as somebody uses it who has bdevkit installed and nothing else of it: what it writes builds, and is right."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from conftest import BUILD, ROOT, run

KINDS = {"disk": (), "filter": ("--kind", "filter"), "minimal": ("--minimal",)}
EXPRESSIONS = {"disk": "mine_2:16M", "filter": "mine_2(malloc:16M)", "minimal": "mine_2:16M"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment that finds bdevkit in a place that it was not configured for, and not the source."""
    root = tmp_path_factory.mktemp("installed")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
    program, pc = next(root.rglob("bin/bdevkit")), next(root.rglob("bdevkit.pc"))
    return dict(os.environ, PATH=f"{program.parent}:{os.environ['PATH']}", PKG_CONFIG_PATH=str(pc.parent),
                PKG_CONFIG_SYSROOT_DIR=str(root))


def shell(line, folder, environment, check=True):
    result = run("sh", "-c", line, cwd=folder, env=environment, check=check)
    assert "Sanitizer" not in result.stderr, result.stderr
    return result


def test_the_line_of_the_readme(installed, tmp_path):
    start = time.monotonic()
    result = shell("bdevkit new mydisk && cd mydisk && make && bdevkit check --module ./mydisk.so mydisk:64M", tmp_path,
                   installed)
    assert re.search(r"\n\nmydisk: \d+ rules, \d+ checks, 0 broken", result.stdout)
    print(f"{time.monotonic() - start:.1f} s")


@pytest.mark.parametrize("kind", KINDS)
def test_it_builds_without_warnings_and_its_own_test_passes(installed, tmp_path, kind):
    shell("bdevkit new mine_2 " + " ".join(KINDS[kind]), tmp_path, installed)
    for path in (tmp_path / "mine_2").iterdir():
        assert not re.search("my(disk|filter)", path.name + path.read_text(), re.I), path
    for compiler in ("cc", "clang"):
        if shutil.which(compiler):
            shell(f"make clean && make CC={compiler} CFLAGS='-O2 -Werror'", tmp_path / "mine_2", installed)
    result = shell("make check", tmp_path / "mine_2", installed)
    assert result.stdout.count("0 broken") >= 2 and "MINE_2" not in result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_linked_into_a_program_from_the_same_source(installed, tmp_path, kind):
    shell("bdevkit new mine_2 " + " ".join(KINDS[kind]), tmp_path, installed)
    folder = tmp_path / "mine_2"
    (folder / "main.c").write_text('#include "spdk/bdev_module.h"\n#include <stdio.h>\n'
                                   'int main(void) { return spdk_bdev_module_list_find("mine_2") == NULL; }\n')
    sanitizer = "-fsanitize=address,undefined" if b"__asan_init" in (BUILD / "libbdevkit.so").read_bytes() else ""
    shell(f"cc {sanitizer} -o program *.c $(pkg-config --cflags --libs bdevkit) && "
          "LD_LIBRARY_PATH=$(pkg-config --variable=libdir bdevkit) ./program", folder, installed)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_installed_loaded_saved_and_unloaded(installed, tmp_path, target, kind, monkeypatch):
    shell("bdevkit new mine_2 " + " ".join(KINDS[kind]), tmp_path, installed)
    shell(f"make && make install DESTDIR={tmp_path}/root", tmp_path / "mine_2", installed)
    module = next((tmp_path / "root").rglob("bdevkit/modules/mine_2.so"))
    monkeypatch.setenv("BDEVKIT_MODULE_PATH", str(module.parent))
    server = target("--module", "mine_2", EXPRESSIONS[kind])
    info = server.rpc("bdev_get_bdevs", name="mine_2")[0]
    assert info["product_name"] == "mine_2" and info["num_blocks"] * info["block_size"] == 16 << 20
    assert run("nbdinfo", "--size", server.uri("mine_2")).stdout.strip() == str(16 << 20)
    if kind != "minimal":
        saved = server.rpc("save_config")
        (tmp_path / "saved.json").write_text(json.dumps(saved))
        server.rpc("bdev_mine_2_delete", name="mine_2")
        server.rpc("module_unload", name="mine_2")
        assert server.stop() == 0
        server = target("--json", tmp_path / "saved.json")
        assert server.rpc("bdev_get_bdevs", name="mine_2")[0]["uuid"] == info["uuid"]


def test_the_filter_refuses_writes_and_waits_for_its_base(installed, tmp_path, target):
    shell("bdevkit new mine_2 --kind filter && cd mine_2 && make", tmp_path, installed)
    server = target("--module", tmp_path / "mine_2/mine_2.so", "mine_2(malloc:1M,read_only=true)")
    assert run("qemu-io", "-f", "raw", "-c", "write 0 4k", server.uri("mine_2"), check=False).returncode != 0
    assert server.rpc("bdev_get_bdevs", name="mine_2")[0]["driver_specific"]["mine_2"]["read_only"] is True
    server.rpc("bdev_mine_2_create", name="later", base_bdev_name="base")
    server.rpc("bdev_malloc_create", name="base", num_blocks=64, block_size=512)
    assert server.rpc("bdev_get_bdevs", name="later")[0]["num_blocks"] == 64


def test_the_minimal_module_is_short(capsys):
    """Without comments and blank lines, in the form that the rest of the tree has."""
    text = (ROOT / "app/templates/minimal/bdev_mydisk.c").read_text()
    lines = [line for line in re.sub(r"/\*.*?\*/", "", text, flags=re.S).splitlines() if line.strip()]
    with capsys.disabled():
        print(f"\nthe minimal module: {len(lines)} lines")
    assert len(lines) < 70 and max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", ["int", "errno", "stat"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_name_will_do(installed, tmp_path, kind, name):
    """Words that C, or the headers of the system, have for something else, too."""
    shell(f"bdevkit new {name} " + " ".join(KINDS[kind]), tmp_path, installed)
    shell("make CFLAGS='-O0 -Werror'", tmp_path / name, installed)
    expression = EXPRESSIONS[kind].replace("mine_2", name)
    shown = shell(f"bdevkit show --module ./{name}.so '{expression}'", tmp_path / name, installed).stdout
    assert f'"bdev_{name}_create"' in shown


def test_wrong_words(installed, tmp_path):
    for words, code, text in (("", 2, "name"), ("a b", 2, "name"), ("9x", 2, "letter"), ("a-b", 2, "letters"),
                              ("Disk", 2, "small letters"), ("x" * 33, 2, "32"), ("malloc", 2, "has a module malloc"),
                              ("file", 2, "file:... means another bdev"), ("raid5", 2, "raid5:... means another bdev"),
                              ("spdk", 2, "begin with spdk_"), ("bdk_x", 2, "begin with"), ("pthread", 2, "pthread_"),
                              ("x --kind tape", 2, "disk or filter"), ("x --kind filter --minimal", 2, "for disks")):
        result = shell(f"bdevkit new {words}", tmp_path, installed, check=False)
        assert result.returncode == code and text in result.stderr, words
    assert not list(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    result = shell("bdevkit new mine", tmp_path, installed, check=False)
    assert result.returncode == 1 and "mine: File exists" in result.stderr
    result = shell("bdevkit new other", tmp_path, dict(installed, BDEVKIT_TEMPLATES="/nowhere"), check=False)
    assert result.returncode == 1 and "/nowhere/disk" in result.stderr and not Path(tmp_path / "other").exists()
