# SPDX-License-Identifier: BSD-3-Clause
"""
A bdev of each module that is open through NBD, has done some I/O, and now has nothing to do: its threads have no poller that
wants to run by itself. Run as a program it prints how often the process woke up, and its CPU time, over some seconds.
"""

import os
import tempfile
import time
from pathlib import Path

import nbd
import pytest

from conftest import PATIENCE, Target
from test_stacks import BOTTOMS, LAYERS

MODULES = ["malloc", "null", "aio", "uring", *LAYERS, "gpt"]
SECONDS = 5


def make(target, folder, module):
    """The name of a bdev of that module, with what it stands on."""
    bottom = module if module in BOTTOMS else "malloc"
    call, params = BOTTOMS[bottom]("base", folder)
    target.rpc(call, **params)
    if module == "gpt":
        return "basep1"
    if module == bottom:
        return "base"
    (call, params), name = LAYERS[module]("top", "base")
    target.rpc(call, **params)
    return name


def use(target, name):
    """Opens it through NBD and reads and writes; zones are not exported, and stay closed."""
    if next(bdev for bdev in target.rpc("bdev_get_bdevs", name=name))["zoned"]:
        return None
    client = nbd.NBD()
    client.connect_uri(f"nbd+unix:///{name}?socket={target.nbd_path}")
    for offset in range(0, 64 << 10, 4096):
        client.pwrite(b"x" * 4096, offset)
        client.pread(4096, offset)
    return client


def timed_runs(target):
    """How often each poller with a clock has run. One that is told when it is due does not run before."""
    return {(thread["name"], poller["id"]): poller["run_count"]
            for thread in target.rpc("thread_get_pollers")["threads"] for poller in thread["timed_pollers"]}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_polled_for(target, tmp_path, module, monkeypatch):
    """Strict mode, which has a clock of its own, is off; a connection has one until it is sure that its peer is there."""
    monkeypatch.delenv("BDEVKIT_STRICT", raising=False)
    served = target()
    client = use(served, make(served, tmp_path, module))
    deadline = time.monotonic() + PATIENCE
    before, after = None, timed_runs(served)
    while before != after:
        assert time.monotonic() < deadline, served.rpc("thread_get_pollers")
        time.sleep(1.2)
        before, after = after, timed_runs(served)
    if client is not None:
        client.shutdown()


def wakeups(pid):
    """How often each thread has gone to sleep."""
    return {task.name: int(line.split()[1]) for task in Path(f"/proc/{pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines() if line.startswith("voluntary_ctxt_switches")}


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_figures():
    print(f"idle for {SECONDS} s, open through NBD after some I/O; zones are not exported")
    for module in ["none", *MODULES]:
        with tempfile.TemporaryDirectory() as folder:
            served = Target(Path(folder))
            client = None if module == "none" else use(served, make(served, Path(folder), module))
            time.sleep(0.5)
            woken, used = wakeups(served.process.pid), cpu_seconds(served.process.pid)
            time.sleep(SECONDS)
            count = sum(now - woken.get(task, 0) for task, now in wakeups(served.process.pid).items())
            print(f"  {module:12} {count:6} wake-ups"
                  f"  {cpu_seconds(served.process.pid) - used:6.2f} s of CPU", flush=True)
            if client is not None:
                client.shutdown()
            served.stop()


if __name__ == "__main__":
    os.environ.pop("BDEVKIT_STRICT")
    print_figures()
