# SPDX-License-Identifier: BSD-3-Clause
"""What arrays do in the background, in the real program and under load of real clients."""

import json
import subprocess
import threading
import time

import pytest

from conftest import BDEVKIT, PATIENCE, RpcError, requires, run

MIB = 1 << 20


def malloc(name, mib=32):
    return {"method": "bdev_malloc_create", "params": {"name": name, "num_blocks": mib * MIB // 512, "block_size": 512}}


def error(base):
    return {"method": "bdev_error_create", "params": {"base_name": base}}


def raid(level, members, superblock=False):
    params = {"name": "md0", "raid_level": level, "base_bdevs": members, "superblock": superblock}
    if level not in ("raid1", "concat"):
        params["strip_size_kb"] = 64
    return {"method": "bdev_raid_create", "params": params}


@pytest.fixture
def serve(target, tmp_path):
    def start(*entries):
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": list(entries)}]}))
        return target("--json", path, "--export", "md0")
    return start


def info(served):
    return served.rpc("bdev_raid_get_bdevs", category="all")[0]


def wait_until(served, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition(info(served)):
        assert time.monotonic() < deadline, info(served)
        time.sleep(0.02)
    return info(served)


def is_quiet(array):
    return "process" not in array


def status(served, *arguments):
    return run(BDEVKIT, "raid", "status", "-r", served.rpc_path, *arguments).stdout


@pytest.mark.parametrize("level, count", [("raid1", 2), ("raid5", 4), ("raid6", 5)])
def test_rebuild_while_fio_verifies(serve, tmp_path, level, count):
    """A member is lost, replaced and rebuilt while a client writes and reads back what it wrote."""
    requires("fio")
    names = [f"m{i}" for i in range(count)]
    served = serve(*[malloc(name) for name in names], malloc("spare"), raid(level, names, superblock=True))
    wait_until(served, is_quiet)
    fio = subprocess.Popen(["fio", "--name=verify", "--ioengine=nbd", f"--uri={served.uri('md0')}", "--rw=randrw",
                            "--bsrange=512-64k", "--size=24m", "--iodepth=16", "--verify=crc32c", "--verify_backlog=64",
                            "--loops=3", "--trim_backlog=8"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
    try:
        time.sleep(0.5)
        # Slow enough for somebody who looks, and may be slow himself.
        served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=4)
        served.rpc("bdev_raid_remove_base_bdev", name="m0")
        assert info(served)["degraded"]
        served.rpc("bdev_raid_add_base_bdev", raid_bdev="md0", base_bdev="spare")
        process = info(served)["process"]
        assert process["type"] == "rebuild" and process["target"] == "spare" and process["targets"] == ["spare"]
        assert "rebuild of spare  [" in status(served)
        wait_until(served, lambda array: not array["degraded"])
        output, _ = fio.communicate(timeout=PATIENCE * 4)
    finally:
        fio.kill()
        fio.wait()
    assert fio.returncode == 0 and "err= 0" in output, output
    served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=0)
    served.rpc("bdev_raid_start_scrub", name="md0")
    assert wait_until(served, is_quiet)["mismatches"] == 0
    # The new one holds what the others did.
    served.rpc("bdev_raid_remove_base_bdev", name="m1")
    run("fio", "--name=again", "--ioengine=nbd", f"--uri={served.uri('md0')}", "--rw=read", "--bs=64k", "--size=24m",
        cwd=tmp_path)


def test_status(serve):
    served = serve(malloc("m0"), malloc("m1"), malloc("m2"), raid("raid1", ["m0", "m1"]))
    assert status(served) == "md0: raid1, online\n    0  m0      configured\n    1  m1      configured\n"
    assert json.loads(status(served, "--json-output")) == served.rpc("bdev_raid_get_bdevs", category="all")
    served.rpc("bdev_raid_remove_base_bdev", name="m1")
    lines = status(served, "md0").splitlines()
    assert lines[0] == "md0: raid1, online, DEGRADED" and lines[2].split() == ["1", "-", "missing"]
    served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
    served.rpc("bdev_raid_add_base_bdev", raid_bdev="md0", base_bdev="m2")
    text, deadline = status(served), time.monotonic() + PATIENCE
    assert "rebuilding" in text
    # How fast it is can be said after a while.
    while " left" not in text:
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
        text = status(served)
    assert "MiB/s" in text
    # It is not saved as one that has all data.
    saved = [one["params"]["base_bdevs"] for part in served.rpc("save_config")["subsystems"]
             for one in part["config"] or [] if one["method"] == "bdev_raid_create"]
    assert saved == [["m0", "removed_base_bdev_1"]]
    wrong = run(BDEVKIT, "raid", "status", "-r", served.rpc_path, "other", check=False)
    assert wrong.returncode == 1 and "no array of that name" in wrong.stderr
    assert run(BDEVKIT, "raid", check=False).returncode == 2


def test_scrub_by_rpc(serve):
    served = serve(malloc("m0"), malloc("m1"), raid("raid1", ["m0", "m1"]), malloc("other"), malloc("m3"),
                   {"method": "bdev_raid_create", "params": {"name": "none", "raid_level": "concat", "strip_size_kb": 4,
                                                             "base_bdevs": ["other"]}})
    served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
    served.rpc("bdev_raid_start_scrub", name="md0", mode="repair")
    assert info(served)["process"]["type"] == "scrub" and info(served)["process"]["mode"] == "repair"
    for method, params in (("start", {"name": "md0"}), ("start", {"name": "none"}), ("start", {"name": "no such"}),
                           ("start", {"name": "md0", "mode": "wrong"}), ("stop", {"name": "none"})):
        with pytest.raises(RpcError):
            served.rpc(f"bdev_raid_{method}_scrub", **params)
    served.rpc("bdev_raid_stop_scrub", name="md0")
    wait_until(served, is_quiet)


def test_one_error_of_a_member(serve):
    """A read error is repaired, and the member stays; a write error is not, and it leaves. No user sees either."""
    served = serve(malloc("m0"), malloc("m1"), error("m0"), raid("raid1", ["EE_m0", "m1"]))
    for _ in range(8):
        # Reads go to the first member when nothing else is under way.
        served.rpc("bdev_error_inject_error", name="EE_m0", io_type="read", error_type="failure", num=1)
        run("qemu-io", "-f", "raw", "-c", "read 1M 64k", served.uri("md0"))
    array = wait_until(served, is_quiet)
    assert array["num_base_bdevs_operational"] == 2
    served.rpc("bdev_error_inject_error", name="EE_m0", io_type="clear", error_type="failure")
    served.rpc("bdev_error_inject_error", name="EE_m0", io_type="write", error_type="failure", num=1)
    run("qemu-io", "-f", "raw", "-c", "write -P 7 1M 64k", "-c", "read -P 7 1M 64k", served.uri("md0"))
    assert info(served)["num_base_bdevs_operational"] == 1


def test_member_that_does_not_answer(serve):
    """It is reset and leaves; the array and its user go on."""
    served = serve({"method": "bdev_raid_set_options", "params": {"base_bdev_timeout_sec": 1}},
                   malloc("m0"), malloc("m1"), error("m0"), raid("raid1", ["EE_m0", "m1"]))
    served.rpc("bdev_error_inject_error", name="EE_m0", io_type="write", error_type="pending", num=1000)
    done = []

    def write():
        done.append(run("qemu-io", "-f", "raw", "-c", "write -P 9 0 64k", "-c", "read -P 9 0 64k", served.uri("md0")))

    writer = threading.Thread(target=write)
    writer.start()
    array = wait_until(served, lambda array: array["num_base_bdevs_operational"] == 1)
    assert array["state"] == "online" and array["degraded"]
    writer.join(PATIENCE)
    assert done
    assert wait_until(served, lambda array: array["num_base_bdevs_discovered"] == 1)["base_bdevs_list"][0]["state"] == "failed"
