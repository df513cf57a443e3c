#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the corpus of fuzz_raid_keep: make-raid-keep.py FOLDER. Checksums are left to the option that repairs."""

import struct
import sys
import uuid
from pathlib import Path

REPAIR, DEGRADED = 1, 2
PAGE, BITS, CHECKPOINT, RECORD, DATA = range(5)
ARRAY = uuid.UUID("5d1a0d7e-0000-4000-8000-0000000000aa").bytes
REGION, STRIP, SLOTS = 128, 8, 8


def piece(member, where, index, data):
    return struct.pack("<BBBB", member, where, index, len(data)) + data


def head(magic, version=1, array=ARRAY):
    return struct.pack("<8sII16s", magic, version, 0, array)


def page(member, bits=b"", index=0, region=REGION, cleared=3, **other):
    return (piece(member, PAGE, 0, head(b"BDKRBMAP", **other) + struct.pack("<IIQQ", index, 0, region, cleared)) +
            piece(member, BITS, 0, bits))


def checkpoint(member, tail, slot_blocks=1 + STRIP, slots=SLOTS, **other):
    return piece(member, CHECKPOINT, 0, head(b"BDKRJCHK", **other) + struct.pack("<QII", tail, slot_blocks, slots))


def record(member, sequence, participants, offset=16, blocks=2, flags=0, slot=None, data=b"x", **other):
    slot = member if slot is None else slot
    return (piece(member, RECORD, sequence % SLOTS, head(b"BDKRJREC", **other) +
                  struct.pack("<QQQIBBHQQQQ", sequence, offset, blocks, 0, slot, flags, 0, participants, 0, 0, 0)) +
            piece(member, DATA, sequence % SLOTS, data * 100))


def everywhere(make, *args, members=(0, 1, 2), **other):
    return b"".join(make(member, *args, **other) for member in members)


CLEAN = everywhere(page) + everywhere(checkpoint, 9)
INPUTS = {
    "nothing": b"",
    "clean": CLEAN,
    "dirty": everywhere(page, b"\x05") + everywhere(checkpoint, 9),
    "complete": CLEAN + everywhere(record, 9, 5, members=(0, 2)),
    "incomplete": CLEAN + everywhere(record, 9, 7, members=(0, 2)),
    "old": CLEAN + everywhere(record, 8, 5, members=(0, 2)),
    "several": CLEAN + b"".join(everywhere(record, n, 6, members=(1, 2), data=b"%d" % (n % 10)) for n in range(9, 17)),
    "zeroes": CLEAN + everywhere(record, 10, 7, blocks=512, offset=0, flags=1),
    "beyond": CLEAN + everywhere(record, 9, 7, offset=511),
    "huge": CLEAN + everywhere(record, 9, 7, offset=(1 << 64) - 1, blocks=(1 << 64) - 1, flags=1),
    "long": CLEAN + everywhere(record, 9, 7, blocks=STRIP + 1),
    "late": CLEAN + everywhere(record, 9 + SLOTS, 7),
    "wrong_slot": CLEAN + everywhere(record, 9, 7, slot=1),
    "unknown_flag": CLEAN + everywhere(record, 9, 7, flags=2),
    "other_array": CLEAN + everywhere(record, 9, 7, array=bytes(16)),
    "other_version": everywhere(page, version=2) + everywhere(checkpoint, 9, version=2),
    "tails_differ": everywhere(page) + checkpoint(0, 9) + checkpoint(1, 12) + checkpoint(2, 9) + everywhere(record, 10, 7) +
        everywhere(record, 13, 7),
    "huge_tail": everywhere(page) + everywhere(checkpoint, (1 << 64) - 1),
    "other_layout": everywhere(page) + everywhere(checkpoint, 9, slot_blocks=1, slots=1 << 31),
    "other_region": everywhere(page, region=0) + everywhere(checkpoint, 9),
}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in INPUTS.items():
        # Pieces of nothing: of what is small, replay.c would try each bit, which takes long here.
        data = data.ljust(404, b"\0")
        (folder / name).write_bytes(bytes([REPAIR]) + data)
        (folder / (name + "_degraded")).write_bytes(bytes([REPAIR | DEGRADED]) + data)
    (folder / "wrong_checksums").write_bytes(bytes([0]) + INPUTS["complete"].ljust(404, b"\0"))


if __name__ == "__main__":
    main()
