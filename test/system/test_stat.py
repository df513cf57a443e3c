# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit stat: counted I/O is what it shows, as a table and as JSON, once and at intervals."""

import json
import re
import signal
import subprocess

import pytest

from conftest import BDEVKIT, run


def stat(target, *words, code=0):
    result = run(BDEVKIT, "stat", "-r", target.rpc_path, *words, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout if code == 0 else result.stderr


def write(target, bdev, count):
    run(BDEVKIT, "perf", "-r", target.rpc_path, "-w", "write", "-n", count, "-t", "0", "-q", "4", "--overwrite", bdev)


def rows(table):
    return {line.split()[0]: line.split()[1:] for line in table.splitlines() if line}


def test_once(target):
    one = target("passthru(malloc:16M,name=over)", "malloc:16M(name=idle)")
    write(one, "over", 100)
    table = rows(stat(one))
    assert table["bdev"] == ["reads", "rMiB", "r", "us", "writes", "wMiB", "w", "us"]
    # I/O of a bdev is also that of the one below; the examining of bdevs reads.
    assert table["over"][3:5] == table["malloc"][3:5] == ["100", "0.4"]
    assert table["idle"][3:] == ["0", "0", "-"]
    assert "idle" not in rows(stat(one, "-z", "over", "malloc"))
    assert list(rows(stat(one, "over"))) == ["bdev", "over"]


def test_json(target):
    one = target("passthru(malloc:16M,name=over)")
    write(one, "over", 100)
    said = json.loads(stat(one, "--json-output", "over"))
    [over] = said["bdevs"]
    assert said["time"] > 1e9 and "seconds" not in said
    assert over["name"] == "over" and over["errors"] == 0
    assert over["write"]["ios"] == 100 and over["write"]["bytes"] == 409600
    latency = over["write"]["latency_us"]
    assert 0 < latency["min"] <= latency["avg"] <= latency["max"]
    assert over["unmap"] == {"ios": 0, "bytes": 0, "latency_us": {"avg": 0}}


def test_intervals_add_up(target):
    """Whatever happens when: all I/O is in one interval or another, and in one only."""
    one = target("malloc:16M(name=disk)")
    command = [BDEVKIT, "stat", "-r", one.rpc_path, "--json-output", "disk", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first = json.loads(process.stdout.readline())
        assert first["seconds"] > 0 and first["bdevs"][0]["write"]["ios"] == 0
        write(one, "disk", 500)
        seen = 0
        while seen < 500:
            [disk] = json.loads(process.stdout.readline())["bdevs"]
            seen += disk["write"]["ios"]
            assert (disk["write"]["iops"] > 0) == (disk["write"]["ios"] > 0) == (disk["queue"] > 0)
        assert seen == 500
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait() == 0


def test_counters_that_are_reset(target):
    one = target("malloc:16M(name=disk)")
    write(one, "disk", 50)
    one.rpc("bdev_reset_iostat", name="disk")
    write(one, "disk", 20)
    assert rows(stat(one))["disk"][3] == "20"


def test_tables_at_intervals(target):
    one = target("malloc:16M(name=disk)")
    tables = stat(one, "-x", "-t", "0.02", "3").split("\n\n")
    assert len(tables) == 3
    for table in tables:
        time, head, disk = table.strip().splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", time)
        assert head.split()[:4] == ["bdev", "r/s", "rMiB/s", "r"] and head.split()[-2:] == ["queue", "errors"]
        assert disk.split()[0] == "disk" and disk.split()[-1] == "0"


def test_percentiles(target):
    one = target("malloc:16M(name=disk)", "malloc:16M(name=other)")
    one.rpc("bdev_enable_histogram", name="disk", enable=True)
    # A histogram has what the channels have that are there.
    load = [BDEVKIT, "perf", "-r", one.rpc_path, "-w", "write", "-t", "3600", "-q", "2", "--overwrite", "disk"]
    with subprocess.Popen(load, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        disk = {}
        while not disk.get("percentiles_us"):
            disk, other = json.loads(stat(one, "-p", "--json-output", "0.1", "1"))["bdevs"]
        values = [disk["percentiles_us"][name] for name in ("p50", "p90", "p99", "p99.9")]
        assert values == sorted(values) and values[0] > 0
        assert "percentiles_us" not in other
        table = rows(stat(one, "-p"))
        process.kill()
    assert table["bdev"][-4:] == ["p50", "p90", "p99", "p99.9"]
    assert table["other"][-4:] == ["-"] * 4 and "-" not in table["disk"][-4:]


def test_alias(target):
    one = target("malloc:16M(name=disk,uuid=11111111-2222-3333-4444-555555555555)")
    assert "disk" in rows(stat(one, "11111111-2222-3333-4444-555555555555"))


def test_errors_are_counted(target):
    one = target("error(malloc:16M)")
    name = next(bdev["name"] for bdev in one.rpc("bdev_get_bdevs") if bdev["name"] != "malloc")
    one.rpc("bdev_error_inject_error", name=name, io_type="write", error_type="failure", num=7)
    result = run(BDEVKIT, "perf", "-r", one.rpc_path, "-w", "write", "-n", "20", "-t", "0", "-q", "1",
                 "--overwrite", name, check=False)
    said = json.loads(stat(one, "--json-output", name))["bdevs"][0]
    assert said["errors"] >= 1, result.stdout + result.stderr


def test_target_that_ends(target):
    one = target("malloc:16M")
    command = [BDEVKIT, "stat", "-r", one.rpc_path, "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        assert one.stop() == 0
        process.stdout.read()
        assert "bdevkit stat: " in process.stderr.read()
        assert process.wait() == 1


@pytest.mark.parametrize("words, code, what", [
    (["nothing"], 1, "no bdev 'nothing'"), (["0"], 2, "INTERVAL 0"), (["1", "0"], 2, "COUNT 0"), (["--what"], 2, "--help")])
def test_refusals(target, words, code, what):
    assert what in stat(target("malloc:16M"), *words, code=code)


def test_no_target(tmp_path):
    result = run(BDEVKIT, "stat", "-r", tmp_path / "none.sock", check=False)
    assert result.returncode == 1 and "bdevkit stat: " in result.stderr and "none.sock" in result.stderr
