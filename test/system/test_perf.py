# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit perf: every workload on real bdevs, its limits, results and refusals. Nothing here depends on speed."""

import json
import os
import re
import select
import signal
import subprocess
import time
import xml.etree.ElementTree

import pytest

from conftest import BDEVKIT, PATIENCE, RpcError, run

WORKLOADS = {
    "read": {"read"}, "randread": {"read"}, "write": {"write"}, "randwrite": {"write"}, "rw": {"read", "write"},
    "randrw": {"read", "write"}, "verify": {"read", "write"}, "randverify": {"read", "write"}, "unmap": {"unmap"}, "randunmap": {"unmap"},
    "write_zeroes": {"write_zeroes"}, "randwrite_zeroes": {"write_zeroes"}, "flush": {"flush"}, "copy": {"copy"},
    "randcopy": {"copy"},
}
NUMBERS = ("runtime", "iops", "mibps", "avg_latency_us", "min_latency_us", "max_latency_us")
COUNTS = ("queue_depth", "io_size", "io_failed", "io_timeout", "io_aborted", "io_mismatched")
LATENCIES = ["avg", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max"]


def check_latency(latency):
    assert list(latency) == LATENCIES
    ordered = [latency[name] for name in LATENCIES[1:]]
    # Averages are rounded.
    assert ordered == sorted(ordered) and ordered[0] * 0.999 <= latency["avg"] <= ordered[-1] * 1.001


def check_figures(item):
    assert all(isinstance(item[name], float) and item[name] >= 0 for name in NUMBERS), item
    assert all(isinstance(item[name], int) for name in COUNTS), item
    check_latency(item["latency_us"])
    for operation in item["operations"]:
        assert set(operation) == {"type", "ios", "bytes", "iops", "mibps", "latency_us"}
        check_latency(operation["latency_us"])


def check_schema(result):
    """What the page says of the JSON."""
    assert set(result) == {"results", "totals", "core_count"} and result["core_count"] >= 1
    for item in result["results"]:
        check_figures(item)
        assert item["status"] in ("finished", "failed", "terminated")
        assert re.fullmatch("0x[0-9a-f]+", item["core_mask"])
        assert ("verify_range" in item) == (item["workload"] in ("verify", "randverify"))
    for item in result["totals"]:
        check_figures(item)
        parts = [part for part in result["results"] if part["queue_depth"] == item["queue_depth"]]
        for kind, count in ios(item).items():
            assert count == sum(ios(part).get(kind, 0) for part in parts)
    return result


def perf(*words, code=0, **options):
    result = run(BDEVKIT, "perf", "--json-output", *words, check=False, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return check_schema(json.loads(result.stdout))["results"] if result.stdout else result.stderr


def ios(item):
    return {operation["type"]: operation["ios"] for operation in item["operations"]}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_workload(workload):
    [item] = perf("-w", workload, "-q", "4", "-n", "300", "-t", "0", "malloc:8M")
    assert item["status"] == "finished" and item["workload"] == workload
    assert set(ios(item)) == WORKLOADS[workload]
    # A write and the reading of it are one.
    assert sum(ios(item).values()) == (600 if "verify" in workload else 300)
    assert item["operations"][0]["bytes"] == item["operations"][0]["ios"] * 4096


@pytest.mark.parametrize("bdev", ["null:64M", "passthru(passthru(malloc:8M))", "raid0(malloc:8M,malloc:8M)",
                                  "raid1(malloc:8M,malloc:8M)", "raid5f(malloc:8M,malloc:8M,malloc:8M)"])
def test_bdevs(bdev):
    # A whole stripe of raid5f, which takes no other writes.
    [item] = perf("-w", "rw", "-o", "128k", "-q", "8", "-n", "200", "-t", "0", bdev)
    assert sum(ios(item).values()) == 200 and item["io_failed"] == 0


def test_file(tmp_path):
    with open(tmp_path / "disk.img", "wb") as disk:
        disk.truncate(8 << 20)
    [item] = perf("-w", "verify", "-n", "200", "-t", "0", "--overwrite", "file:disk.img", cwd=tmp_path)
    assert ios(item) == {"read": 200, "write": 200}
    assert os.stat(tmp_path / "disk.img").st_blocks > 0


@pytest.mark.parametrize("workload", ["randwrite", "unmap", "verify", "copy"])
def test_files_are_not_overwritten_without_consent(tmp_path, workload):
    (tmp_path / "disk.img").write_bytes(b"x" * (1 << 20))
    error = perf("-w", workload, "-n", "1", "passthru(file:disk.img)", code=1, cwd=tmp_path)
    assert "disk.img keeps what it holds" in error and "--overwrite" in error
    assert (tmp_path / "disk.img").read_bytes() == b"x" * (1 << 20)
    perf("-w", "randread", "-n", "10", "-t", "0", "file:disk.img", cwd=tmp_path)


def test_zero_copy():
    [item] = perf("-w", "randrw", "-Z", "-n", "300", "-t", "0", "malloc:8M")
    assert sum(ios(item).values()) == 300
    assert "lend" in perf("-w", "read", "-Z", "-n", "1", "null:8M", code=1)


def test_abort_and_reset_under_load():
    """A delay bdev holds its I/O long enough for both."""
    delay = "delay(malloc:8M,avg_read_latency=20000,p99_read_latency=20000,avg_write_latency=20000,p99_write_latency=20000)"
    [item] = perf("-w", "abort", "-q", "8", "-n", "400", "-t", "0", delay)
    assert ios(item)["abort"] > 0 and item["io_failed"] == 0
    assert ios(item)["read"] + item["io_aborted"] == 400
    [item] = perf("-w", "reset", "-q", "8", "-n", "400", "-t", "0", delay)
    assert ios(item)["reset"] > 0 and item["io_failed"] == 0


def test_mixed_share():
    [item] = perf("-w", "randrw", "-M", "80", "-n", "5000", "-t", "0", "--seed", "3", "null:64M")
    assert 3800 < ios(item)["read"] < 4200


def test_mix_of_sizes():
    [item] = perf("-w", "randread", "-o", "4k/50:64k/50", "-n", "2000", "-t", "0", "null:64M")
    assert 2000 * 34816 * 0.9 < item["operations"][0]["bytes"] < 2000 * 34816 * 1.1


@pytest.mark.parametrize("distribution", [["-F", "1.1"], ["--distribution", "hot:90/10"]])
def test_distributions(distribution):
    [item] = perf("-w", "randwrite", *distribution, "-n", "500", "-t", "0", "malloc:8M")
    assert ios(item) == {"write": 500}


def test_several_cpus_and_bdevs():
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("one CPU")
    mask = f"[{cpus[0]},{cpus[1]}]"
    items = perf("-w", "randread", "-m", mask, "-n", "101", "-t", "0", "null:8M", "malloc:8M")
    assert [ios(item)["read"] for item in items] == [101, 101]
    assert items[0]["core_mask"] != items[1]["core_mask"]
    [item] = perf("-w", "verify", "-m", mask, "-C", "-n", "101", "-t", "0", "malloc:8M")
    assert ios(item) == {"read": 101, "write": 101} and int(item["core_mask"], 16) == sum(1 << cpu for cpu in cpus)


def test_rate_limit():
    # So many are the most; a busy machine may have done less.
    [item] = perf("-w", "randread", "--rate", "200", "-t", "1", "null:8M")
    assert 0 < ios(item)["read"] <= 200 * item["runtime"] + 1
    [item] = perf("-w", "randread", "-o", "16k", "--bandwidth", "1600K", "-t", "1", "null:8M")
    assert 0 < ios(item)["read"] <= 100 * item["runtime"] + 1
    # The lower one counts.
    [item] = perf("-w", "randread", "--rate", "100", "--bandwidth", "1G", "-t", "0.5", "null:8M")
    assert 0 < ios(item)["read"] <= 100 * item["runtime"] + 1


def test_warmup_is_not_measured():
    [item] = perf("-w", "randread", "--warmup", "0.2", "-n", "100", "-t", "0", "null:8M")
    assert ios(item)["read"] >= 100 and item["runtime"] > 0


def test_verify_finds_corruption(tmp_path):
    """The error module changes what is read."""
    config = {"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_malloc_create", "params": {"name": "disk", "num_blocks": 16384, "block_size": 512}},
        {"method": "bdev_error_create", "params": {"base_name": "disk"}},
        {"method": "bdev_wait_for_examine"},
        {"method": "bdev_error_inject_error", "params": {
            "name": "EE_disk", "io_type": "read", "error_type": "corrupt_data", "num": 1,
            "corrupt_offset": 17, "corrupt_value": 1}}]}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    [item] = perf("-w", "verify", "-n", "200", "-t", "0", "--json", tmp_path / "config.json", "EE_disk", code=1)
    assert item["verify_range"] == {"start": 0, "length": 16384}
    assert item["io_mismatched"] == 1 and item["status"] == "failed"
    assert re.match(r"block \d+, byte \d+: [0-9a-f]{2} was written, and [0-9a-f]{2} read", item["reason"])


def test_stamps_find_what_was_not_written(tmp_path):
    """Written by one process, read by others: a block that changed, one that moved, and one that was never written."""
    path = tmp_path / "disk.img"
    with open(path, "wb") as disk:
        disk.truncate(4 << 20)
    words = ["--stamp", "-n", "1024", "-t", "0"]
    perf("-w", "write", *words, "--overwrite", "file:disk.img", cwd=tmp_path)
    for workload in ("read", "randread"):
        [item] = perf("-w", workload, *words, "-q", "7", "file:disk.img", cwd=tmp_path)
        assert item["io_mismatched"] == 0 and ios(item) == {"read": 1024}
    data = path.read_bytes()
    for place, block, reason in (
            (5 * 512 + 100, bytes([data[5 * 512 + 100] ^ 0x40]), "block 5, byte 100: "),
            (6000 * 512, data[17 * 512:18 * 512], "block 6000 holds what was written to block 17"),
            (8191 * 512, bytes(512), "block 8191 holds zeroes")):
        path.write_bytes(data[:place] + block + data[place + len(block):])
        [item] = perf("-w", "read", *words, "-f", "file:disk.img", code=1, cwd=tmp_path)
        assert item["io_mismatched"] == 1 and reason in item["reason"]
    path.write_bytes(data)
    [item] = perf("-w", "read", *words, "--seed", "2", "file:disk.img", code=1, cwd=tmp_path)
    assert "another time" in item["reason"]


def test_a_mirror_keeps_stamps_without_a_member(target):
    """The member that has everything goes; what was written is still read, by a run after it."""
    running = target("raid1(malloc:4M,malloc:4M)")
    [raid] = [bdev["name"] for bdev in running.rpc("bdev_get_bdevs") if bdev["product_name"].startswith("Raid")]
    words = ["-r", running.rpc_path, "--stamp", "-t", "0"]
    perf("-w", "write", "-o", "64k", "-n", "62", "--overwrite", *words, raid)
    first = running.rpc("bdev_raid_get_bdevs", category="online")[0]["base_bdevs_list"][0]["name"]
    running.rpc("bdev_raid_remove_base_bdev", name=first)
    [item] = perf("-w", "read", "-o", "32k", "-n", "124", *words, raid)
    assert item["io_mismatched"] == 0 and ios(item) == {"read": 124}


@pytest.mark.parametrize("workload", ["verify", "randverify"])
def test_slow_io_is_no_mismatch(workload):
    """Others go round the bdev many times while one is still out; none of them meets it."""
    delay = "delay(malloc:256K,avg_read_latency=10,p99_read_latency=100000,avg_write_latency=10,p99_write_latency=100000)"
    [item] = perf("-w", workload, "-q", "8", "-n", "2000", "-t", "0", delay)
    assert item["io_mismatched"] == 0 and ios(item) == {"read": 2000, "write": 2000}


@pytest.mark.parametrize("workload", ["randrw", "verify"])
def test_protection_information(tmp_path, workload):
    """In the blocks, where the layer keeps it; and apart from them, which is said."""
    def config(interleaved):
        (tmp_path / "config.json").write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
            {"method": "bdev_malloc_create", "params": {
                "name": "disk", "num_blocks": 8192, "block_size": 512, "md_size": 8, "md_interleave": interleaved,
                "dif_type": 1}}]}]}))
        return ["--json", tmp_path / "config.json", "disk"]
    [item] = perf("-w", workload, "-n", "200", "-t", "0", *config(True))
    assert item["io_failed"] == 0 and item["io_mismatched"] == 0
    assert item["operations"][0]["bytes"] == item["operations"][0]["ios"] * 4096
    assert "apart from the data" in perf("-w", workload, "-n", "200", "-t", "0", *config(False), code=1)


def test_io_that_takes_too_long():
    """It is counted, aborted, and fails the run."""
    delay = "delay(malloc:8M,avg_read_latency=3600000000,p99_read_latency=3600000000,avg_write_latency=10,p99_write_latency=10)"
    [item] = perf("-w", "randread", "-q", "2", "--timeout", "1", "-n", "2", "-t", "0", delay, code=1)
    assert item["io_timeout"] == 2 and item["io_aborted"] == 2 and item["io_failed"] == 0
    assert item["status"] == "failed" and "read" not in ios(item)


def test_table():
    result = run(BDEVKIT, "perf", "-w", "rw", "-q", "1,8", "-n", "100", "-t", "0", "null:8M", "malloc:8M")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["bdev", "type", "depth", "IOPS", "MiB/s", "avg", "us", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
    assert [line.split()[:3] for line in lines[1:]] == [
        [name, kind, depth] for depth in ("1", "8") for name in ("null", "malloc", "all") for kind in ("read", "write")]


def test_plot(tmp_path):
    path = tmp_path / "curve.svg"
    perf("-w", "randread", "-q", "1,4,16", "-n", "200", "-t", "0", "--plot", path, "null:8M")
    root = xml.etree.ElementTree.parse(path).getroot()
    assert len(root.findall(".//{*}polyline")) == 4 and len(root.findall(".//{*}circle")) == 12
    assert "null" in root.find(".//{*}text").text
    error = perf("-w", "read", "-q", "1,2", "-n", "1", "--plot", tmp_path / "no/curve.svg", "null:8M", code=1)
    assert error[0]["status"] == "finished"


def test_progress():
    result = run(BDEVKIT, "perf", "-w", "randread", "--warmup", "0.7", "-t", "1.3", "--progress", "null:8M")
    line = r"^depth 32 \[[#-]{12}\] +\d+ % +%s +\d+ IOPS +\d+\.\d MiB/s$"
    assert re.search(line.replace("%s", "warm-up"), result.stderr, re.MULTILINE), result.stderr
    assert re.search(line.replace("%s", r"\d+ s left"), result.stderr, re.MULTILINE), result.stderr


def test_progress_on_a_terminal():
    """One line, which is overwritten and is gone at the end; none without a terminal."""
    master, slave = os.openpty()
    with subprocess.Popen([BDEVKIT, "perf", "-w", "randread", "-t", "1.3", "null:8M"], stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            shown += data
        assert process.wait(PATIENCE) == 0
    os.close(master)
    assert b"\r\x1b[Kdepth 32 [" in shown and b"\n" not in shown and shown.endswith(b"\r\x1b[K")
    assert "depth" not in run(BDEVKIT, "perf", "-w", "randread", "-t", "1.3", "null:8M").stderr


def test_interrupt():
    with subprocess.Popen([BDEVKIT, "perf", "-w", "randread", "-t", "600", "--progress", "null:8M"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        ready, _, _ = select.select([process.stderr], [], [], PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert ready and process.returncode == 0, out + err
    assert out.splitlines()[1].startswith("null ") and out.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize("words, message", [
    (["null:8M"], "say with -w"),
    (["-w", "nonsense", "null:8M"], "no such workload"),
    (["-w", "read"], "name a block device"),
    (["-w", "read", "-q", "0", "null:8M"], "-q 0"),
    (["-w", "read", "-o", "4k/50", "null:8M"], "-o 4k/50"),
    (["-w", "read", "-t", "0", "null:8M"], "never end"),
    (["-w", "read", "-F", "1", "null:8M"], "random workloads"),
    (["-w", "randread", "-M", "101", "null:8M"], "-M 101"),
    (["-w", "unmap", "-Z", "malloc:8M"], "-Z is for"),
    (["-w", "read", "-m", "zz", "null:8M"], "not a set of CPUs"),
    (["-w", "read", "--plot", "x.svg", "null:8M"], "several queue depths"),
    (["-w", "read", "-r", "x.sock", "-m", "1", "null"], "a running target"),
    (["-w", "read", "-r", "x.sock", "malloc:8M"], "malloc:8M: a running target"),
    (["-w", "unmap", "--stamp", "null:8M"], "--stamp is for"),
    (["-w", "read", "--timeout", "0", "null:8M"], "--timeout 0"),
    (["-w", "read", "--bandwidth", "x", "null:8M"], "--bandwidth x"),
    (["-w", "read", "--rate", "0", "null:8M"], "--rate 0"),
    (["-w", "read", "--abort-every", "0", "null:8M"], "--abort-every 0"),
    (["-w", "read", "--reset-every", "x", "null:8M"], "--reset-every x"),
    (["-w", "read", "--seed", "x", "null:8M"], "--seed x"),
    (["-w", "read", "--warmup", "x", "null:8M"], "--warmup x"),
    (["-w", "read", "-t", "-1", "null:8M"], "-t -1"),
    (["-w", "read", "-n", "0", "null:8M"], "-n 0"),
    (["-w", "read", "-o", "65M", "null:8M"], "at most 64M"),
    (["-w", "randread", "-F", "0", "null:8M"], "-F 0"),
    (["-w", "randread", "--distribution", "hot:1", "null:8M"], "--distribution hot:1"),
    (["-w", "verify", "--abort-every", "2", "malloc:8M"], "verify goes"),
])
def test_wrong_use(words, message):
    assert message in perf(*words, code=2)


@pytest.mark.parametrize("words, message", [
    (["-w", "read", "nosuch"], "nosuch: there is no such block device"),
    (["-w", "read", "-o", "1000", "null:8M"], "block size of 512"),
    (["-w", "read", "-o", "16M", "null:8M"], "too small"),
    (["-w", "verify", "-q", "2048", "malloc:8M"], "too small to verify"),
    (["-w", "copy", "-o", "5M", "malloc:8M"], "too small to copy"),
    (["-w", "write_zeroes", "--json", "/nonexistent", "disk"], "--json /nonexistent"),
    (["-w", "read", "null:8M", "nosuch:8M"], "nosuch"),
])
def test_what_cannot_be_measured(words, message):
    assert message in perf(*words, code=1)


def test_running_target(target):
    running = target("malloc:8M")
    [name] = [bdev["name"] for bdev in running.rpc("bdev_get_bdevs")]
    result = check_schema(running.rpc("perform_tests", workload_type="randread", count=100, time_in_sec=0,
                                      queue_depths="2,4", io_size="8k"))
    assert [(item["queue_depth"], ios(item)["read"], item["io_size"]) for item in result["results"]] == [
        (2, 100, 8192), (4, 100, 8192)]
    [item] = running.rpc("perform_tests", workload_type="read", count=100, time_in_sec=0, queue_depth=3)["results"]
    assert item["queue_depth"] == 3
    with pytest.raises(RpcError, match="overwrite"):
        running.rpc("perform_tests", workload_type="randwrite", count=1)
    with pytest.raises(RpcError, match="no such workload"):
        running.rpc("perform_tests", workload_type="nonsense")
    with pytest.raises(RpcError, match="no such block device"):
        running.rpc("perform_tests", workload_type="read", names=["nosuch"])
    [item] = perf("-w", "randread", "-r", running.rpc_path, "-n", "50", "-t", "0", name)
    assert item["job"] == name and ios(item) == {"read": 50}
    assert "overwrite" in perf("-w", "randwrite", "-r", running.rpc_path, name, code=1)


def test_running_target_prints_and_draws_the_same(target, tmp_path):
    running = target("malloc:8M", "null:8M")
    result = run(BDEVKIT, "perf", "-r", running.rpc_path, "-w", "randrw", "-M", "70", "-q", "1,4", "-o", "4k/50:8k/50", "-n", "100",
                 "-t", "0", "--distribution", "hot:80/20", "--rate", "100000", "--overwrite", "--plot", tmp_path / "curve.svg")
    names = [bdev["name"] for bdev in running.rpc("bdev_get_bdevs")]
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:]] == [
        [name, kind, depth] for depth in ("1", "4") for name in [*names, "all"] for kind in ("read", "write")]
    text = (tmp_path / "curve.svg").read_text()
    assert "randrw (70 % reads), 4096/50:8192/50" in text


def test_load_ends_with_the_connection(target):
    """Whoever asked is gone: the target is not under load for the rest of the day."""
    running = target("null:8M")
    with subprocess.Popen([BDEVKIT, "perf", "-r", running.rpc_path, "-w", "randread", "-t", "86400"]) as process:
        try:
            until(lambda: running.rpc("bdev_get_iostat", name="null")["bdevs"][0]["num_read_ops"] > 1000)
            # Beyond what looking for partitions reads.
            assert busy(running)
        finally:
            process.kill()
    until(lambda: not busy(running))


def busy(running):
    """A second measurement is refused as long as there is a first one."""
    try:
        running.rpc("perform_tests", workload_type="randread", count=1, time_in_sec=0)
        return False
    except RpcError as error:
        assert "goes on" in error.message
        return True


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_waiting_for_perform_tests(tmp_path):
    socket = tmp_path / "perf.sock"
    with subprocess.Popen([BDEVKIT, "perf", "-z", "-r", socket, "-w", "randwrite", "-n", "70", "-t", "0", "malloc:8M"],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert "waiting for perform_tests" in process.stdout.readline()
            for _ in range(2):
                result = run(BDEVKIT, "rpc", "-r", socket, "perform_tests")
                [item] = check_schema(json.loads(result.stdout))["results"]
                assert ios(item) == {"write": 70}
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
