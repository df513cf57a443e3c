#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What bdevkit perf costs itself, and whether it measures what fio measures.

    perf_bench.py BUILD [cost] [fio] [--rounds N] [--seconds S] [--folder FOLDER]...

cost  processor time per I/O on a null bdev, beside that of null_bench, whose load generator does next to nothing; and, where
      valgrind is there, instructions per I/O, those of the load generator apart from those of the layer.
fio   the same file by bdevkit perf (the uring module) and by fio's io_uring engine, in turns; medians and their ratio. In
      memory, where a file has no other limit than the processor, processor time per I/O: it does not depend on who else runs.

All are medians of runs that take turns, as the speed of a machine drifts. Nothing here passes or fails.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

SIZE = 256 << 20
# What both are told: workload, bytes, depth. fio hands over and takes back as many at a time as are there, as bdevkit does;
# else it is its system calls that are measured.
WORKS = [("randread", 4096, 1), ("randread", 4096, 32), ("randwrite", 4096, 32), ("read", 131072, 8), ("write", 131072, 8)]


def cpu_seconds(command):
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {output}")
    return usage.ru_utime + usage.ru_stime


def ns_per_io(command, ios, option=""):
    """From runs of two lengths, so that beginning and end do not count."""
    short, long = (cpu_seconds([*command, f"{option}{count}"]) for count in (ios // 10, ios))
    return (long - short) / (ios - ios // 10) * 1e9


def instructions(command, ios):
    """Of each object file, per I/O."""
    sums = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (ios // 10, ios):
            path = Path(folder) / f"{count}"
            subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", *map(str, command), str(count)],
                           check=True, capture_output=True)
            sums.append(sum_objects(path))
    short, long = sums
    return {name: (long[name] - short.get(name, 0)) / (ios - ios // 10) for name in long}


def sum_objects(path):
    names, costs, name, called = {}, {}, None, False
    for line in path.read_text().splitlines():
        if match := re.match(r"ob=\((\d+)\)(?: (.*))?", line):
            if match[2]:
                names[match[1]] = Path(match[2]).name
            name = names[match[1]]
        elif match := re.match(r"cob=\((\d+)\) (.*)", line):
            names[match[1]] = Path(match[2]).name
        elif line.startswith("calls="):
            called = True
        elif match := re.match(r"[-+*\d]\S* (\d+)$", line):
            if not called:
                costs[name] = costs.get(name, 0) + int(match[1])
            called = False
    return costs


def show_cost(build, rounds):
    bdevkit = build / "app/bdevkit/bdevkit"
    perf = [bdevkit, "perf", "-w", "randread", "-q", "128", "-t", "0", "null:512M", "-n"]
    null_bench = [build / "test/bench/null_bench", "-b", "null", "-q", "128", "-r", "1", "-n"]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(ns_per_io(perf, 20_000_000))
        theirs.append(ns_per_io(null_bench, 20_000_000))
    print("4 KiB random read of a null bdev, queue depth 128, processor time per I/O (median; best)")
    for name, values in (("bdevkit perf", ours), ("null_bench", theirs)):
        print(f"  {name:14} {statistics.median(values):6.1f} ns  {min(values):6.1f} ns")
    more = [one - other for one, other in zip(ours, theirs)]
    print(f"  {'difference':14} {statistics.median(more):6.1f} ns  {min(ours) - min(theirs):6.1f} ns")
    if shutil.which("valgrind"):
        for name, command in (("bdevkit perf", perf), ("null_bench", null_bench)):
            counts = instructions(command, 200_000)
            text = ", ".join(f"{object_name} {count:.1f}" for object_name, count in
                             sorted(counts.items(), key=lambda item: -item[1]) if count >= 1)
            print(f"  {name}: {sum(counts.values()):.1f} instructions per I/O: {text}")


def perf_command(build, path, work):
    workload, size, depth = work
    return [build / "app/bdevkit/bdevkit", "perf", "--json-output", "-w", workload, "-o", size, "-q", depth, "--overwrite",
            f"file:{path}"]


def fio_command(path, work):
    workload, size, depth = work
    return ["fio", "--output-format=json", "--name=fio", "--thread", "--ioengine=io_uring", f"--filename={path}", f"--rw={workload}",
            f"--bs={size}", f"--iodepth={depth}", "--direct=1", "--norandommap", "--randrepeat=0", "--fallocate=none",
            f"--iodepth_batch_submit={depth}", f"--iodepth_batch_complete_max={depth}"]


def run_json(command):
    return json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout)


def measure_perf(build, path, work, seconds):
    [row] = run_json([*perf_command(build, path, work), "-t", seconds, "--warmup", "0.3"])["totals"]
    return row["iops"], row["latency_us"]["p50"], row["latency_us"]["p99"]


def measure_fio(path, work, seconds):
    [job] = run_json([*fio_command(path, work), "--time_based", f"--runtime={round(seconds * 1000)}ms", "--ramp_time=300ms"])["jobs"]
    side = job["write" if "write" in work[0] else "read"]
    percentiles = side["clat_ns"]["percentile"]
    return side["iops"], percentiles["50.000000"] / 1000, percentiles["99.000000"] / 1000


def compare_time(build, path, work, rounds, seconds):
    ours, fios = [], []
    for _ in range(rounds):
        ours.append(measure_perf(build, path, work, seconds))
        fios.append(measure_fio(path, work, seconds))
    medians = [[statistics.median(column) for column in zip(*values)] for values in (ours, fios)]
    texts = (f"{name} {iops:.0f} IOPS (p50 {p50:.1f}, p99 {p99:.1f} us)"
             for name, (iops, p50, p99) in zip(("bdevkit", "fio"), medians))
    ratios = [one[0] / other[0] for one, other in zip(ours, fios)]
    return ", ".join(texts), medians[0][0] / medians[1][0], statistics.median(ratios)


def compare_cpu(build, path, work, rounds):
    ios = min(400_000, (4 << 30) // work[1])
    ours, fios = [], []
    for _ in range(rounds):
        ours.append(ns_per_io([*perf_command(build, path, work), "-t", "0", "-n"], ios))
        # Its number of I/Os ends at the size of the file unless it goes round; it takes the number behind the sign of equality.
        fios.append(ns_per_io([*fio_command(path, work), f"--io_size={1 << 50}"], ios, "--number_ios="))
    one, other = statistics.median(ours), statistics.median(fios)
    ratios = [theirs / ours for ours, theirs in zip(ours, fios)]
    return f"bdevkit {one:.0f} ns, fio {other:.0f} ns of processor time per I/O", other / one, statistics.median(ratios)


def show_fio(build, folder, rounds, seconds):
    fd, name = tempfile.mkstemp(dir=folder, prefix="bdevkit-perf-", suffix=".img")
    try:
        # Written through, so that no block is yet to be allocated.
        with os.fdopen(fd, "wb") as file:
            chunk = os.urandom(1 << 20)
            for _ in range(SIZE >> 20):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        in_memory = subprocess.run(["stat", "-fc", "%T", name], check=True, capture_output=True, text=True).stdout == "tmpfs\n"
        print(f"a file in {folder}: medians of {rounds} runs; ratios of throughput, bdevkit to fio: of medians, median of all")
        for work in WORKS:
            if in_memory:
                text, *ratios = compare_cpu(build, name, work, rounds)
            else:
                text, *ratios = compare_time(build, name, work, rounds, seconds)
            print(f"  {work[0]:9} {work[1] >> 10:3} KiB, depth {work[2]:2}: {text}; {ratios[0]:.3f}, {ratios[1]:.3f}", flush=True)
    finally:
        os.unlink(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, metavar="BUILD", help="a release build")
    parser.add_argument("what", nargs="*", choices=["cost", "fio", []], help="both without")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--folder", type=Path, action="append", help="where the file is; default: /tmp and /dev/shm")
    options = parser.parse_args()
    build = options.build.resolve()
    if not options.what or "cost" in options.what:
        show_cost(build, options.rounds)
    if not options.what or "fio" in options.what:
        for folder in options.folder or [Path("/tmp"), Path("/dev/shm")]:
            show_fio(build, folder, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
