#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures a rebuild: its pace beside that of the slowest member, and what a user's reads take meanwhile and when idle.

The new member is limited, by the quality of service of its bdev, to less than the others can do. What that takes is measured
before the rebuild, on another bdev like it, with writes of the size of a window, as many as a rebuild has: on a busy machine
it is less than the limit. Nothing here passes or fails: the figures are for people.
"""

import argparse
import json
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 1 << 20


class Target:
    def __init__(self, build, folder, config):
        self.rpc_path, self.nbd_path = folder / "rpc.sock", folder / "nbd.sock"
        path = folder / "config.json"
        path.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": config}]}))
        self.process = subprocess.Popen([build / "app/bdevkit/bdevkit", "serve", "-r", self.rpc_path, "--nbd",
                                         f"unix:{self.nbd_path}", "--json", path, "--export", "md0",
                                         "--export", "twin"],
                                        stdout=subprocess.PIPE, text=True)
        while "Press Ctrl-C" not in self.process.stdout.readline():
            assert self.process.poll() is None

    def rpc(self, method, **params):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.rpc_path))
            connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
            data = b""
            while not data.endswith(b"\n"):
                data += connection.recv(1 << 20)
        return json.loads(data)["result"]

    def array(self):
        return self.rpc("bdev_raid_get_bdevs", category="all")[0]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def fio(target, bdev, seconds, way, *args):
    """What fio says of its reads or writes."""
    run = subprocess.run(["fio", "--name=load", "--ioengine=nbd", f"--uri=nbd+unix:///{bdev}?socket={target.nbd_path}",
                          f"--rw={way}", "--time_based", f"--runtime={seconds}", "--output-format=json", *args],
                         capture_output=True, text=True, check=True, cwd=target.rpc_path.parent)
    return json.loads(run.stdout[run.stdout.index("{"):])["jobs"][0]["write" if "write" in way else "read"]


def p99_us(target, seconds, write):
    """Of 4 KiB at random, one at a time."""
    load = fio(target, "md0", seconds, "randwrite" if write else "randread", "--bs=4k", "--iodepth=1")
    return load["clat_ns"]["percentile"]["99.000000"] / 1000


def member_pace(target):
    """In MiB/s, of a bdev like the new member."""
    return fio(target, "twin", 2, "write", "--bs=1m", "--iodepth=4")["bw_bytes"] / MIB


def rebuild(target, size):
    """Without load; the new member leaves again."""
    target.rpc("bdev_raid_add_base_bdev", raid_bdev="md0", base_bdev="spare")
    begun = time.monotonic()
    while "process" in target.array():
        time.sleep(0.005)
    pace = size / (time.monotonic() - begun)
    target.rpc("bdev_raid_remove_base_bdev", name="spare")
    return pace


def measure(build, level, count, size, limit, write):
    members = [f"m{i}" for i in range(count)]
    config = [{"method": "bdev_malloc_create", "params": {"name": name, "num_blocks": size * MIB // 4096, "block_size": 4096}}
              for name in members + ["spare", "twin"]]
    create = {"name": "md0", "raid_level": level, "base_bdevs": members}
    if level != "raid1":
        create["strip_size_kb"] = 64
    config.append({"method": "bdev_raid_create", "params": create})
    config += [{"method": "bdev_set_qos_limit", "params": {"name": name, "rw_mbytes_per_sec": limit}} for name in ("spare", "twin")]
    with tempfile.TemporaryDirectory() as folder:
        target = Target(build, Path(folder), config)
        try:
            while "process" in target.array():
                time.sleep(0.05)
            idle = p99_us(target, 2, write)
            target.rpc("bdev_raid_remove_base_bdev", name="m0")
            slowest = member_pace(target)
            alone = rebuild(target, size)
            target.rpc("bdev_raid_add_base_bdev", raid_bdev="md0", base_bdev="spare")
            begun = time.monotonic()
            busy = p99_us(target, 2, write)
            assert "process" in target.array(), "the rebuild was over before the load"
            while "process" in target.array():
                time.sleep(0.005)
            return slowest, alone, size / (time.monotonic() - begun), idle, busy
        finally:
            target.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--size", type=int, default=1024, help="of a member, in MiB")
    parser.add_argument("--limit", type=int, default=200, help="of the new member, in MiB/s")
    args = parser.parse_args()
    print(f"members of {args.size} MiB; the new one takes {args.limit} MiB/s; 4 KiB at random, one at a time")
    for level, count in (("raid1", 2), ("raid5", 4), ("raid6", 6)):
        for write in (False, True):
            slowest, alone, pace, idle, busy = measure(args.build, level, count, args.size, args.limit, write)
            print(f"{level} of {count}: the new member takes {slowest:6.1f} MiB/s; rebuild alone {alone:6.1f} MiB/s = "
                  f"{100 * alone / slowest:3.0f} %, in 2 s of load and after it {pace:6.1f} MiB/s; "
                  f"p99 of {'writes' if write else 'reads '}: idle {idle:7.0f} us, meanwhile {busy:7.0f} us", flush=True)


if __name__ == "__main__":
    main()
