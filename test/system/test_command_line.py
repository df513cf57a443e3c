# SPDX-License-Identifier: BSD-3-Clause
"""The command line: help, exit codes, what it says when something is wrong."""

import json
import os
import re

import pytest

from conftest import BDEVKIT, ROOT, requires, run


def test_help_and_version():
    text = run(BDEVKIT, "--help").stdout
    assert "serve" in text and "rpc" in text
    assert run(BDEVKIT, "help").stdout == text
    assert run(BDEVKIT, "--version").stdout.startswith("bdevkit ")
    assert "--nbd" in run(BDEVKIT, "serve", "--help").stdout
    assert run(BDEVKIT, "help", "serve").stdout == run(BDEVKIT, "serve", "--help").stdout
    assert "--hugepage" in run(BDEVKIT, "serve", "--help-all").stdout or "huge" in \
        run(BDEVKIT, "serve", "--help-all").stdout
    assert "METHOD" in run(BDEVKIT, "rpc", "--help").stdout


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["help", "nonsense"], ["serve", "--nonsense"], ["serve", "--json"], ["serve", "a/x", "b/x"],
    ["serve", "dir/"], ["rpc", "--nonsense"], ["rpc", "-t", "never", "spdk_get_version"],
])
def test_wrong_usage_is_exit_code_2(arguments):
    result = run(BDEVKIT, *arguments, check=False)
    assert result.returncode == 2
    assert result.stderr.strip()


def commands():
    """As `bdevkit help` lists them."""
    return re.findall(r"^  (\w+) +\S", run(BDEVKIT, "help").stdout.partition("ommands:")[2].partition("\n\n")[0], re.M)


def test_every_command_says_who_complains():
    names = commands()
    assert {"serve", "perf", "dd", "stat", "top", "trace", "raid", "check", "new", "rpc", "matrix", "show"} <= set(names)
    for name in names:
        result = run(BDEVKIT, name, "--nonsense", check=False)
        # help and version have no options.
        if name not in ("help", "version"):
            assert result.returncode == 2, name
            assert result.stderr.startswith(f"bdevkit {name}: ") and "nonsense" in result.stderr, result.stderr
            assert len(result.stderr.splitlines()) <= 4, result.stderr


@pytest.mark.parametrize("name", ["rpc", "stat", "top", "trace", "raid"])
def test_a_target_that_is_missing_is_named(name, tmp_path):
    more = {"rpc": ["spdk_get_version"], "raid": ["status"]}
    result = run(BDEVKIT, name, "-r", tmp_path / "none.sock", *more.get(name, []), check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"bdevkit {name}: {tmp_path}/none.sock: "), result.stderr


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["--json"], ["-s", "much"], ["-p", "first"], ["-m", "zz"], ["-m", "0"], ["-m", "[]"], ["-Q"],
    ["--num-trace-entries", "3"], ["-L", "nothing"],
])
def test_wrong_flags_are_named_and_no_more(arguments):
    """A page of help would hide what is wrong."""
    result = run(BDEVKIT, "serve", *arguments, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    # getopt writes no dash before a letter.
    named = arguments[0].lstrip("-")
    long_names = {"s": "mem-size", "p": "main-core"}
    assert named in result.stderr or long_names[named] in result.stderr
    assert "'bdevkit serve --help'" in result.stderr
    assert len(result.stderr.splitlines()) <= 4


def serve_and_fail(tmp_path, *arguments):
    result = run(BDEVKIT, "serve", "-r", tmp_path / "other.sock", *arguments, check=False)
    assert result.returncode == 1, result.stderr
    assert "Sanitizer" not in result.stderr
    return result.stderr


def test_missing_file_is_named(tmp_path):
    text = serve_and_fail(tmp_path, "--nbd", f"unix:{tmp_path}/n.sock", "/does/not/exist.img")
    assert "/does/not/exist.img" in text
    assert list(tmp_path.iterdir()) == []


def test_wrong_size_is_named(tmp_path):
    image = tmp_path / "odd.img"
    image.write_bytes(b"x" * 1000)
    text = serve_and_fail(tmp_path, "--nbd", f"unix:{tmp_path}/n.sock", image)
    assert "odd.img" in text
    assert "512" in text


def test_addresses_in_use(target, tmp_path):
    served = target()
    result = run(BDEVKIT, "serve", "-r", served.rpc_path, "--nbd", f"unix:{tmp_path}/n.sock", check=False)
    assert result.returncode == 1
    assert served.rpc_path in result.stderr
    text = serve_and_fail(tmp_path, "--nbd", f"unix:{served.nbd_path}")
    assert served.nbd_path in text
    assert served.rpc("spdk_get_version")
    run("nbdinfo", served.uri("memory"))


@pytest.mark.parametrize("address", ["nonsense", "unix:", "tcp:", "tcp:localhost:notaport", "tcp:127.0.0.1:70000"])
def test_wrong_nbd_address(tmp_path, address):
    result = run(BDEVKIT, "serve", "-r", tmp_path / "rpc.sock", "--nbd", address, check=False)
    assert result.returncode == 2
    assert address in result.stderr


def test_export_of_nothing(tmp_path):
    assert "nothing" in serve_and_fail(tmp_path, "--nbd", f"unix:{tmp_path}/n.sock", "--export", "nothing")


def test_read_only(target, tmp_path):
    image = tmp_path / "disk.img"
    image.touch()
    os.truncate(image, 1 << 20)
    served = target("--read-only", image)
    assert json.loads(run("nbdinfo", "--json", served.uri("disk.img")).stdout)["exports"][0]["is_read_only"]


def test_tcp(target):
    served = target("--nbd", "tcp:0", nbd=False)
    uri = next(word for word in served.output.split() if word.startswith("nbd://127.0.0.1:"))
    run("nbdinfo", uri)


def test_rpc_command(target):
    served = target()
    rpc = [BDEVKIT, "rpc", "-r", served.rpc_path]
    assert "bdev_malloc_create" in run(*rpc).stdout
    assert "num_blocks=" in run(*rpc, "bdev_malloc_create", "--help").stdout
    made = run(*rpc, "bdev_malloc_create", "name=17", "num_blocks=2048", "block_size=512").stdout
    assert made == "17\n"
    assert json.loads(run(*rpc, "bdev_get_bdevs", "name=17").stdout)[0]["num_blocks"] == 2048
    wrong = run(*rpc, "bdev_get_bdevs", "name=missing", check=False)
    assert wrong.returncode == 1 and "missing" in wrong.stderr or "No such device" in wrong.stderr
    assert run(*rpc, "bdev_get_bdevs", "colour=red", check=False).returncode == 2
    assert run(*rpc, "no_such_method", check=False).returncode == 2


def test_rpc_without_target(tmp_path):
    result = run(BDEVKIT, "rpc", "-r", tmp_path / "none.sock", "spdk_get_version", check=False)
    assert result.returncode == 1
    assert str(tmp_path / "none.sock") in result.stderr
    result = run(ROOT / "scripts/rpc.py", "-s", tmp_path / "none.sock", "spdk_get_version", check=False)
    assert result.returncode == 1
    assert str(tmp_path / "none.sock") in result.stderr + result.stdout


@pytest.mark.parametrize("words, enabled", [
    ([], True), (["-e"], True), (["--enable", "-o", "read"], True), (["-d"], False), (["--disable"], False)])
def test_rpc_py_options_of_bdev_enable_histogram(target, words, enabled):
    served = target()
    rpc = [ROOT / "scripts/rpc.py", "-s", served.rpc_path]
    run(*rpc, "bdev_malloc_create", "-b", "m0", "1", "512")
    assert run(*rpc, "bdev_enable_histogram", "m0", *words).stdout == "true\n"
    entries = json.loads(run(*rpc, "framework_get_config", "bdev").stdout)
    assert ("bdev_enable_histogram" in [entry["method"] for entry in entries]) == enabled


def test_rpc_py_as_the_guide_uses_it(target):
    served = target()
    rpc = [ROOT / "scripts/rpc.py", "-s", served.rpc_path]
    assert run(*rpc, "bdev_malloc_create", "-b", "test_bdev", "64", "512").stdout.strip() == "test_bdev"
    bdev = json.loads(run(*rpc, "bdev_get_bdevs", "-b", "test_bdev").stdout)[0]
    assert bdev["num_blocks"] * bdev["block_size"] == 64 << 20
    run(*rpc, "bdev_passthru_create", "-b", "test_bdev", "-p", "over")
    run(*rpc, "bdev_passthru_delete", "over")
    run(*rpc, "bdev_malloc_delete", "test_bdev")
    assert run(*rpc, "bdev_malloc_delete", "test_bdev", check=False).returncode == 1


def test_read_only_holds_for_whatever_is_served(target):
    """Also for a disk without a file behind it, and for one that comes later."""
    served = target("--read-only")
    served.rpc("bdev_malloc_create", name="later", num_blocks=2048, block_size=512)
    for name in ("memory", "later"):
        assert json.loads(run("nbdinfo", "--json", served.uri(name)).stdout)["exports"][0]["is_read_only"]
        assert run("qemu-io", "-f", "raw", "-c", "write 0 512", served.uri(name), check=False).returncode != 0
    assert "read-only" in served.output


def test_printed_lines_can_be_pasted(target):
    """All but the one for nbd-client, which needs the kernel's driver."""
    requires("fio")
    requires("qemu-system-x86_64")
    served = target()
    lines = dict(line.split(None, 1) for line in served.output.splitlines() if line.startswith("    "))
    assert set(lines) == {"URI", "qemu", "nbd-client", "fio"}
    assert "export-size: 1073741824" in run("nbdinfo", lines["URI"].strip()).stdout
    fio = run("sh", "-c", lines["fio"].replace("--runtime=5", "--runtime=1")).stdout
    assert "IOPS=" in fio and "err= 0" in fio
    monitor = run("sh", "-c", lines["qemu"] + " -accel tcg -display none -S -monitor stdio",
                  input="info block\nquit\n").stdout
    assert lines["URI"].strip() in monitor


def test_printed_lines_are_safe_for_any_name(target, tmp_path):
    """A file's name may hold anything; what is printed neither runs it nor steers the terminal."""
    image = tmp_path / "x'$(touch pwned)'\033[31m \n.img"
    image.touch()
    os.truncate(image, 1 << 20)
    served = target(image)
    assert "\033" not in served.output.split("    URI", 1)[0]
    # The name spans two lines here, as it does in what a person would mark and paste.
    command = served.output.split("    nbd-client  ", 1)[1].split("    fio ", 1)[0].rstrip("\n")
    words = run("sh", "-c", "printf '%s\\n' " + command, cwd=tmp_path).stdout
    assert words.endswith("-N\n" + image.name + "\n")
    assert not (tmp_path / "pwned").exists()


def test_listener_of_the_configuration_may_be_named_again(target, tmp_path):
    served = target()
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps(served.rpc("save_config")))
    assert served.stop() == 0
    again = target("--json", saved)
    run("nbdinfo", again.uri("memory"))


def test_a_file_is_served_by_one_target(target, tmp_path):
    """The locks are those of QEMU, whose tools are kept out as well; --no-lock is for who knows better."""
    image = tmp_path / "disk.img"
    image.touch()
    os.truncate(image, 1 << 20)
    served = target(image)
    for arguments in ([], ["--read-only"]):
        text = serve_and_fail(tmp_path, "--nbd", f"unix:{tmp_path}/n.sock", *arguments, image)
        assert "another process uses the file" in text and "no_lock" in text
    refused = run("qemu-io", "-f", "raw", "-c", "write 0 512", image, check=False)
    assert refused.returncode != 0 and "lock" in refused.stderr
    folder = tmp_path / "second"
    folder.mkdir()
    target("--no-lock", image, folder=folder)
    assert served.stop() == 0
    run("qemu-io", "-f", "raw", "-c", "write 0 512", image)


def test_readers_share_a_file(target, tmp_path):
    image = tmp_path / "disk.img"
    image.touch()
    os.truncate(image, 1 << 20)
    target("--read-only", image)
    folder = tmp_path / "second"
    folder.mkdir()
    target("--read-only", image, folder=folder)
    assert "another process" in serve_and_fail(tmp_path, "--nbd", f"unix:{tmp_path}/n.sock", image)


def test_file_in_the_way_of_a_socket(tmp_path):
    path = tmp_path / "file"
    path.write_text("precious")
    assert "no socket" in serve_and_fail(tmp_path, "--nbd", f"unix:{path}")
    assert path.read_text() == "precious"
