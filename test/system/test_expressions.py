# SPDX-License-Identifier: BSD-3-Clause
"""Bdev expressions: what they stand for, what is wrong with them and where, and the commands that take them."""

import json
import os

import pytest

from conftest import BDEVKIT, run

SIZE = 4 << 20


@pytest.fixture
def folder(tmp_path):
    for name in ("a.img", "b.img", "with,comma(1).img", "colon:name"):
        (tmp_path / name).write_bytes(bytes(SIZE))
    (tmp_path / "fixed.img").write_bytes(bytes(SIZE))
    return tmp_path


def show(folder, *words):
    result = run(BDEVKIT, "show", *words, cwd=folder)
    subsystems = json.loads(result.stdout)["subsystems"]
    assert [subsystem["subsystem"] for subsystem in subsystems] == ["bdev"]
    return [(entry["method"], entry["params"]) for entry in subsystems[0]["config"]]


def of_file(name, path=None):
    return ("bdev_uring_create", {"name": name, "filename": path or name, "block_size": 512})


MALLOC = ("bdev_malloc_create", {"name": "malloc", "num_blocks": 131072, "block_size": 512})

MEANINGS = {
    "malloc:64M": [MALLOC],
    "malloc:64MiB": [MALLOC],
    "malloc:65536K": [MALLOC],
    "malloc:67108864": [MALLOC],
    "malloc:0x4000000": [MALLOC],
    "malloc(num_blocks=128K)": [MALLOC],
    "malloc:64M(block_size=4K,md_size=8,md-interleave=yes,name=m)": [
        ("bdev_malloc_create", {"name": "m", "num_blocks": 16384, "block_size": 4096, "md_size": 8, "md_interleave": True})],
    "null:1T": [("bdev_null_create", {"name": "null", "num_blocks": 1 << 31, "block_size": 512})],
    "file:a.img": [of_file("a.img")],
    "uring:a.img(block_size=4K)": [("bdev_uring_create", {"name": "uring", "filename": "a.img", "block_size": 4096})],
    'file:"with,comma(1).img"': [of_file("with,comma(1).img")],
    "file:with\\,comma\\(1\\).img": [of_file("with,comma(1).img")],
    "passthru(malloc:64M)": [MALLOC, ("bdev_passthru_create", {"name": "passthru", "base_bdev_name": "malloc"})],
    "passthru(there)": [("bdev_passthru_create", {"name": "passthru", "base_bdev_name": "there"})],
    "crypto(file:a.img,key_name=k)": [
        of_file("a.img"), ("bdev_crypto_create", {"name": "crypto", "base_bdev_name": "a.img", "key_name": "k"})],
    "crypto(there,key=k)": [("bdev_crypto_create", {"name": "crypto", "base_bdev_name": "there", "key_name": "k"})],
    f"crypto(there,cipher=AES_XTS,key={'1f' * 16},key2={'2F' * 16})": [
        ("bdev_crypto_create", {"name": "crypto", "base_bdev_name": "there", "cipher": "AES_XTS", "key": "1f" * 16,
                                "key2": "2F" * 16})],
    "error(malloc:64M)": [MALLOC, ("bdev_error_create", {"base_name": "malloc"})],
    "passthru(error(there))": [("bdev_error_create", {"base_name": "there"}),
                               ("bdev_passthru_create", {"name": "passthru", "base_bdev_name": "EE_there"})],
    "split:2(malloc:64M)": [MALLOC, ("bdev_split_create", {"base_bdev": "malloc", "split_count": 2})],
    "split(there,split_count=1)": [("bdev_split_create", {"base_bdev": "there", "split_count": 1})],
    "raid1(split:2(malloc:64M),there)": [
        MALLOC, ("bdev_split_create", {"base_bdev": "malloc", "split_count": 2}),
        ("bdev_raid_create", {"name": "raid1", "base_bdevs": ["mallocp0", "mallocp1", "there"], "raid_level": "raid1"})],
    "raid1(file:a.img,file:b.img,name=mirror)": [
        of_file("a.img"), of_file("b.img"),
        ("bdev_raid_create", {"name": "mirror", "base_bdevs": ["a.img", "b.img"], "raid_level": "raid1"})],
    "raid0(malloc:64M,malloc:64M,strip_size_kb=4)": [
        MALLOC, ("bdev_malloc_create", {**MALLOC[1], "name": "malloc.1"}),
        ("bdev_raid_create", {"name": "raid0", "base_bdevs": ["malloc", "malloc.1"], "raid_level": "raid0",
                              "strip_size_kb": 4})],
    "zone_block(malloc:64M,zone_capacity=1K,optimal_open_zones=1)": [
        MALLOC, ("bdev_zone_block_create", {"name": "zone_block", "base_bdev": "malloc", "zone_capacity": 1024,
                                            "optimal_open_zones": 1})],
}


@pytest.mark.parametrize("text", MEANINGS)
def test_meaning(folder, text):
    """Parameters in any order; the entries in that in which they are made."""
    assert show(folder, text) == MEANINGS[text]


def test_several_and_deep_ones(folder):
    assert [method for method, _ in show(folder, "malloc:1M", "null:1M")] == ["bdev_malloc_create", "bdev_null_create"]
    calls = show(folder, "passthru(" * 150 + "malloc:1M" + ")" * 150)
    assert [params["name"] for _, params in calls] == ["malloc", "passthru"] + [f"passthru.{i}" for i in range(1, 150)]


def test_names(folder):
    """What the bdevs are called that are made in the end, of several, and where the method has no name for them."""
    result = run(BDEVKIT, "show", "--names", "malloc:1M", "error(malloc:1M)", "split:2(null:1M)", "passthru(x,name=y z)", cwd=folder)
    assert result.stdout == "malloc\nEE_malloc.1\nnullp0\nnullp1\ny z\n"
    assert show(folder, "file:somewhere/") == [of_file("file", "somewhere/")]


# At the caret: what follows of the text.
WRONG = {
    "mydsk:64M": ("mydsk:64M", "there is no kind of bdev 'mydsk'"),
    "passthru(mydsk:64M)": ("mydsk:64M)", "there is no kind of bdev 'mydsk'"),
    "malloc:64Q": ("64Q", "a number of bytes"),
    "malloc:-1": ("-1", "a number of bytes"),
    "malloc:99999999999999999999": ("99999", "a number of bytes"),
    "malloc:17E": ("17E", "a number of bytes"),
    "malloc:100": ("100", "100 bytes are no multiple of the block_size, 512"),
    "malloc:4K(block_size=1M,num_blocks=3)": ("4K", "num_blocks is given twice"),
    "malloc:1M(md_size=x)": ("x)", "md_size takes a number"),
    "malloc:1M(md_size=8G)": ("8G)", "md_size is at most"),
    "malloc:1M(md_interleave=perhaps)": ("perhaps)", "true or false"),
    "malloc:1M(uuid=3)": ("3)", "UUID"),
    "malloc:1M(colour=red)": ("colour=red", "malloc has no parameter colour"),
    "malloc:1M(md_size=8,md-size=8)": ("md-size=8)", "given twice"),
    "malloc:1M(null:1M)": ("null:1M)", "stands on no other bdev"),
    "malloc()": ("malloc()", "its size, such as 64M"),
    "malloc:": ("", "its size, such as 64M"),
    "passthru(file:)": (")", "behind the colon: path of a file"),
    "passthru()": ("passthru()", "stands on another bdev"),
    "passthru:3(malloc:1M)": ("3(", "takes no argument"),
    "passthru(malloc:1M,null:1M)": ("null:1M)", "stands on one bdev only"),
    "passthru(base_bdev_name=x)": ("base_bdev_name=x)", "in front of its parameters"),
    "delay(malloc:1M)": ("delay(", "needs the parameter"),
    "split(malloc:1M)": ("split(", "number of parts"),
    "split:0(malloc:1M)": ("0(malloc", "from 1 to 1024 bdevs"),
    "split(malloc:1M,split_count=9G)": ("9G)", "at most"),
    "split(malloc:1M,split_count=1025)": ("1025)", "from 1 to 1024 bdevs"),
    "split:2(malloc:1M,name=x)": ("name=x", "split has no parameter name"),
    "passthru(split:2(malloc:1M))": ("split:2", "these are 2 bdevs, and passthru stands on one only"),
    "raid1(malloc:1M(name=xp1),split:2(malloc:1M(name=x)))": ("split:2", "another bdev of the name xp1"),
    "crypto(malloc:1M,key=k,key_name=k)": ("key_name=k", "given twice"),
    "raid1(malloc:1M,malloc:1M(name=malloc))": ("malloc))", "another bdev of this name"),
    "passthru(malloc:1M": ("(malloc:1M", "this bracket is not closed"),
    "passthru(malloc:1M))": (")", "here the expression should end"),
    "passthru(malloc:1M,)": (")", "here a bdev is due"),
    "passthru(,malloc:1M)": (",malloc", "here a bdev is due"),
    'file:"a.img': ('"a.img', "these quotes are not closed"),
    "(malloc:1M)": ("(malloc", "here a bdev is due"),
    "passthru(" * 201 + "x" + ")" * 201: ("passthru(x)", "more than 200"),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
def test_what_is_wrong_and_where(folder, text):
    result = run(BDEVKIT, "show", text, check=False, cwd=folder)
    message, shown, caret = result.stderr.splitlines()
    rest, reason = WRONG[text]
    assert result.returncode == 1 and not result.stdout
    assert reason in message and message.startswith("bdevkit show: ")
    assert shown == "  " + text and caret.strip() == "^"
    assert shown[caret.index("^"):].startswith(rest)


def test_serve(target, folder):
    server = target("malloc:1M", 'raid1(file:"with,comma(1).img",file:b.img,name=mirror)', "a.img", "colon:name",
                    "passthru(malloc,name=over)")
    sizes = {export: int(run("nbdinfo", "--size", server.uri(export)).stdout) for export in
             ("over", "mirror", "a.img", "colon%3Aname")}
    assert sizes == {"over": 1 << 20, "mirror": SIZE, "a.img": SIZE, "colon%3Aname": SIZE}
    image = folder / "image"
    image.write_bytes(os.urandom(SIZE))
    run("nbdcopy", image, server.uri("mirror"))
    assert server.stop() == 0
    assert (folder / "b.img").read_bytes() == image.read_bytes() == (folder / "with,comma(1).img").read_bytes()


def test_serve_with_a_key_of_the_configuration(target, folder):
    """What is written to crypto(file:a.img,key=k) comes back, and is not what the file holds."""
    config = folder / "keys.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "accel", "config": [
        {"method": "accel_crypto_key_create",
         "params": {"name": "k", "cipher": "AES_XTS", "key": "11" * 16, "key2": "22" * 16}}]}]}))
    image, back = folder / "image", folder / "back"
    image.write_bytes(os.urandom(SIZE))
    server = target("--json", config, "crypto(file:a.img,key=k)", "split:2(malloc:2M)")
    run("nbdcopy", image, server.uri("crypto"))
    run("nbdcopy", server.uri("crypto"), back)
    assert [int(run("nbdinfo", "--size", server.uri(part)).stdout) for part in ("mallocp0", "mallocp1")] == [1 << 20] * 2
    assert server.stop() == 0
    assert back.read_bytes() == image.read_bytes() != (folder / "a.img").read_bytes()


def test_serve_refuses_with_a_place(folder):
    result = run(BDEVKIT, "serve", "-r", "rpc.sock", "--nbd", "unix:nbd.sock", "passthru(malloc:1Q)", check=False, cwd=folder)
    assert result.returncode == 1
    assert "  passthru(malloc:1Q)\n                  ^" in result.stderr


def test_check(folder):
    result = run(BDEVKIT, "check", "malloc:1M", "passthru(malloc,name=over)", cwd=folder, check=False)
    assert result.returncode == 1 and "claimed" in result.stdout + result.stderr
    result = run(BDEVKIT, "check", "--json-output", "passthru(malloc:1M)", cwd=folder)
    assert [one["bdev"] for one in json.loads(result.stdout)] == ["passthru"]
    result = run(BDEVKIT, "check", "file:a.img", cwd=folder, check=False)
    assert result.returncode == 1 and "--overwrite" in result.stderr
    result = run(BDEVKIT, "check", "malloc:1Q", cwd=folder, check=False)
    assert result.returncode == 1 and "^" in result.stderr
    result = run(BDEVKIT, "check", "--sim", "--schedules", "2", "--json-output", "split:2(malloc:1M)", "error(malloc:1M)",
                 cwd=folder)
    assert [one["bdev"] for one in json.loads(result.stdout)] == ["mallocp0", "mallocp1", "EE_malloc.1"]
    assert "0 broken" in run(BDEVKIT, "check", "--sim", "--schedules", "5", "malloc:1M", cwd=folder).stdout


def test_check_with_a_configuration(folder):
    """One that has something the expression stands on; comments stay allowed."""
    config = folder / "config.json"
    config.write_text('{ /* below */ "subsystems": [{"subsystem": "bdev", "config": [{"method": "bdev_malloc_create", '
                      '"params": {"name": "there", "num_blocks": 2048, "block_size": 512}}]}]}')
    assert "0 broken" in run(BDEVKIT, "check", "--json", config, "passthru(there)", cwd=folder).stdout
    config.write_text("[]")
    result = run(BDEVKIT, "check", "--json", config, "passthru(there)", cwd=folder, check=False)
    assert result.returncode == 1 and "no object" in result.stderr
