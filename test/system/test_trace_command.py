# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit trace: what it says of I/Os whose way is known."""

import json
import signal
import subprocess
import threading

import nbd
import pytest

from conftest import BDEVKIT, PATIENCE, run

READ_US, WRITE_US = 3000, 7000
BLOCK = 4096


class Load(threading.Thread):
    """Reads or writes one export, one request at a time, until it is stopped."""

    def __init__(self, served, export, work):
        super().__init__()
        self.client = nbd.NBD()
        self.client.connect_uri(f"nbd+unix:///{export}?socket={served.nbd_path}")
        self.work = work
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            self.work(self.client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        self.client.shutdown()


def read(client):
    client.pread(BLOCK, 0)


def write(client):
    client.pwrite(b"x" * BLOCK, 0)


def trace(served, *arguments):
    return run(BDEVKIT, "trace", "-r", served.rpc_path, *arguments)


def summary(served, *arguments):
    result = json.loads(trace(served, "--json-output", *arguments).stdout)
    return {(row["bdev"], row["type"]): row for row in result["rows"]}, result


@pytest.fixture
def served(target):
    """malloc < delay < part0 (split) < top (passthru)"""
    server = target()
    server.rpc("bdev_malloc_create", name="disk", num_blocks=16384, block_size=512)
    server.rpc("bdev_delay_create", name="slow", base_bdev_name="disk", avg_read_latency=READ_US, p99_read_latency=READ_US,
               avg_write_latency=WRITE_US, p99_write_latency=WRITE_US)
    server.rpc("bdev_split_create", base_bdev="slow", split_count=2)
    server.rpc("bdev_passthru_create", name="top", base_bdev_name="slowp0")
    server.rpc("bdev_wait_for_examine")
    return server


def points(served):
    return served.rpc("trace_get_info")["bdev"]["tpoint_mask"]


def test_where_the_time_goes(served):
    before = points(served)
    with Load(served, "top", read):
        rows, result = summary(served, "-n", "50", "-t", str(PATIENCE))
    assert result["lost"] == 0
    top, slow = rows["top", "read"], rows["slow", "read"]
    # What the delay bdev holds back is its own time, and lies below the others.
    assert slow["own_us"] >= READ_US and slow["below_us"] < slow["own_us"]
    assert top["below_us"] >= READ_US and top["avg_us"] >= top["below_us"]
    assert rows["disk", "read"]["ios"] >= 5
    assert max(rows.values(), key=lambda row: row["share"]) == slow
    assert abs(sum(row["share"] for row in rows.values()) - 1) < 0.01
    # Nothing stays switched on.
    assert points(served) == before


def test_of_one_bdev(served):
    with Load(served, "top", write):
        rows, _ = summary(served, "-n", "50", "-t", str(PATIENCE), "slow")
    assert set(rows) == {("slow", "write")} and rows["slow", "write"]["p50_us"] >= WRITE_US


def test_waiting_for_a_limit(served):
    # A tenth of what would be, so that most of the time goes there.
    served.rpc("bdev_set_qos_limit", name="disk", rw_ios_per_sec=1000)
    served.rpc("bdev_delay_update_latency", delay_bdev_name="slow", latency_type="avg_read", latency_us=0)
    served.rpc("bdev_delay_update_latency", delay_bdev_name="slow", latency_type="p99_read", latency_us=0)
    with Load(served, "top", read), Load(served, "top", read), Load(served, "top", read), Load(served, "top", read):
        rows, _ = summary(served, "-n", "2000", "-t", str(PATIENCE), "disk")
    assert rows["disk", "read"]["queued_us"] > rows["disk", "read"]["own_us"]


def test_parts(target):
    served = target()
    for name in ("disk0", "disk1"):
        served.rpc("bdev_malloc_create", name=name, num_blocks=16384, block_size=512)
    served.rpc("bdev_raid_create", name="array", raid_level="raid0", strip_size_kb=4, base_bdevs=["disk0", "disk1"])
    with Load(served, "array", lambda client: client.pread(65536, 0)):
        result = trace(served, "-n", "200", "-t", str(PATIENCE), "--slowest=1", "array")
    lines = result.stdout.splitlines()[1:]
    # One I/O, and indented below it one for each strip.
    assert lines[0].startswith("array read") and lines[0].endswith("0+128")
    parts = [line for line in lines if line.startswith("  array read")]
    assert len(parts) == 16 and parts[0].endswith("  0+8") and parts[15].endswith("  120+8")
    # Each of them is one I/O of a member.
    assert [line.split()[0] for line in lines[1:33:2]] == ["array"] * 16
    assert [line.split()[0] for line in lines[2:33:2]] == ["disk0", "disk1"] * 8


def test_slowest(served):
    with Load(served, "top", read):
        result = trace(served, "-n", "60", "-t", str(PATIENCE), "--slowest")
    header, *lines = result.stdout.splitlines()
    assert "took us" in header
    assert sum(line.startswith("top read") for line in lines) == 5
    first = lines[:lines.index("")]
    assert [line.split()[0] for line in first[:4]] == ["top", "slowp0", "slow", "disk"]
    assert [len(line) - len(line.lstrip()) for line in first[:4]] == [0, 2, 4, 6]
    took = [float(line[24:].split()[1]) for line in lines if line.startswith("top read")]
    assert took == sorted(took, reverse=True) and took[-1] >= READ_US


def test_for_perfetto(served, tmp_path):
    """What https://ui.perfetto.dev wants: events that nest, each begun and ended, in an object."""
    path = tmp_path / "trace.json"
    with Load(served, "top", read):
        trace(served, "-n", "40", "-t", str(PATIENCE), "-o", path)
    content = json.loads(path.read_text())
    names = {event["pid"]: event["args"]["name"] for event in content["traceEvents"] if event["ph"] == "M"}
    assert {"top", "slowp0", "slow", "disk"} <= set(names.values())
    open_events = {}
    seen = set()
    for event in content["traceEvents"]:
        if event["ph"] == "M":
            continue
        stack = open_events.setdefault((event["cat"], event["id"]), [])
        if event["ph"] == "b":
            assert not stack or event["ts"] >= stack[-1]["ts"]
            stack.append(event)
            seen.add((names[event["pid"]], event["name"]))
        else:
            begin = stack.pop()
            assert event["ph"] == "e" and begin["name"] == event["name"] and event["ts"] >= begin["ts"]
    assert not any(open_events.values())
    assert {("top", "read"), ("slow", "module"), ("disk", "module")} <= seen
    # Each read of the passthru bdev has one below it, and so on.
    belongs = [event["args"]["belongs_to"] for event in content["traceEvents"]
               if event["ph"] == "b" and "belongs_to" in event.get("args", {})]
    assert belongs and set(belongs) <= {event["id"] for event in content["traceEvents"] if event["ph"] != "M"}


def test_interrupted(served):
    process = subprocess.Popen([BDEVKIT, "trace", "-r", served.rpc_path, "-t", "3600"], stdout=subprocess.PIPE, text=True)
    before = "0x0"
    with Load(served, "top", read):
        while points(served) == before:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and output.startswith("bdev ")
    assert points(served) == before


def test_points_that_were_on_stay_on(served):
    served.rpc("trace_enable_tpoint_group", name="bdev")
    before = points(served)
    with Load(served, "top", read):
        trace(served, "-n", "10", "-t", str(PATIENCE))
    assert points(served) == before


def test_without_io(served):
    assert "no I/O has begun and ended" in trace(served, "-t", "0.1").stdout


@pytest.mark.parametrize("arguments, code, what", [
    (["nobody"], 1, "no bdev 'nobody'"),
    (["-t", "x"], 2, "-t x: not a number"),
    (["-n", "0"], 2, "-n 0: not a number"),
    (["--slowest=0"], 2, "--slowest 0: not a number"),
    (["-o", "/no/such/folder/trace.json"], 1, "cannot be written: No such file"),
])
def test_wrong_words(served, arguments, code, what):
    result = subprocess.run([BDEVKIT, "trace", "-r", served.rpc_path, "-t", "0.1", *arguments], capture_output=True, text=True,
                            timeout=PATIENCE, check=False)
    assert result.returncode == code and what in result.stderr, result.stderr


def test_a_target_that_does_not_trace(target, tmp_path):
    served = target("--num-trace-entries", "0")
    result = subprocess.run([BDEVKIT, "trace", "-r", served.rpc_path], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 1 and "does not trace" in result.stderr, result.stderr
    result = subprocess.run([BDEVKIT, "trace", "-r", tmp_path / "none.sock"], capture_output=True, text=True, timeout=PATIENCE,
                            check=False)
    assert result.returncode == 1 and "none.sock" in result.stderr, result.stderr
