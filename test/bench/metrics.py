#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What scraping costs a target with many bdevs: its CPU time over some seconds without and with one scrape a second.

    metrics.py [BUILD] [--bdevs 1000] [--seconds 20]
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbd

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test/system"))


def cpu_seconds(pid):
    """To the microsecond or so, unlike the ticks of /proc/PID/stat."""
    return sum(int(Path(task, "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=ROOT / "build", type=Path)
    parser.add_argument("--bdevs", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    os.environ["BDEVKIT_BUILD"] = str(options.build.resolve())
    os.environ["BDEVKIT_STRICT"] = "0"
    from conftest import Target  # looks at the environment

    with tempfile.TemporaryDirectory() as folder:
        served = Target(Path(folder), "--module", options.build.resolve() / "module/metrics/metrics.so", "malloc:1M")
        for number in range(options.bdevs - 1):
            served.rpc("bdev_malloc_create", name=f"disk{number:04}", num_blocks=2048, block_size=512)
        bound = served.rpc("metrics_start", address="tcp:0")
        url = f"http://127.0.0.1:{bound.rpartition(':')[2]}/metrics"
        # All of them have done something, and some go on.
        for number in range(options.bdevs - 1):
            client = nbd.NBD()
            client.connect_uri(f"nbd+unix:///disk{number:04}?socket={served.nbd_path}")
            for offset in range(0, 65536, 4096):
                client.pread(4096, offset)
            client.shutdown()
        request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text;version=1.0.0"})
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        time.sleep(2)
        figures = []
        for scrape in (False, True, False, True):
            begin, used = time.monotonic(), cpu_seconds(served.process.pid)
            for second in range(options.seconds):
                if scrape:
                    with urllib.request.urlopen(request) as answer:
                        answer.read()
                time.sleep(max(0, begin + second + 1 - time.monotonic()))
            figures.append((cpu_seconds(served.process.pid) - used) / (time.monotonic() - begin))
        lines = text.count(b"\n")
        print(f"{options.bdevs} bdevs, {len(text) / 1e6:.1f} MB in {lines} lines")
        print(f"not scraped: {figures[0]:.2%} and {figures[2]:.2%} of a core; "
              f"once a second: {figures[1]:.2%} and {figures[3]:.2%}")
        served.stop()


if __name__ == "__main__":
    main()
