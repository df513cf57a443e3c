# SPDX-License-Identifier: BSD-3-Clause
"""What somebody lives through who keeps a guest's disk on an array of encrypted files.

A guest boots from a partition of the array and writes; members are lost, replaced, rebuilt while it works; the power goes; and
the array comes back from what is on its members, one of which is an old one.
"""

import os
import random
import re
import secrets
import subprocess
import time

import pytest

from conftest import PATIENCE, RpcError, Target, requires, run
from test_crash import BLOCK, BLOCKS, Load, generation_of
from test_guest_boot import BOOT, MIB, boot_disk, qemu

nbd = pytest.importorskip("nbd", reason="python3-libnbd is not installed")

SPDK_TYPE = "6527994e-2c5a-4eec-9613-8f5944074e8b"
MEMBER = 40 * MIB
# The guest counts: each number is on its disk before it says so.
DIGITS = " ".join("0123456789")
WORK = "".join(f"for {digit} in {DIGITS}; do " for digit in "abcde") + \
    "set count=$a$b$c$d$e; if save_env -f /env count; then echo SAVED-$count; fi; " + "done; " * 5 + "\n"
LEVELS = {"raid1": (2, 1), "raid5": (4, 1), "raid6": (6, 2)}


@pytest.fixture(autouse=True)
def programs():
    for program in ("sgdisk", "nbdcopy", "e2fsck", "debugfs", "qemu-system-x86_64", "grub-mkimage"):
        requires(program)


class Guest:
    """A virtual machine with its disk on an export, which writes through and says what it has written."""

    def __init__(self, uri):
        self.process = subprocess.Popen(
            qemu("-serial", "stdio", "-drive", f"file={uri},format=raw,if=ide,cache=writethrough"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def read(self):
        self.text += self.process.stdout.read() or b""

    def saved(self):
        """The last number that it has written to its disk, -1 if there is none."""
        self.read()
        # A line that is not complete yet may lack digits.
        numbers = re.findall(rb"SAVED-(\d{5})\r?\n", self.text)
        return int(numbers[-1]) if numbers else -1

    def wait_for(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.text[-2000:]
            time.sleep(0.05)

    def wait_until_saved(self, number):
        self.wait_for(lambda: self.saved() >= number)

    def wait_for_text(self, text):
        self.wait_for(lambda: self.read() or text in self.text)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.read()
        self.process.stdout.close()


class Files:
    """Encrypted files: uring (aio where the kernel forbids it), and crypto on that, each with a key of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {}

    def create(self, name):
        with open(self.folder / name, "wb") as file:
            file.truncate(MEMBER)
        self.keys[name] = (secrets.token_hex(32), secrets.token_hex(32))

    def attach(self, served, name):
        key, key2 = self.keys[name]
        served.rpc("accel_crypto_key_create", name=f"key-{name}", cipher="AES_XTS", key=key, key2=key2)
        path = str(self.folder / name)
        try:
            served.rpc("bdev_uring_create", name=f"file-{name}", filename=path, block_size=512)
        except RpcError as error:
            print(f"no io_uring, so aio: {error}")
            served.rpc("bdev_aio_create", name=f"file-{name}", filename=path, block_size=512)
        served.rpc("bdev_crypto_create", name=name, base_bdev_name=f"file-{name}", key_name=f"key-{name}")

    def pull_out(self, served, name):
        """As when a disk is pulled: the file goes under the crypto bdev, and that under the array."""
        [bdev] = served.rpc("bdev_get_bdevs", name=f"file-{name}")
        served.rpc("bdev_uring_delete" if "uring" in bdev["driver_specific"] else "bdev_aio_delete", name=f"file-{name}")


def array_of(served):
    [array] = served.rpc("bdev_raid_get_bdevs", category="all")
    return array


def wait_for_array(served, condition):
    deadline = time.monotonic() + PATIENCE * 2
    while True:
        arrays = served.rpc("bdev_raid_get_bdevs", category="all")
        if arrays and condition(arrays[0]):
            return arrays[0]
        assert time.monotonic() < deadline, arrays
        time.sleep(0.1)


def is_whole(array):
    return array["state"] == "online" and not array["degraded"] and "process" not in array


def wait_for_bdev(served, name):
    served.rpc("bdev_wait_for_examine")
    [bdev] = served.rpc("bdev_get_bdevs", name=name, timeout=PATIENCE * 1000)
    return bdev


def fill(served, folder, boot):
    """Puts a partition table on the array, and the boot disk into the first partition, by way of a copy of it in a file."""
    [bdev] = served.rpc("bdev_get_bdevs", name="array")
    image = folder / "array.img"
    with open(image, "wb") as file:
        file.truncate(bdev["num_blocks"] * bdev["block_size"])
    run("sgdisk", "-n", "1:2048:+20M", "-t", f"1:{SPDK_TYPE}", "-c", "1:guest", "-n", "2:0:+4M", "-t", f"2:{SPDK_TYPE}",
        "-c", "2:work", image)
    with open(image, "r+b") as file:
        file.seek(MIB)
        file.write(boot.read_bytes())
    run("nbdcopy", "--flush", image, served.uri("array"))


def check_guest_disk(served, folder, files, least):
    """The guest's file system is sound without repair, its files are what they were, and its count is not behind."""
    disk, partition = folder / "guest.disk", folder / "guest.ext4"
    run("nbdcopy", served.uri("arrayp1"), disk)
    data = disk.read_bytes()
    start, blocks = (int.from_bytes(data[at:at + 4], "little") for at in (454, 458))
    partition.write_bytes(data[start * 512:(start + blocks) * 512])
    run("e2fsck", "-f", "-n", partition)
    for name, contents in files.items():
        if name == "env":
            continue
        run("debugfs", "-R", f"dump /{name} {folder}/dumped", partition)
        assert (folder / "dumped").read_bytes() == contents, name
    run("debugfs", "-R", f"dump /env {folder}/dumped", partition)
    count = int(re.search(rb"count=(\d+)", (folder / "dumped").read_bytes()).group(1))
    assert count >= least, f"the guest was told that {least} is on the disk, and it holds {count}"


def check_work(served, load):
    client = nbd.NBD()
    client.connect_uri(served.uri("arrayp2"))
    for number in range(BLOCKS):
        found = generation_of(bytes(client.pread(BLOCK, number * BLOCK)), number)
        assert found >= load.flushed[number], f"block {number}: {found} is older than the flushed one"
    client.shutdown()


def scrub(served):
    """All of it agrees."""
    served.rpc("bdev_raid_start_scrub", name="array")
    array = wait_for_array(served, lambda array: "process" not in array)
    assert array["mismatches"] == 0, array


@pytest.mark.parametrize("level", LEVELS)
def test_members_are_lost_and_then_the_power(tmp_path, target, level):
    num_members, num_lost = LEVELS[level]
    contents = {"work.cfg": WORK.encode(), "env": b"# GRUB Environment Block\n".ljust(1024, b"#")}
    contents.update({f"data{i}": random.Random(i).randbytes(300000 + i * 77777) for i in range(6)})
    boot = boot_disk(tmp_path, BOOT + "set root=(hd0,msdos1)\nconfigfile /work.cfg\n", ("normal", "configfile", "loadenv"),
                     contents)
    files = Files(tmp_path)
    names = [f"disk{i}" for i in range(num_members)]

    served = Target(tmp_path)
    guest = load = None
    try:
        for name in names:
            files.create(name)
            files.attach(served, name)
        strip = {} if level == "raid1" else {"strip_size_kb": 64}
        served.rpc("bdev_raid_create", name="array", raid_level=level, base_bdevs=names, superblock=True, **strip)
        wait_for_array(served, lambda array: array["state"] == "online")
        fill(served, tmp_path, boot)
        wait_for_array(served, is_whole)
        # A partition table is looked for when its bdev comes.
        assert served.stop() == 0
        served = Target(tmp_path)
        for name in names:
            files.attach(served, name)
        assert wait_for_bdev(served, "arrayp1")["driver_specific"]["gpt"]["partition_name"] == "guest"
        assert wait_for_bdev(served, "arrayp2")["num_blocks"] * 512 >= BLOCK * BLOCKS
        assert is_whole(array_of(served)), array_of(served)

        guest = Guest(served.uri("arrayp1"))
        load = Load(served.uri("arrayp2"), 7)
        load.start()
        guest.wait_until_saved(10)
        assert b"READ-FROM-EXT4" in guest.text and b"END-OF-FILE" in guest.text

        # Disks die under the load, and nobody notices.
        lost = names[1:1 + num_lost]
        for name in lost:
            files.pull_out(served, name)
        array = wait_for_array(served, lambda array: array["degraded"])
        assert array["state"] == "online"
        guest.wait_until_saved(guest.saved() + 10)

        # New ones take their places. Slowly, so that the guest has something of it.
        served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=20)
        before = guest.saved()
        for name in lost:
            files.create(f"new-{name}")
            files.attach(served, f"new-{name}")
            served.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev=f"new-{name}")
        wait_for_array(served, lambda array: array.get("process", {}).get("type") == "rebuild")
        array = wait_for_array(served, is_whole)
        assert array["num_base_bdevs_operational"] == num_members
        assert guest.saved() > before, "the guest stood still while its disk was rebuilt"
        guest.wait_until_saved(guest.saved() + 10)
        load.enough.wait(PATIENCE)

        # The power goes.
        served.kill()
        load.join(PATIENCE)
        time.sleep(0.2)
        saved = guest.saved()
    finally:
        if guest is not None:
            guest.stop()
        if served.process.poll() is None:
            served.kill()
        if load is not None:
            load.join(PATIENCE)
    assert load.flushes >= 20, load.error

    # It comes back with the files, in any order, and the old ones among them are not believed.
    served = target()
    order = list(files.keys)
    random.Random(level).shuffle(order)
    for name in order:
        files.attach(served, name)
    wait_for_bdev(served, "arrayp1")
    wait_for_bdev(served, "arrayp2")
    array = wait_for_array(served, is_whole)
    assert not {member["name"] for member in array["base_bdevs_list"]} & set(lost), array
    check_guest_disk(served, tmp_path, contents, saved)
    check_work(served, load)
    scrub(served)

    # And the guest boots from it, and goes on.
    guest = Guest(served.uri("arrayp1"))
    try:
        guest.wait_for_text(b"END-OF-FILE")
        guest.wait_until_saved(3)
    finally:
        guest.stop()
