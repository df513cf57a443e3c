#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit from Python, through ctypes: makes a disk in memory, writes, reads and compares, and removes it.

usage: disk.py [LIBRARY]
"""

import ctypes
import json
import os
import sys

READ, WRITE, UNMAP, FLUSH = 1, 2, 3, 4
FOREVER = 2**64 - 1


class Request(ctypes.Structure):
    """struct bdk_request."""
    _fields_ = [("type", ctypes.c_uint8), ("reserved", ctypes.c_uint8 * 3), ("iovcnt", ctypes.c_int32),
                ("buf", ctypes.c_void_p), ("md_buf", ctypes.c_void_p), ("offset_blocks", ctypes.c_uint64),
                ("num_blocks", ctypes.c_uint64), ("user", ctypes.c_void_p), ("status", ctypes.c_int32),
                ("reserved2", ctypes.c_uint32), ("opaque", ctypes.c_void_p * 2)]


RequestPtr = ctypes.POINTER(Request)


def check(code):
    if code != 0:
        raise OSError(-code, os.strerror(-code))


class Layer:
    """The block-device layer, on a thread of its own."""

    def __init__(self, library="libbdevkit.so.0"):
        self.lib = ctypes.CDLL(library)
        self.lib.bdk_queue_wait.argtypes = [ctypes.c_void_p, ctypes.POINTER(RequestPtr), ctypes.c_uint32,
                                            ctypes.c_uint32, ctypes.c_uint64]
        self.lib.bdk_queue_submit.argtypes = [ctypes.c_void_p, ctypes.POINTER(RequestPtr), ctypes.c_uint32]
        self.lib.bdk_queue_destroy.argtypes = [ctypes.c_void_p]
        self.lib.bdk_disk_get_num_blocks.restype = ctypes.c_uint64
        check(self.lib.bdk_embed_start(None))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        check(self.lib.bdk_embed_stop())

    def rpc(self, method, **params):
        reply = ctypes.c_char_p()
        code = self.lib.bdk_embed_rpc(method.encode(), json.dumps(params).encode() if params else None,
                                      ctypes.byref(reply))
        text = json.loads(reply.value) if reply.value else None
        ctypes.CDLL(None).free(reply)
        if code != 0:
            raise RuntimeError(text["message"] if text else os.strerror(-code))
        return text


class Disk:
    """A bdev that is open, with a queue."""

    def __init__(self, layer, name, write=True):
        self.lib = layer.lib
        self.disk = ctypes.c_void_p()
        self.queue = ctypes.c_void_p()
        check(self.lib.bdk_disk_open(name.encode(), ctypes.c_bool(write), ctypes.byref(self.disk)))
        check(self.lib.bdk_queue_create(self.disk, 0, ctypes.byref(self.queue)))
        self.block_size = self.lib.bdk_disk_get_block_size(self.disk)
        self.num_blocks = self.lib.bdk_disk_get_num_blocks(self.disk)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.bdk_queue_destroy(self.queue)
        check(self.lib.bdk_disk_close(self.disk))

    def run(self, requests):
        """Submits them all at once, waits, and raises the first error."""
        array = (RequestPtr * len(requests))(*[ctypes.pointer(request) for request in requests])
        done = (RequestPtr * len(requests))()
        self.lib.bdk_queue_submit(self.queue, array, len(requests))
        self.lib.bdk_queue_wait(self.queue, done, len(requests), len(requests), FOREVER)
        for request in requests:
            check(request.status)

    def write(self, pieces):
        """pieces: a dictionary of block numbers and data, each of whole blocks."""
        buffers = [ctypes.create_string_buffer(data, len(data)) for data in pieces.values()]
        self.run([Request(type=WRITE, buf=ctypes.addressof(buffer), offset_blocks=block,
                          num_blocks=len(buffer) // self.block_size) for block, buffer in zip(pieces, buffers)])

    def read(self, block, count):
        buffer = ctypes.create_string_buffer(count * self.block_size)
        self.run([Request(type=READ, buf=ctypes.addressof(buffer), offset_blocks=block, num_blocks=count)])
        return buffer.raw


def main():
    with Layer(*sys.argv[1:2]) as layer:
        layer.rpc("bdev_malloc_create", name="disk0", num_blocks=2048, block_size=512)
        with Disk(layer, "disk0") as disk:
            pieces = {block: bytes([block % 256]) * 512 for block in range(0, disk.num_blocks, 8)}
            disk.write(pieces)
            for block, data in pieces.items():
                assert disk.read(block, 1) == data
                assert disk.read(block + 1, 1) == bytes(512)
            try:
                disk.read(disk.num_blocks, 1)
                raise AssertionError("there is no such block")
            except OSError as error:
                print("beyond the end: %s" % error.strerror)
        layer.rpc("bdev_malloc_delete", name="disk0")
        assert layer.rpc("bdev_get_bdevs") == []
        print("%d pieces written and read" % len(pieces))


if __name__ == "__main__":
    main()
