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
        said, deadline = 0, time.monotonic() + PATIENCE
        while not condition():
            if len(self.text) > said:
                # However slow the machine is, it goes on.
                said, deadline = len(self.text), time.monotonic() + PATIENCE
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


class Story:
    """The array, and who uses it: a guest in the first partition, and a load in the second one."""

    def __init__(self, folder, level):
        self.folder = folder
        self.level = level
        num_members, num_lost = LEVELS[level]
        self.names = [f"disk{i}" for i in range(num_members)]
        self.lost = self.names[1:1 + num_lost]
        self.files = Files(folder)
        self.contents = {"work.cfg": WORK.encode(), "env": b"# GRUB Environment Block\n".ljust(1024, b"#")}
        self.contents.update({f"data{i}": random.Random(i).randbytes(300000 + i * 77777) for i in range(6)})
        self.served = self.guest = self.load = None

    def make(self):
        boot = boot_disk(self.folder, BOOT + "set root=(hd0,msdos1)\nconfigfile /work.cfg\n",
                         ("normal", "configfile", "loadenv"), self.contents)
        self.served = Target(self.folder)
        for name in self.names:
            self.files.create(name)
            self.files.attach(self.served, name)
        strip = {} if self.level == "raid1" else {"strip_size_kb": 64}
        self.served.rpc("bdev_raid_create", name="array", raid_level=self.level, base_bdevs=self.names, superblock=True,
                        **strip)
        wait_for_array(self.served, lambda array: array["state"] == "online")
        fill(self.served, self.folder, boot)
        wait_for_array(self.served, is_whole)
        # A partition table is looked for when its bdev comes.
        assert self.served.stop() == 0
        self.served = Target(self.folder)
        for name in self.names:
            self.files.attach(self.served, name)
        assert wait_for_bdev(self.served, "arrayp1")["driver_specific"]["gpt"]["partition_name"] == "guest"
        assert wait_for_bdev(self.served, "arrayp2")["num_blocks"] * 512 >= BLOCK * BLOCKS
        assert is_whole(array_of(self.served)), array_of(self.served)

    def begin(self):
        self.guest = Guest(self.served.uri("arrayp1"))
        self.load = Load(self.served.uri("arrayp2"), 7)
        self.load.start()
        self.guest.wait_until_saved(10)
        assert b"READ-FROM-EXT4" in self.guest.text and b"END-OF-FILE" in self.guest.text

    def lose_members(self):
        """Disks die under the load, and nobody notices."""
        for name in self.lost:
            self.files.pull_out(self.served, name)
        array = wait_for_array(self.served, lambda array: array["degraded"])
        assert array["state"] == "online"
        self.guest.wait_until_saved(self.guest.saved() + 10)

    def replace(self, served, lost):
        self.files.create(f"new-{lost}")
        self.files.attach(served, f"new-{lost}")
        served.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev=f"new-{lost}")

    def rebuild(self):
        """New ones take their places. Slowly, so that the guest has something of it."""
        self.served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=20)
        before = self.guest.saved()
        for name in self.lost:
            self.replace(self.served, name)
        wait_for_array(self.served, is_rebuilt)
        array = wait_for_array(self.served, is_whole)
        assert array["num_base_bdevs_operational"] == len(self.names)
        assert self.guest.saved() > before, "the guest stood still while its disk was rebuilt"
        self.guest.wait_until_saved(self.guest.saved() + 10)

    def begin_rebuild(self):
        """One is being rebuilt, and takes a while; if two were lost, the other is still missing."""
        self.served.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
        self.replace(self.served, self.lost[0])
        wait_for_array(self.served, is_rebuilt)
        self.guest.wait_until_saved(self.guest.saved() + 5)

    def cut_power(self):
        """Returns what the guest has been told is on its disk."""
        self.load.enough.wait(PATIENCE)
        self.served.kill()
        self.load.join(PATIENCE)
        time.sleep(0.2)
        return self.guest.saved()

    def end(self):
        if self.guest is not None:
            self.guest.stop()
            self.guest = None
        if self.served is not None and self.served.process.poll() is None:
            self.served.kill()
        if self.load is not None:
            self.load.join(PATIENCE)

    def restart(self, served):
        """It comes back with the files, in any order, and the old ones among them are not believed."""
        assert self.load.flushes >= 20, self.load.error
        order = list(self.files.keys)
        random.Random(self.level).shuffle(order)
        for name in order:
            self.files.attach(served, name)
        wait_for_bdev(served, "arrayp1")
        wait_for_bdev(served, "arrayp2")
        array = array_of(served)
        assert not {member["name"] for member in array["base_bdevs_list"]} & set(self.lost), array

    def check(self, served, saved):
        check_guest_disk(served, self.folder, self.contents, saved)
        check_work(served, self.load)


def is_rebuilt(array):
    return array.get("process", {}).get("type") == "rebuild"


@pytest.fixture
def story(tmp_path, level):
    told = Story(tmp_path, level)
    try:
        told.make()
        told.begin()
        yield told
    finally:
        told.end()


@pytest.mark.parametrize("level", LEVELS)
def test_members_are_lost_and_then_the_power(story, target):
    story.lose_members()
    story.rebuild()
    saved = story.cut_power()
    story.end()

    served = target()
    story.restart(served)
    wait_for_array(served, is_whole)
    story.check(served, saved)
    scrub(served)

    # And the guest boots from it, and goes on.
    guest = Guest(served.uri("arrayp1"))
    try:
        guest.wait_for_text(b"END-OF-FILE")
        guest.wait_until_saved(3)
    finally:
        guest.stop()


@pytest.mark.parametrize("level, rebuilds", [("raid1", True), ("raid5", False), ("raid6", True)])
def test_the_power_goes_while_members_are_missing(story, target, rebuilds):
    story.lose_members()
    if rebuilds:
        story.begin_rebuild()
    saved = story.cut_power()
    story.end()

    # All is there at once; the rebuild goes on by itself, and the rest is replaced.
    served = target()
    story.restart(served)
    story.check(served, saved)
    for name in story.lost[1 if rebuilds else 0:]:
        story.replace(served, name)
    array = wait_for_array(served, is_whole)
    assert {member["name"] for member in array["base_bdevs_list"]} >= {f"new-{name}" for name in story.lost}, array
    scrub(served)
    story.check(served, saved)
