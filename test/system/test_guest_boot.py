# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines (software emulation) that boot from an export."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from conftest import PATIENCE, requires, run

GRUB_ISO = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
GRUB = Path("/usr/lib/grub/i386-pc")
MIB = 1 << 20


BOOT = "echo GUEST-BOOTED\ncat (hd0,msdos1)/message\n"


def boot_disk(folder, script=BOOT + "halt\n", modules=(), files=None):
    """A disk whose boot sector loads GRUB, which reads a file of an ext4 partition and says so on the serial line.

    boot.img loads what follows it, so the two only need to stand one behind the other before the partition. script is what
    GRUB does, with modules besides the usual; files are more of them in the partition.
    """
    requires("grub-mkimage")
    requires("mkfs.ext4")
    config = folder / "boot.cfg"
    config.write_text("serial --unit=0 --speed=115200\nterminal_output serial\n" + script)
    core = folder / "core.img"
    run("grub-mkimage", "-O", "i386-pc", "-p", "/", "-c", config, "-o", core,
        "biosdisk", "part_msdos", "ext2", "serial", "terminal", "echo", "cat", "halt", *modules)
    tree = folder / "tree"
    tree.mkdir()
    (tree / "message").write_text("READ-FROM-EXT4\n" + "filler\n" * 20000 + "END-OF-FILE\n")
    for name, contents in (files or {}).items():
        (tree / name).write_bytes(contents)
    partition = folder / "partition.img"
    partition.touch()
    os.truncate(partition, 16 * MIB)
    run("mkfs.ext4", "-q", "-d", tree, partition)

    start, blocks = MIB // 512, 16 * MIB // 512
    boot = bytearray((GRUB / "boot.img").read_bytes())
    entry = bytes([0x80, 0, 2, 0, 0x83, 0, 0, 0]) + start.to_bytes(4, "little") + blocks.to_bytes(4, "little")
    # The other three entries hold code for floppy disks in the file.
    boot[446:512] = entry + bytes(48) + b"\x55\xaa"
    disk = folder / "boot.disk"
    with open(disk, "wb") as file:
        file.write(boot + core.read_bytes())
        assert file.tell() < MIB
        file.seek(MIB)
        file.write(partition.read_bytes())
    return disk


def qemu(*arguments, **options):
    requires("qemu-system-x86_64")
    # Software emulation everywhere: the same on machines with and without /dev/kvm.
    return ["qemu-system-x86_64", "-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none", "-no-reboot",
            *arguments]


def test_boots_from_hard_disk_through_passthru_on_aio(target, tmp_path):
    """Boot sector, boot loader and file system of a guest come from a passthru on aio over NBD."""
    disk = boot_disk(tmp_path)
    served = target()
    served.rpc("bdev_aio_create", name="base", filename=str(disk), block_size=512)
    served.rpc("bdev_passthru_create", name="disk", base_bdev_name="base")
    # Whether or not halting ends the emulator: its last line is what is waited for.
    guest = subprocess.Popen(
        qemu("-serial", "stdio", "-drive", f"file={served.uri('disk')},format=raw,if=ide,cache=none"),
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    text = b""
    try:
        deadline = time.monotonic() + PATIENCE
        os.set_blocking(guest.stdout.fileno(), False)
        while b"END-OF-FILE" not in text and guest.poll() is None and time.monotonic() < deadline:
            text += guest.stdout.read() or b""
            time.sleep(0.05)
        # What it has written before it ended.
        text += guest.stdout.read() or b""
    finally:
        guest.kill()
        guest.wait()
    assert b"GUEST-BOOTED" in text
    assert b"READ-FROM-EXT4" in text
    assert b"END-OF-FILE" in text
    assert served.rpc("bdev_get_iostat", name="disk")["bdevs"][0]["num_read_ops"] > 0


class Monitor:
    """The guest's machine protocol (QMP)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "return" in answer or "error" in answer:
                return answer


def test_boots_from_cdrom(target, tmp_path):
    """Debian's GRUB rescue disc boots from an export; its menu is in the guest's text memory."""
    if not GRUB_ISO.exists():
        pytest.skip(f"{GRUB_ISO} is not installed")
    served = target(GRUB_ISO)
    guest = subprocess.Popen(
        qemu("-vga", "std", "-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off",
             "-drive", f"file={served.uri(GRUB_ISO.name)},format=raw,if=ide,media=cdrom,readonly=on"))
    text = ""
    try:
        deadline = time.monotonic() + PATIENCE
        while not (tmp_path / "qmp").exists() and guest.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        monitor = Monitor(tmp_path / "qmp")
        while "GRUB" not in text and time.monotonic() < deadline:
            time.sleep(0.2)
            monitor.command("pmemsave", val=0xB8000, size=4000, filename=str(tmp_path / "screen"))
            text = (tmp_path / "screen").read_bytes()[::2].decode("cp437")
    finally:
        guest.kill()
        guest.wait()
    assert "GRUB" in text, text
