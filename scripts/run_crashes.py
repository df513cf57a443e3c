#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs seeds of power cuts of arrays (test/sim/raid_crash.c) on all CPUs, shared between the levels, and counts by level.

Stops at the first violation, with the command that repeats it.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEVELS = ("raid1", "raid5", "raid6", "raid1-resync", "raid5-bitmap", "raid6-bitmap")
SLICE = 100


def run(deadline, program, level, first, count):
    if time.monotonic() > deadline:
        return None
    return subprocess.run([program, level, str(first), str(count)], capture_output=True, text=True, check=False)


def counts_of(report):
    """What a line of the program says, in its order."""
    return Counter({what: int(number) for number, what in re.findall(r"(\d+) ([a-z ]+)", report.split(":", 1)[1])})


def show(level, counts):
    print(f"{level}: " + ", ".join(f"{number} {what}" for what, number in counts.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build-sim/test/sim/raid_crash", help="what runs them")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--count", type=int, default=100000, help="so many, over all levels")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing after so long")
    args = parser.parse_args()
    deadline = time.monotonic() + args.seconds
    share = -(-args.count // len(LEVELS))
    slices = [(level, args.seed + first, min(SLICE, share - first)) for first in range(0, share, SLICE) for level in LEVELS]
    totals = {level: Counter() for level in LEVELS}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(run, deadline, args.program, *part): part for part in slices}
        for job in as_completed(jobs):
            result, (level, *_) = job.result(), jobs[job]
            if result is None:
                continue
            if result.returncode != 0:
                pool.shutdown(wait=False, cancel_futures=True)
                for name, counts in totals.items():
                    show(name, counts)
                print(result.stdout + result.stderr or f"ended with {result.returncode}: {result.args}", flush=True)
                sys.exit(1)
            totals[level].update(counts_of(result.stdout))
    for level, counts in totals.items():
        show(level, counts)
    print(f"{sum(counts['seeds'] for counts in totals.values())} seeds, 0 violations", flush=True)


if __name__ == "__main__":
    main()
