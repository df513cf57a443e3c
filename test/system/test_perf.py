# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit perf: every workload on real bdevs, its limits, results and refusals. Nothing here depends on speed."""

import json
import os
import re
import select
import signal
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import BDEVKIT, PATIENCE, RpcError, run

WORKLOADS = {
    "read": {"read"}, "randread": {"read"}, "write": {"write"}, "randwrite": {"write"}, "rw": {"read", "write"},
    "randrw": {"read", "write"}, "verify": {"read", "write"}, "unmap": {"unmap"}, "randunmap": {"unmap"},
    "write_zeroes": {"write_zeroes"}, "randwrite_zeroes": {"write_zeroes"}, "flush": {"flush"}, "copy": {"copy"},
    "randcopy": {"copy"},
}
NUMBERS = ("runtime", "iops", "mibps", "avg_latency_us", "min_latency_us", "max_latency_us")
COUNTS = ("queue_depth", "io_size", "io_failed", "io_aborted", "io_mismatched")
LATENCIES = ["avg", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max"]


def check_schema(result):
    """What the page says of the JSON."""
    assert set(result) == {"results", "core_count"} and result["core_count"] >= 1
    for item in result["results"]:
        assert all(isinstance(item[name], float) and item[name] >= 0 for name in NUMBERS), item
        assert all(isinstance(item[name], int) for name in COUNTS), item
        assert item["status"] in ("finished", "failed", "terminated")
        assert re.fullmatch("0x[0-9a-f]+", item["core_mask"])
        for operation in item["operations"]:
            assert set(operation) == {"type", "ios", "bytes", "iops", "mibps", "latency_us"}
            latency = operation["latency_us"]
            assert list(latency) == LATENCIES
            ordered = [latency[name] for name in LATENCIES[1:]]
            assert ordered == sorted(ordered) and ordered[0] <= latency["avg"] * (1 + 1e-9) <= ordered[-1] * (1 + 2e-9)
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
    assert sum(ios(item).values()) == (600 if workload == "verify" else 300)
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
    [item] = perf("-w", "randread", "--rate", "200", "-t", "1", "null:8M")
    # So many are the most; a busy machine may have done less.
    assert 0 < ios(item)["read"] <= 200 * item["runtime"] + 1


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
    assert item["io_mismatched"] == 1 and item["status"] == "failed"
    assert re.match(r"block \d+, byte \d+: [0-9a-f]{2} was written, and [0-9a-f]{2} read", item["reason"])


def test_table():
    result = run(BDEVKIT, "perf", "-w", "rw", "-q", "1,8", "-n", "100", "-t", "0", "null:8M", "malloc:8M")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["depth", "IOPS", "MiB/s", "avg", "us", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
    assert [line.split()[:3] for line in lines[1:]] == [
        [name, kind, depth] for depth in ("1", "8") for name in ("null", "malloc", "all") for kind in ("read", "write")]


def test_plot(tmp_path):
    path = tmp_path / "curve.svg"
    perf("-w", "randread", "-q", "1,4,16", "-n", "200", "-t", "0", "--plot", path, "null:8M")
    root = xml.etree.ElementTree.parse(path).getroot()
    assert len(root.findall(".//{*}polyline")) == 4 and len(root.findall(".//{*}circle")) == 12
    error = perf("-w", "read", "-q", "1,2", "-n", "1", "--plot", tmp_path / "no/curve.svg", "null:8M", code=1)
    assert error[0]["status"] == "finished"


def test_progress():
    result = run(BDEVKIT, "perf", "-w", "randread", "-t", "2.5", "--progress", "null:8M")
    assert re.search(r"depth 32 +\d+\.\d s +\d+ IOPS +\d+\.\d MiB/s", result.stderr), result.stderr


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
    (["-w", "read", "-r", "x.sock", "-Z", "null"], "a running target"),
])
def test_wrong_use(words, message):
    assert message in perf(*words, code=2)


@pytest.mark.parametrize("words, message", [
    (["-w", "read", "nosuch"], "nosuch: there is no such block device"),
    (["-w", "read", "-o", "1000", "null:8M"], "block size of 512"),
    (["-w", "read", "-o", "16M", "null:8M"], "too small"),
    (["-w", "verify", "-q", "2048", "malloc:8M"], "too small to verify"),
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
