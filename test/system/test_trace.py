# SPDX-License-Identifier: BSD-3-Clause
"""Traces of a running target, switched by rpc.py and read from shared memory as another program reads them."""

import json
import mmap
import os
import struct
import sys
from pathlib import Path

import pytest

from conftest import ROOT, run
from nbd_wire import Wire

MAX_LCORE, MAX_GROUP, POINT_SIZE = 1024, 20, 190
MAX_POINT = MAX_GROUP * 64
# Where things lie in struct spdk_trace_file and struct spdk_trace_history.
POINTS = 16 + 8 * MAX_GROUP + 16 * MAX_LCORE + 2 * 256 + 2 * 256
NUM_OWNERS = POINTS + POINT_SIZE * MAX_POINT
HISTORIES = NUM_OWNERS + 8
OWNER_OFFSET = HISTORIES + 8 * MAX_LCORE
NEXT_ENTRY = 16 + 8 * MAX_POINT
ENTRIES = NEXT_ENTRY + 8
START, DONE = 3 * 64, 3 * 64 + 1
READ, WRITE = 1, 2


class TraceFile:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def get(self, form, offset):
        return struct.unpack_from("<" + form, self.map, offset)

    def text(self, offset, size):
        return self.map[offset:offset + size].split(b"\0")[0].decode()

    def point_name(self, number):
        return self.text(POINTS + POINT_SIZE * number, 24)

    def owner(self, number):
        size = 9 + self.get("H", NUM_OWNERS + 2)[0]
        return self.text(self.get("Q", OWNER_OFFSET)[0] + size * number + 9, size - 9)

    def entries(self, lcore=0):
        """(point, owner, size, object, bytes of the arguments) of each entry of a history."""
        history = self.get("Q", HISTORIES + 8 * lcore)[0]
        count, places = self.get("Q", history + NEXT_ENTRY)[0], self.get("Q", history + 8)[0]
        assert count <= places
        found = []
        for i in range(count):
            _, point, owner, size, thing, arguments = self.get("QHHIQ8s", history + ENTRIES + 32 * i)
            if point == MAX_POINT:
                found[-1][-1] += self.get("22s", history + ENTRIES + 32 * i + 10)[0]
            else:
                found.append([point, owner, size, thing, arguments])
        return found


@pytest.fixture
def traced(target):
    """A target with a disk; what its trace leaves is removed."""
    running = target()
    running.rpc("bdev_malloc_create", name="disk", num_blocks=2048, block_size=512)
    path = Path(running.rpc("trace_get_info")["tpoint_shm_path"])
    yield running, path
    running.stop()
    path.unlink(missing_ok=True)


def rpc_py(running, *words):
    return json.loads(run(sys.executable, ROOT / "scripts/rpc.py", "-s", running.rpc_path, *words).stdout)


def use_disk(running):
    with Wire(running.nbd_path) as wire:
        wire.go("disk")
        assert wire.write(4096, b"x" * 8192) == 0
        assert wire.pread(4096, 8192) == b"x" * 8192


def test_io_is_recorded_while_it_is_asked_for(traced):
    running, path = traced
    assert path.parent == Path("/dev/shm") and str(running.process.pid) in path.name
    use_disk(running)
    # Nothing is made before it is needed.
    assert not path.exists()

    assert rpc_py(running, "trace_enable_tpoint_group", "bdev") is True
    assert rpc_py(running, "trace_get_tpoint_group_mask")["bdev"] == {"enabled": True, "mask": "0x8"}
    use_disk(running)
    assert rpc_py(running, "trace_disable_tpoint_group", "bdev") is True
    use_disk(running)

    trace = TraceFile(path)
    entries = trace.entries()
    assert [trace.point_name(number) for number in (START, DONE)] == ["BDEV_IO_START", "BDEV_IO_DONE"]
    starts = [entry for entry in entries if entry[0] == START and trace.owner(entry[1]) == "bdev_disk"]
    data = [(struct.unpack_from("<Q", start[4])[0], struct.unpack_from("<Q", start[4], 16)[0], start[2])
            for start in starts]
    assert (WRITE, 8, 16) in data and (READ, 8, 16) in data
    # Once, though the disk was used three times.
    assert data.count((WRITE, 8, 16)) == 1
    assert sorted(entry[3] for entry in entries if entry[0] == DONE) == sorted(start[3] for start in starts)


def test_points_one_by_one(traced):
    running, path = traced
    rpc_py(running, "trace_set_tpoint_mask", "bdev", "2")
    assert rpc_py(running, "trace_get_info")["bdev"] == {"mask": "0x8", "tpoint_mask": "0x2"}
    use_disk(running)
    assert {entry[0] for entry in TraceFile(path).entries()} == {DONE}
    rpc_py(running, "trace_clear_tpoint_mask", "bdev", "2")
    assert rpc_py(running, "trace_get_info")["tpoint_group_mask"] == "0x0"


def test_the_trace_outlives_its_program(traced):
    running, path = traced
    rpc_py(running, "trace_enable_tpoint_group", "bdev")
    use_disk(running)
    assert running.stop() == 0
    assert any(entry[0] == START for entry in TraceFile(path).entries())


def test_an_empty_trace_does_not(traced):
    running, path = traced
    rpc_py(running, "trace_set_tpoint_mask", "bdev", "0x8000000000000000")
    assert path.exists()
    assert running.stop() == 0
    assert not path.exists()


def test_what_cannot_be(traced):
    running, path = traced
    result = run(sys.executable, ROOT / "scripts/rpc.py", "-s", running.rpc_path, "trace_enable_tpoint_group", "no",
                 check=False)
    assert result.returncode == 1 and "no trace group 'no'" in result.stderr
    assert not os.path.exists(path)
