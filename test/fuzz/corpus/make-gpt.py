#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the corpus of fuzz_gpt from tables of sgdisk and parted: make-gpt.py FOLDER. The GUIDs are others each time."""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SPDK, OLD_SPDK = "6527994e-2c5a-4eec-9613-8f5944074e8b", "7c5222bd-8f5d-4087-9c00-bf9843c7b58c"
REPAIR = 4


def sgdisk(*words):
    return lambda image: subprocess.run(["sgdisk", *words, image], check=True, stdout=subprocess.DEVNULL)


def parted(*words):
    return lambda image: subprocess.run(["parted", "-s", image, *words], check=True, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)


def with_change(make, offset, data):
    def change(image):
        make(image)
        with open(image, "r+b") as file:
            file.seek(offset)
            file.write(data)
    return change


SMALL = ("--resize-table=4",)
PLAIN = sgdisk(*SMALL, "-n", "1:40:99", "-t", f"1:{SPDK}", "-c", "1:first", "-n", "2:100:0", "-t", f"2:{OLD_SPDK}")
INPUTS = {
    "sgdisk": (512, 0, sgdisk("-n", "1:40:99", "-t", f"1:{SPDK}", "-n", "2:100:0", "-t", "2:8300", "-c", "2:Größe 😀")),
    "sgdisk_repair": (512, REPAIR, PLAIN),
    "sgdisk_hybrid": (512, 0, sgdisk(*SMALL, "-n", "1:40:99", "-t", f"1:{SPDK}", "--hybrid", "1")),
    "sgdisk_many": (512, REPAIR, sgdisk("--resize-table=256", "-n", "200:200:0", "-t", f"200:{SPDK}")),
    "sgdisk_backup": (512, REPAIR, with_change(PLAIN, 512, bytes(8))),
    "sgdisk_empty": (512, 0, sgdisk(*SMALL)),
    "parted": (512, 0, parted("mklabel", "gpt", "mkpart", "one", "ext4", "40s", "99s", "mkpart", "two", "100s", "150s")),
    "parted_4096": (4096, REPAIR, None),
    "nothing": (512, 0, lambda image: None),
}


def make_4096(image):
    """parted asks the device for its block size, and a file has none: the table of 512-byte blocks, spread out."""
    parted("mklabel", "gpt", "mkpart", "one", "40s", "99s")(image)
    data = Path(image).read_bytes()
    blocks = {0: data[:512], 1: data[512:1024], 2: data[1024:1024 + 16384]}
    spread = bytearray(len(data))
    for lba, content in blocks.items():
        spread[lba * 4096:lba * 4096 + len(content)] = content
    Path(image).write_bytes(spread)


def encode(data, block_size, options):
    half = len(data) // 2
    head, tail = data[:half].rstrip(b"\0"), data[half:].lstrip(b"\0")
    tail = data[len(data) - -(-len(tail) // block_size) * block_size:] if tail else b""
    shift = (block_size // 512).bit_length() - 1
    return struct.pack("<BQI", options | shift, len(data) // block_size, len(head)) + head + tail


def main():
    folder = Path(sys.argv[1])
    for name, (block_size, options, make) in INPUTS.items():
        with tempfile.NamedTemporaryFile() as image:
            image.truncate(512 * 512)
            (make or make_4096)(image.name)
            (folder / name).write_bytes(encode(Path(image.name).read_bytes(), block_size, options))


main()
