#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit dd beside qemu-img convert, nbdcopy and cp: 10 GiB with holes, and data without, between files, exports and a bdev.

Every copy ends safe on the target: qemu-img and nbdcopy flush, cp is followed by sync of its file. Rounds take turns; of each
program the median counts. The page cache is warm, so it is the programs that are measured and not the disk. Prints Markdown.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GIB = 1 << 30


def make(path, size, data):
    """A file of that size with so much data, in pieces of 1 MiB at equal distances."""
    pieces = data >> 20
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for i in range(pieces):
            file.seek(i * (size // pieces) // 4096 * 4096)
            file.write(block)
        file.truncate(size)


def allocated(path):
    return os.stat(path).st_blocks * 512


class Target:
    """bdevkit serve with a file to read from and one to write to."""

    def __init__(self, program, folder):
        self.socket = folder / "nbd.sock"
        self.process = subprocess.Popen([program, "serve", "-r", folder / "rpc.sock", "--nbd", f"unix:{self.socket}", "source", "target"],
                                        cwd=folder, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "Press Ctrl-C" in line:
                return
        raise SystemExit("the target does not serve")

    def uri(self, name):
        return f"nbd+unix:///{name}?socket={self.socket}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def timed(command, folder):
    begin = time.monotonic()
    subprocess.run([str(word) for word in command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def copies(program, target):
    """What is copied to where, by whom: a name, the file that is made, programs and their commands."""
    quiet = "status=none"
    source, sink = target.uri("source"), target.uri("target")
    return [
        ("file to file", "copy", {
            "dd": [program, "dd", quiet, "plain", "copy"],
            "cp": ["sh", "-c", "cp --sparse=always plain copy && sync copy"],
            "qemu-img": ["qemu-img", "convert", "-f", "raw", "-O", "raw", "-t", "writeback", "plain", "copy"],
        }),
        ("file to export", None, {
            "dd": [program, "dd", quiet, "plain", sink],
            "nbdcopy": ["nbdcopy", "--flush", "plain", sink],
            "qemu-img": ["qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-t", "writeback", "plain", sink],
        }),
        ("export to file", "copy", {
            "dd": [program, "dd", quiet, source, "copy"],
            "nbdcopy": ["nbdcopy", "--flush", source, "copy"],
            "qemu-img": ["qemu-img", "convert", "-f", "raw", "-O", "raw", "-t", "writeback", source, "copy"],
        }),
        ("export to export", None, {
            "dd": [program, "dd", quiet, source, sink],
            "nbdcopy": ["nbdcopy", "--flush", source, sink],
            "qemu-img": ["qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-t", "writeback", source, sink],
        }),
        ("file to bdev", "bdev.img", {"dd": [program, "dd", quiet, "plain", "file:bdev.img"]}),
        ("bdev to file", "copy", {"dd": [program, "dd", quiet, "file:bdev.img", "copy"]}),
    ]


def measure(program, folder, size, data, rounds, only):
    make(folder / "plain", size, data)
    # Extents are copied, so that the second one has the same holes.
    subprocess.run(["cp", "--sparse=always", "plain", "source"], cwd=folder, check=True)
    for name in ("target", "bdev.img"):
        with open(folder / name, "wb") as file:
            file.truncate(size)
    subprocess.run(["sync", "-f", "."], cwd=folder, check=True)
    target = Target(program, folder)
    try:
        for name, result, commands in copies(program, target):
            if only not in name:
                continue
            times = {who: [] for who in commands}
            for _ in range(rounds):
                # Some leave the disk more to do than others, for who comes next.
                for who, command in random.sample(list(commands.items()), len(commands)):
                    if result == "copy":
                        (folder / "copy").unlink(missing_ok=True)
                    subprocess.run(["sync", "-f", "."], cwd=folder, check=True)
                    times[who].append(timed(command, folder))
                    if result and allocated(folder / result) > data + (64 << 20):
                        raise SystemExit(f"{who}, {name}: holes were lost")
            yield name, {who: statistics.median(values) for who, values in times.items()}
    finally:
        target.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build/app/bdevkit/bdevkit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=10, help="GiB of the file with holes")
    parser.add_argument("--folder", help="where the files are made")
    parser.add_argument("--only", default="", help="of copies with this in their name")
    args = parser.parse_args()
    for tool in ("nbdcopy", "qemu-img"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is not installed")
    print("| copy | size | dd | nbdcopy | qemu-img | cp |\n|---|---|---|---|---|---|")
    for size, data, label in ((args.size * GIB, GIB // 4, f"{args.size} GiB, 256 MiB of them data"), (GIB, GIB, "1 GiB of data")):
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            for what, medians in measure(args.program.resolve(), Path(name), size, data, args.rounds, args.only):
                cells = [f"{medians[who]:.2f} s" if who in medians else "" for who in ("dd", "nbdcopy", "qemu-img", "cp")]
                print(f"| {what} | {label} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
