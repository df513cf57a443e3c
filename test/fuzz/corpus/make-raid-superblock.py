#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the corpus of fuzz_raid_superblock: make-raid-superblock.py FOLDER. Checksums are left to the option that repairs."""

import struct
import sys
import uuid
from pathlib import Path

REPAIR, SHORT, LARGE_BLOCKS = 1, 2, 4
MISSING, CONFIGURED, REBUILDING, FAILED = range(4)
ARRAY = uuid.UUID("5d1a0d7e-0000-4000-8000-0000000000aa")


def member(slot):
    return uuid.UUID(int=uuid.UUID("5d1a0d7e-0000-4000-8000-000000000000").int + slot)


def own(level, strip, states, sequence=5, block=512, policy=0, region=0, journal=0, blocks=1024):
    header = bytearray(512)
    struct.pack_into("<8sHHIIIQQQ16s64s", header, 0, b"BDKRAID1", 1, 0, 512 + 96 * len(states), 0, 0,
                     (region != 0) | (journal != 0) << 1, 0, sequence, ARRAY.bytes, b"array")
    area = (1 << 20) // block + journal
    struct.pack_into("<IIIIIB3x16sQQQQ", header, 128, level, policy, block, 0, strip, len(states), member(0).bytes, blocks,
                     region, journal, (1 << 64) - 1)
    slots = b"".join(struct.pack("<16s16sQQQIIQ24x", member(i).bytes, member(i).bytes, area, blocks, 100, state, 0,
                                 0 if state in (CONFIGURED, REBUILDING) else sequence - 1)
                     for i, state in enumerate(states))
    return bytes(header) + slots


def foreign(level, strip, states, sequence=5, block=512, blocks=1024):
    header = bytearray(256)
    struct.pack_into("<8sHHIII16s64sQIIIIQB", header, 0, b"SPDKRAID", 1, 0, 256 + 64 * len(states), 0, 0, ARRAY.bytes,
                     b"array", blocks, block, level, strip, 0, sequence, len(states))
    header[255] = len(states)
    return bytes(header) + b"".join(
        struct.pack("<16sQQIIB23x", member(i).bytes, (1 << 20) // block, blocks, state, 0, i) for i, state in enumerate(states))


def join(options, first, second=b""):
    return struct.pack("<BH", options, len(first)) + first + second


MIRROR = own(1, 0, (CONFIGURED, CONFIGURED))
INPUTS = {
    "mirror": join(REPAIR, MIRROR, MIRROR),
    "first_copy": join(REPAIR, MIRROR),
    "second_copy": join(REPAIR, b"", MIRROR),
    "copies_differ": join(REPAIR, MIRROR, own(1, 0, (CONFIGURED, FAILED), sequence=6)),
    "wrong_checksum": join(0, MIRROR, MIRROR),
    "rebuilding": join(REPAIR, own(1, 0, (CONFIGURED, REBUILDING, MISSING))),
    "bitmap": join(REPAIR, own(1, 0, (CONFIGURED, CONFIGURED), policy=1, region=1024)),
    "journal": join(REPAIR, own(5, 8, (CONFIGURED, CONFIGURED, MISSING), policy=2, region=1024, journal=512, blocks=2048)),
    "raid0": join(REPAIR, own(0, 8, (CONFIGURED, CONFIGURED), blocks=2048)),
    "raid6": join(REPAIR, own(6, 8, (MISSING, CONFIGURED, CONFIGURED, FAILED), blocks=2048)),
    "large_blocks": join(REPAIR | LARGE_BLOCKS, own(1, 0, (CONFIGURED, CONFIGURED), block=4096, blocks=128)),
    "short": join(REPAIR | SHORT, MIRROR, MIRROR),
    "foreign_mirror": join(REPAIR, foreign(1, 0, (1, 1))),
    "foreign_degraded": join(REPAIR, foreign(1, 0, (1, 0, 2))),
    "foreign_concat": join(REPAIR, foreign(99, 8, (1, 1), blocks=2048)),
    "foreign_5f": join(REPAIR, foreign(0x5F, 8, (1, 1, 1), blocks=2048)),
    "nothing": join(0, b"\0" * 16),
}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in INPUTS.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
