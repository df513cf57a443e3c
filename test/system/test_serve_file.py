# SPDX-License-Identifier: BSD-3-Clause
"""Files served as they are: by io_uring, or by aio where that is forbidden; to the programs that people use."""

import json
import os
import signal
import subprocess
import sys

import pytest

from conftest import BDEVKIT, PATIENCE, requires, run

MIB = 1 << 20

# Forbids io_uring_setup(), as seccomp filters of container run-times do, and becomes another program.
FORBID_IO_URING = """
import ctypes, os, struct, sys
SYS_io_uring_setup, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 425, 38, 22, 2
load, equal, give = 0x20, 0x15, 0x06
program = b"".join(struct.pack("HBBI", *one) for one in (
    (load, 0, 0, 0), (equal, 0, 1, SYS_io_uring_setup), (give, 0, 0, 0x00050000 | 1), (give, 0, 0, 0x7fff0000)))
memory = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Filter(4, ctypes.addressof(memory))), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(8 * MIB))
    return path


def module_of(served, name):
    return next(iter(served.rpc("bdev_get_bdevs", name=name)[0]["driver_specific"]))


def test_served_by_uring(target, image):
    served = target(image)
    assert module_of(served, "disk.img") == "uring"
    assert "aio" not in served.stderr()


def test_served_by_aio_where_io_uring_is_forbidden(tmp_path, image):
    if os.uname().machine != "x86_64":
        pytest.skip("the filter is written for x86_64")
    command = [sys.executable, "-c", FORBID_IO_URING, str(BDEVKIT), "serve", str(image), "-r", str(tmp_path / "rpc.sock"),
               "--nbd", f"unix:{tmp_path}/nbd.sock"]
    with open(tmp_path / "stderr.txt", "wb") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=tmp_path, text=True)
    try:
        for line in process.stdout:
            if "Press Ctrl-C to stop" in line:
                break
        run("nbdcopy", f"nbd+unix:///disk.img?socket={tmp_path}/nbd.sock", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == image.read_bytes()
        bdevs = json.loads(run(BDEVKIT, "rpc", "-r", tmp_path / "rpc.sock", "bdev_get_bdevs").stdout)
        assert "aio" in bdevs[0]["driver_specific"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        process.stdout.close()
    said = (tmp_path / "stderr.txt").read_text()
    assert said == "bdevkit serve: the system does not allow io_uring: files are served by aio\n"


def test_copied_by_nbdcopy_and_qemu_img(target, tmp_path, image):
    requires("qemu-img")
    requires("nbdcopy")
    served = target(image)
    run("nbdcopy", served.uri("disk.img"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == image.read_bytes()
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", served.uri("disk.img"), tmp_path / "copy")
    (tmp_path / "new").write_bytes(os.urandom(4 * MIB) + bytes(4 * MIB))
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", tmp_path / "new", served.uri("disk.img"))
    run("nbdcopy", "--flush", tmp_path / "new", served.uri("disk.img"))
    assert image.read_bytes() == (tmp_path / "new").read_bytes()


def test_written_and_verified_by_fio(target, image, tmp_path):
    requires("fio")
    served = target(image)
    run("fio", "--name=verify", "--ioengine=nbd", f"--uri={served.uri('disk.img')}", f"--size={8 * MIB}", "--rw=randwrite",
        "--bsrange=4k-64k", "--iodepth=32", "--verify=crc32c", "--do_verify=1",
        cwd=tmp_path)  # where fio leaves the state of its verification


def test_growth_is_noticed(target, image):
    """Of a file that somebody makes larger, without being asked to look."""
    served = target(image)
    run("truncate", "-s", str(16 * MIB), image)
    for _ in range(PATIENCE * 100):
        size = int(run("nbdinfo", "--size", served.uri("disk.img")).stdout)
        if size == 16 * MIB:
            return
    raise AssertionError(f"{size} bytes")
