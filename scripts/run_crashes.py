#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs seeds of power cuts of arrays (test/sim/raid_crash.c) on all CPUs, shared between the levels.

Stops at the first violation, with the command that repeats it.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEVELS = ("raid1", "raid5", "raid6")
SLICE = 500


def run(program, level, first, count):
    return subprocess.run([program, level, str(first), str(count)], capture_output=True, text=True, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build-sim/test/sim/raid_crash", help="what runs them")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--count", type=int, default=100000, help="so many, over all levels")
    args = parser.parse_args()
    share = -(-args.count // len(LEVELS))
    slices = [(level, args.seed + first, min(SLICE, share - first)) for level in LEVELS for first in range(0, share, SLICE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(run, args.program, *part): part for part in slices}
        done = dict.fromkeys(LEVELS, 0)
        for job in as_completed(jobs):
            result, (level, _, count) = job.result(), jobs[job]
            if result.returncode != 0:
                pool.shutdown(wait=False, cancel_futures=True)
                print(result.stdout + result.stderr, flush=True)
                sys.exit(1)
            done[level] += count
            if done[level] >= share:
                print(f"{level}: {done[level]} seeds, 0 violations", flush=True)


if __name__ == "__main__":
    main()
