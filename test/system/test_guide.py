# SPDX-License-Identifier: BSD-3-Clause
"""The module author's guide, doc/guide: its code is compiled and keeps the rules, its tables and commands are true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BDEVKIT, BUILD, ROOT, RpcError, run
from test_readme import follow

GUIDE = ROOT / "doc/guide"
EXAMPLES = ROOT / "doc/examples"
sys.path.insert(0, str(ROOT / "doc/sphinx"))

import c_header  # noqa: E402

# The modules, and what is made of each to be checked.
MODULES = {
    "doc/examples/bdev_queue.c": ["queue:8192"],
    "doc/examples/bdev_meta.c": ["meta:4096", "meta:4096(md_interleave=true)", "meta:4096(dif_type=2)",
                                 "meta:4096(md_interleave=true,dif_type=3)"],
    "doc/examples/bdev_direct.c": ["direct:1024"],
    "doc/examples/vbdev_mask.c": ["mask(malloc:4M)", "mask(malloc:4M(block_size=4K),mask=3)"],
    "test/system/guide_module/bdev_forms.c": ["forms(name=forms,num_blocks=4096)"],
}
# Others build and run these.
ELSEWHERE = {"app/templates/disk": "test_new.py", "app/templates/filter": "test_new.py",
             "app/templates/minimal": "test_new.py", "test/system/guide_module/bdev_your.c": "test_guide_module.py"}
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
         "-Wno-missing-field-initializers", "-I", ROOT / "include"]


def sanitizer():
    return ["-fsanitize=address,undefined"] if b"__asan_init" in (BUILD / "libbdevkit.so").read_bytes() else []


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build("doc/examples/bdev_queue.c"): the module, made once."""
    folder = tmp_path_factory.mktemp("modules")

    def one(source):
        path = folder / Path(source).with_suffix(".so").name
        if not path.exists():
            run("cc", *FLAGS, *sanitizer(), "-fPIC", "-shared", "-o", path, ROOT / source)
        return path

    return one


def check(*words):
    result = run(BDEVKIT, "check", *words)
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
    return result.stdout


@pytest.mark.parametrize("source", MODULES)
def test_a_module_of_the_guide_keeps_the_rules(build, source):
    out = check("--module", build(source), *MODULES[source])
    assert out.count(" 0 broken") == len(MODULES[source])


@pytest.mark.parametrize("source", ["doc/examples/bdev_queue.c", "doc/examples/bdev_direct.c", "doc/examples/vbdev_mask.c"])
def test_it_does_so_in_schedules_and_on_several_threads(build, source):
    assert " 0 broken" in check("--module", build(source), "--sim", "--schedules", "10", MODULES[source][0])
    assert " 0 broken" in check("--module", build(source), "--threads", "2", MODULES[source][0])


def test_the_unit_test_of_the_guide_passes(tmp_path):
    run("cc", *FLAGS, *sanitizer(), "-o", tmp_path / "test_queue", EXAMPLES / "test_queue.c", "-L", BUILD,
        f"-Wl,-rpath,{BUILD}", "-lbdevkit")
    assert run(tmp_path / "test_queue").stdout == "3 passed, 0 failed\n"


@pytest.mark.parametrize("config, bdev", [("config.json", "over"), ("small.json", "over")])
def test_the_configurations_of_the_pages_load(config, bdev):
    assert " 0 broken" in check("--json", EXAMPLES / config, bdev)


def test_a_disk_grows_while_it_is_used(build, target):
    served = target("--module", build("doc/examples/bdev_queue.c"))
    served.rpc("bdev_queue_create", name="grows", num_blocks=1024, capacity_blocks=4096)
    served.rpc("bdev_queue_resize", name="grows", num_blocks=2048)
    assert run("nbdinfo", "--size", served.uri("grows")).stdout.strip() == str(2048 * 512)
    # Somebody has it open from here on.
    served.rpc("bdev_passthru_create", name="over", base_bdev_name="grows")
    for num_blocks, code in ((8192, -28), (512, -16)):
        with pytest.raises(RpcError) as error:
            served.rpc("bdev_queue_resize", name="grows", num_blocks=num_blocks)
        assert error.value.code == code
    served.rpc("bdev_queue_resize", name="grows", num_blocks=3072)
    assert served.rpc("bdev_get_bdevs", name="over")[0]["num_blocks"] == 3072
    saved = [entry["params"] for part in served.rpc("save_config")["subsystems"] for entry in part["config"] or []
             if entry["method"] == "bdev_queue_create"]
    assert [(one["num_blocks"], one["capacity_blocks"]) for one in saved] == [(3072, 4096)]


def test_what_the_mask_writes_is_not_what_lies_on_the_base(build, target, tmp_path):
    served = target("--module", build("doc/examples/vbdev_mask.c"))
    served.rpc("bdev_malloc_create", name="base", num_blocks=2048, block_size=512)
    data = os.urandom(2048 * 512)
    (tmp_path / "data").write_bytes(data)
    served.rpc("bdev_mask_create", name="over", base_bdev_name="base", mask=0x55)
    run("nbdcopy", tmp_path / "data", served.uri("over"))
    run("nbdcopy", served.uri("over"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    served.rpc("nbd_export_create", bdev_name="base", name="raw", read_only=True)
    run("nbdcopy", served.uri("raw"), tmp_path / "raw")
    assert (tmp_path / "raw").read_bytes() == bytes(byte ^ 0x55 for byte in data)


def test_a_reserved_name_is_cleaned_up(build, target):
    """The guide's way to clean up, corrected: unregistering alone frees the bdev, once."""
    served = target("--module", build("test/system/guide_module/bdev_forms.c"))
    for _ in range(3):
        with pytest.raises(RpcError):
            served.rpc("bdev_forms_create", name="reserved0", num_blocks=64)
        served.rpc("bdev_wait_for_examine")
        assert not [bdev for bdev in served.rpc("bdev_get_bdevs") if bdev["name"] == "reserved0"]


def pages_with_commands():
    return sorted(path.name for path in GUIDE.glob("*.md") if "```console" in path.read_text())


@pytest.mark.parametrize("page", pages_with_commands())
def test_the_commands_of_a_page_print_what_it_says(page, target, tmp_path):
    served = target()
    (tmp_path / "scripts").mkdir()
    wrapper = tmp_path / "scripts/rpc.py"
    wrapper.write_text(f'#!/bin/sh\nexec {ROOT}/scripts/rpc.py -s {served.rpc_path} "$@"\n')
    wrapper.chmod(0o755)
    assert follow(GUIDE / page, tmp_path) >= 1


def rows(page, header):
    """The rows of the table whose first column is called so."""
    table = (GUIDE / page).read_text().split(f"| {header} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def is_compiled(path):
    return path in MODULES or path in ("doc/examples/test_queue.c", "doc/examples/small.json") or \
        any(path.startswith(prefix) for prefix in ELSEWHERE)


def test_the_table_of_sections_is_true():
    table = rows("sections.md", "section")
    assert len(table) > 20
    for section, page, file in table:
        target = GUIDE / re.search(r"\((\w+\.md)\)", page).group(1)
        path = file.strip("`")
        assert (ROOT / path).exists() and is_compiled(path), f"{section}: {path} is not compiled"
        shown = re.findall(r"```\{(?:c-code|literalinclude)\} (\S+)", target.read_text())
        shown = {str((GUIDE / one).resolve().relative_to(ROOT)) for one in shown}
        if section != "Core function table":
            assert path in shown, f"{section}: {target.name} shows nothing of {path}"
    assert {path.name for path in GUIDE.glob("*.md")} >= {re.search(r"\((\w+\.md)\)", row[1]).group(1) for row in table}


def test_each_snippet_has_its_place():
    table = rows("sections.md", "snippet")
    assert len(table) == 15
    for snippet, file, name in table:
        path = file.strip("`")
        assert is_compiled(path), path
        assert name.strip("`") in c_header.definitions((ROOT / path).read_text()), f"{snippet}: {path} has no {name}"


def test_code_on_the_pages_comes_from_compiled_files():
    """No page has C that nobody compiles; commands and configurations are other blocks."""
    for page in GUIDE.glob("*.md"):
        text = page.read_text()
        assert "```c\n" not in text, page.name
        for shown in re.findall(r"```\{c-code\} (\S+)", text):
            assert is_compiled(str((GUIDE / shown).resolve().relative_to(ROOT))), f"{page.name}: {shown}"


def test_who_compiles_the_others():
    for test in set(ELSEWHERE.values()):
        assert (ROOT / "test/system" / test).exists()
    subprocess.run(["grep", "-q", "bdev_your", ROOT / "test/system/guide_module/Makefile"], check=True)
