#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs schedules of `bdevkit check --sim` on each module that needs no device, plain and in stacks.

Stops at the first one that fails, with the command that repeats it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MALLOC = ("bdev_malloc_create", {"name": "disk", "num_blocks": 4096, "block_size": 512})
LATENCIES = {f"{kind}_{io}_latency": 20 for kind in ("avg", "p99") for io in ("read", "write")}


def over(name="top", base="disk"):
    return ("bdev_passthru_create", {"base_bdev_name": base, "name": name})


def malloc(**params):
    return (MALLOC[0], {**MALLOC[1], **params})


def array(level, count, *lost, **params):
    """Of so many disks, and without some of them."""
    strip = {} if level == "raid1" else {"strip_size_kb": 4}
    bases = [f"disk{i}" for i in range(count)]
    return ([malloc(name=base, num_blocks=8192) for base in bases] +
            [("bdev_raid_create", {"name": "array", "raid_level": level, "base_bdevs": bases, **strip, **params})] +
            [("bdev_raid_remove_base_bdev", {"name": base}) for base in lost])


# Name: calls, the bdev, further words.
STACKS = {
    "malloc": ([MALLOC], "disk"),
    "separate": ([malloc(md_size=8)], "disk"),
    "interleaved": ([malloc(md_size=16, md_interleave=True)], "disk"),
    "dif1": ([malloc(md_size=8, md_interleave=True, dif_type=1)], "disk"),
    "dix2": ([malloc(md_size=8, dif_type=2)], "disk"),
    "boundary": ([malloc(optimal_io_boundary=7)], "disk"),
    "null": ([("bdev_null_create", MALLOC[1])], "disk", "--no-data"),
    "passthru": ([MALLOC, over()], "top"),
    "passthru of dif1": ([malloc(md_size=8, md_interleave=True, dif_type=1), over()], "top"),
    "three": ([MALLOC, over("middle"), over("top", "middle")], "top"),
    "split": ([MALLOC, ("bdev_split_create", {"base_bdev": "disk", "split_count": 2})], "diskp1"),
    "split of passthru": ([MALLOC, over("middle"), ("bdev_split_create", {"base_bdev": "middle", "split_count": 2})],
                          "middlep0"),
    "delay": ([MALLOC, ("bdev_delay_create", {"base_bdev_name": "disk", "name": "top", **LATENCIES})], "top"),
    "passthru of delay": ([MALLOC, ("bdev_delay_create", {"base_bdev_name": "disk", "name": "middle", **LATENCIES}),
                           over("top", "middle")], "top"),
    "raid0": (array("raid0", 3), "array"),
    "concat": (array("concat", 2), "array"),
    "raid1": (array("raid1", 2), "array"),
    "raid1 with superblocks": (array("raid1", 3, superblock=True), "array"),
    "raid1 without a member": (array("raid1", 3, "disk1"), "array"),
    "raid5": (array("raid5", 4), "array"),
    "raid5 with superblocks": (array("raid5", 3, superblock=True), "array"),
    "raid5 without a member": (array("raid5", 3, "disk1"), "array"),
    "raid5f": (array("raid5f", 3), "array"),
    "raid6": (array("raid6", 4), "array"),
    "raid6 without two": (array("raid6", 5, "disk1", "disk4"), "array"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build-asan/app/bdevkit/bdevkit", help="the bdevkit to run")
    parser.add_argument("--schedules", type=int, default=1000, help="so many of each stack")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("stacks", nargs="*", help="those only")
    args = parser.parse_args()
    for name in args.stacks or STACKS:
        calls, bdev, *words = STACKS[name]
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False, encoding="utf-8") as config:
            json.dump({"subsystems": [{"subsystem": "bdev", "config": [
                {"method": method, "params": params} for method, params in calls]}]}, config)
        result = subprocess.run([args.program, "check", "--sim", "--schedules", str(args.schedules), "--seed", str(args.seed),
                                 "--json", config.name, *words, bdev], capture_output=True, text=True, check=False)
        print(f"{name}: {result.stderr.strip()}", flush=True)
        if result.returncode != 0:
            # The configuration stays, as the command that repeats it needs it.
            sys.exit(1)
        Path(config.name).unlink()


if __name__ == "__main__":
    main()
