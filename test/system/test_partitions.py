# SPDX-License-Identifier: BSD-3-Clause
"""Partition tables made by sgdisk and parted: found, served over NBD, and as good as before after all that."""

import json
import re
import struct
import subprocess
import time
import uuid
import zlib

import pytest

from conftest import BDEVKIT, PATIENCE, RpcError, requires, run

nbd = pytest.importorskip("nbd")

MIB = 1 << 20
SPDK, OLD_SPDK = "6527994e-2c5a-4eec-9613-8f5944074e8b", "7c5222bd-8f5d-4087-9c00-bf9843c7b58c"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"


@pytest.fixture(autouse=True)
def programs():
    for program in ("sgdisk", "parted", "nbdcopy", "nbdinfo"):
        requires(program)


def make_file(path, size=64 * MIB):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def sgdisk(path, *words):
    return run("sgdisk", *words, path).stdout


def parted(path, *words):
    return run("parted", "-s", "-m", path, "unit", "s", *words).stdout


def parted_partitions(path):
    """Of each partition its number, first block and number of blocks, as parted sees them."""
    lines = [line.split(":") for line in parted(path, "print").splitlines()[2:]]
    return {int(line[0]): (int(line[1][:-1]), int(line[3][:-1])) for line in lines}


def is_sound(path):
    return "No problems found" in sgdisk(path, "--verify")


def partitions(one, base):
    """By number: where each lies, as the target says."""
    found = {}
    for bdev in one.rpc("bdev_get_bdevs"):
        gpt = bdev["driver_specific"].get("gpt")
        if gpt and gpt["base_bdev"] == base:
            assert re.fullmatch(re.escape(base) + r"p\d+", bdev["name"])
            found[int(bdev["name"][len(base) + 1:])] = (gpt["offset_blocks"], bdev["num_blocks"])
    return found


def described(one, name):
    [bdev] = one.rpc("bdev_get_bdevs", name=name)
    return bdev, bdev["driver_specific"]["gpt"]


def connect(one, name):
    client = nbd.NBD()
    client.connect_uri(one.uri(name))
    return client


def pattern(seed, size):
    return bytes((seed * 7 + i * 13 + i // 256) % 256 for i in range(4096)) * (size // 4096)


# ---- what is found ----


def test_what_sgdisk_made(tmp_path, target):
    disk = make_file(tmp_path / "disk.img")
    guids = [str(uuid.uuid4()) for _ in range(3)]
    sgdisk(disk, "-n", "1:0:+8M", "-t", f"1:{SPDK}", "-c", "1:Größe \N{FLOPPY DISK} \"x\"", "-u", f"1:{guids[0]}",
           "-n", "3:0:+4M", "-t", "3:8300", "-n", "128:0:0", "-t", f"128:{OLD_SPDK}", "-u", f"128:{guids[2]}")
    one = target(disk)
    assert partitions(one, "disk.img").keys() == {1, 128}
    bdev, gpt = described(one, "disk.imgp1")
    assert bdev["product_name"] == "GPT Disk"
    assert bdev["num_blocks"] == 16384
    # Each of its names leads to it; the GUID is its first alias.
    assert bdev["uuid"] == bdev["aliases"][0] == guids[0]
    assert described(one, guids[2])[0]["name"] == "disk.imgp128"
    assert gpt == {"base_bdev": "disk.img", "offset_blocks": 2048, "partition_type_guid": SPDK,
                   "unique_partition_guid": guids[0], "partition_name": "Größe \N{FLOPPY DISK} \"x\""}
    # The older type never had its last block.
    first, last = map(int, re.search(r"^ +128 +(\d+) +(\d+)", sgdisk(disk, "-p"), re.M).groups())
    assert partitions(one, "disk.img")[128] == (first, last - first)
    # All of them when they are asked for; those that there are stay.
    assert one.rpc("bdev_gpt_set_options", partition_types="all") is True
    assert partitions(one, "disk.img").keys() == {1, 3, 128}
    assert described(one, "disk.imgp3")[1]["partition_type_guid"] == LINUX
    assert one.rpc("bdev_gpt_set_options", partition_types="spdk") is True
    assert partitions(one, "disk.img").keys() == {1, 128}


def test_what_parted_made(tmp_path, target):
    disk = make_file(tmp_path / "disk.img")
    parted(disk, "mklabel", "gpt", "mkpart", "EFI", "fat32", "2048s", "20479s", "mkpart", "root", "ext4", "20480s", "100%",
           "set", "1", "esp", "on")
    one = target("--partitions", disk)
    assert partitions(one, "disk.img") == parted_partitions(disk)
    assert described(one, "disk.imgp1")[1]["partition_type_guid"] == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
    assert described(one, "disk.imgp2")[1]["partition_name"] == "root"
    # It is not exported as a whole.
    assert "disk.imgp1:" in one.output and "disk.imgp2:" in one.output and "disk.img:" not in one.output
    with pytest.raises(nbd.Error):
        connect(one, "disk.img")


def test_disks_of_a_configuration_too(tmp_path, target):
    """--partitions, a disk that a configuration has, and one that comes later."""
    for name in ("a.img", "b.img"):
        parted(make_file(tmp_path / name), "mklabel", "gpt", "mkpart", "one", "2048s", "100%")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_aio_create", "params": {"name": "a", "filename": str(tmp_path / "a.img"), "block_size": 512}}]}]}))
    one = target("--partitions", "--json", config)
    assert partitions(one, "a").keys() == {1}
    one.rpc("bdev_aio_create", name="b", filename=str(tmp_path / "b.img"), block_size=512)
    assert partitions(one, "b").keys() == {1}
    # The option is saved, partitions are found again.
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config":
                                                  one.rpc("framework_get_config", name="bdev")}]}))
    assert one.stop() == 0
    one = target("--json", config)
    assert partitions(one, "a").keys() == partitions(one, "b").keys() == {1}


@pytest.mark.parametrize("table", [("--resize-table=4",), ("--resize-table=1024",), ("-j", "100")])
def test_tables_of_other_shapes(tmp_path, target, table):
    disk = make_file(tmp_path / "disk.img")
    sgdisk(disk, *table, "-n", "4:0:0", "-t", f"4:{SPDK}")
    one = target(disk)
    assert partitions(one, "disk.img") == parted_partitions(disk)


def test_an_image_on_a_larger_disk(tmp_path, target):
    """The backup is not at the end, and the boot record has the size of the image: the primary table is good."""
    disk = make_file(tmp_path / "disk.img")
    sgdisk(disk, "-n", "1:0:0", "-t", f"1:{SPDK}")
    with open(disk, "r+b") as file:
        file.truncate(100 * MIB)
    one = target(disk)
    assert partitions(one, "disk.img") == {1: (2048, 64 * 2048 - 2048 - 33)}


# ---- what is served ----


@pytest.mark.parametrize("make", ["sgdisk", "parted"])
def test_served_over_nbd(tmp_path, target, make):
    """Each partition is written with something else; it is on the disk where the table says, and the table is as it was."""
    disk = make_file(tmp_path / "disk.img")
    if make == "sgdisk":
        sgdisk(disk, "-n", "1:0:+4M", "-t", f"1:{SPDK}", "-n", "2:0:+8M", "-t", "2:8300", "-n", "3:0:0", "-t", "3:ef00")
    else:
        parted(disk, "mklabel", "gpt", "mkpart", "one", "2048s", "10239s", "mkpart", "two", "10240s", "26623s", "mkpart", "three",
               "26624s", "100%")
    places = parted_partitions(disk)
    assert len(places) == 3 and is_sound(disk)
    before = disk.read_bytes()
    one = target("--partitions", disk)
    contents = {}
    for number, (_, num_blocks) in places.items():
        contents[number] = pattern(number, num_blocks * 512 // 4096 * 4096)
        source = tmp_path / f"source{number}"
        source.write_bytes(contents[number])
        if len(contents[number]) == num_blocks * 512:
            run("nbdcopy", "--flush", source, one.uri(f"disk.imgp{number}"))
        else:
            client = connect(one, f"disk.imgp{number}")
            client.pwrite(contents[number][:MIB], 0)
            client.pwrite(contents[number][-4096:], len(contents[number]) - 4096)
            contents[number] = contents[number][:MIB] + bytes(len(contents[number]) - MIB - 4096) + contents[number][-4096:]
            client.flush()
            client.shutdown()
    for number in places:
        copy = tmp_path / f"copy{number}"
        run("nbdcopy", one.uri(f"disk.imgp{number}"), copy)
        assert copy.read_bytes()[:len(contents[number])] == contents[number]
    assert one.stop() == 0
    after = disk.read_bytes()
    covered = set()
    for number, (first, num_blocks) in places.items():
        start = first * 512
        assert after[start:start + len(contents[number])] == contents[number]
        covered.update(range(first, first + num_blocks))
    for lba in range(64 * 2048):
        if lba not in covered:
            assert after[lba * 512:(lba + 1) * 512] == before[lba * 512:(lba + 1) * 512], lba
    assert is_sound(disk) and parted_partitions(disk) == places


def test_a_file_system_in_a_partition(tmp_path, target):
    """Made in the file at its place, checked through NBD; with the holes that the file has."""
    for program in ("mkfs.ext4", "e2fsck"):
        requires(program)
    disk = make_file(tmp_path / "disk.img")
    sgdisk(disk, "-n", "1:0:+48M", "-t", f"1:{SPDK}")
    run("mkfs.ext4", "-q", "-F", "-E", f"offset={MIB}", disk, "48m")
    one = target(disk)
    copy = tmp_path / "copy.img"
    run("nbdcopy", one.uri("disk.imgp1"), copy)
    run("e2fsck", "-f", "-n", copy)
    extents = [line.split() for line in run("nbdinfo", "--map", one.uri("disk.imgp1")).stdout.splitlines()]
    assert {extent[3] for extent in extents} == {"data", "hole,zero"}
    # The map is that of the partition, from its first byte to its last.
    assert [int(extents[0][0]), int(extents[-1][0]) + int(extents[-1][1])] == [0, 48 * MIB]


def test_blocks_of_4096_bytes(tmp_path, target):
    """Through NBD an empty disk of such blocks gets a table, as a partitioning tool on it would write it, and is read."""
    disk = make_file(tmp_path / "disk.img")
    one = target("--json", write_config(tmp_path, disk, 4096))
    table = table_of_4096(64 * MIB // 4096, [(6, 1000, SPDK, "one"), (1001, 2000, LINUX, "two")])
    client = connect(one, "disk")
    for offset, data in table.items():
        client.pwrite(data, offset)
    client.shutdown()
    assert one.rpc("bdev_gpt_examine", name="disk") == ["diskp1"]
    assert partitions(one, "disk") == {1: (6, 995)}
    bdev, _ = described(one, "diskp1")
    assert bdev["block_size"] == 4096
    client = connect(one, "diskp1")
    client.pwrite(b"4" * 8192, 4096)
    client.flush()
    client.shutdown()
    assert one.stop() == 0
    assert disk.read_bytes()[7 * 4096:9 * 4096] == b"4" * 8192
    # And once more from the start, when it is found without being asked for.
    one = target("--json", write_config(tmp_path, disk, 4096))
    assert partitions(one, "disk") == {1: (6, 995)}


def write_config(folder, disk, block_size):
    path = folder / "config.json"
    path.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_aio_create", "params": {"name": "disk", "filename": str(disk), "block_size": block_size}}]}]}))
    return path


def table_of_4096(num_blocks, parts):
    """By the UEFI specification, as the tools take every file for a disk of 512-byte blocks."""
    entries = b"".join(uuid.UUID(kind).bytes_le + uuid.uuid4().bytes_le + struct.pack("<QQQ", first, last, 0) +
                       name.encode("utf-16-le").ljust(72, b"\0") for first, last, kind, name in parts).ljust(16384, b"\0")
    disk_guid = uuid.uuid4().bytes_le

    def header(lba, other, entries_lba):
        def pack(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, lba, other, 6, num_blocks - 6,
                               disk_guid, entries_lba, 128, 128, zlib.crc32(entries))
        return pack(zlib.crc32(pack(0))).ljust(4096, b"\0")

    mbr = bytearray(4096)
    mbr[446:462] = struct.pack("<BBBBBBBBII", 0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, num_blocks - 1)
    mbr[510:512] = b"\x55\xaa"
    return {0: bytes(mbr), 4096: header(1, num_blocks - 1, 2), 8192: entries,
            (num_blocks - 5) * 4096: entries, (num_blocks - 1) * 4096: header(num_blocks - 1, 1, num_blocks - 5)}


def test_a_memory_disk_is_partitioned(tmp_path, target):
    """A table made in a file is copied to a disk in memory; the partitions come when they are asked for, and the disk is
    then theirs."""
    disk = make_file(tmp_path / "table.img", 16 * MIB)
    sgdisk(disk, "-n", "1:0:+2M", "-t", f"1:{SPDK}", "-n", "2:0:0", "-t", "2:8300")
    one = target("--json", write_config(tmp_path, make_file(tmp_path / "other.img"), 512))
    one.rpc("bdev_malloc_create", name="memory", num_blocks=32768, block_size=512)
    run("nbdcopy", disk, one.uri("memory"))
    assert partitions(one, "memory") == {}
    held = connect(one, "memory")
    with pytest.raises(RpcError) as error:
        one.rpc("bdev_gpt_examine", name="memory")
    assert error.value.code == -1 and "claimed by another module" in error.value.message
    held.shutdown()
    deadline = time.monotonic() + PATIENCE
    while True:
        # The server hears of the end of a connection a little later.
        try:
            assert one.rpc("bdev_gpt_examine", name="memory") == ["memoryp1"]
            break
        except RpcError:
            assert time.monotonic() < deadline
    client = connect(one, "memoryp1")
    client.pwrite(b"x" * 512, 2 * MIB - 512)
    client.shutdown()
    with pytest.raises(nbd.Error):
        connect(one, "memory")


# ---- damage ----


def test_the_backup_is_used(tmp_path, target):
    disk = make_file(tmp_path / "disk.img")
    sgdisk(disk, "-n", "1:0:+4M", "-t", f"1:{SPDK}")
    with open(disk, "r+b") as file:
        file.seek(512)
        file.write(bytes(512))
    one = target(disk)
    assert partitions(one, "disk.img") == {1: (2048, 8192)}
    assert "the header in block 1: it has no signature; the one at its end is used" in one.stderr()
    with open(disk, "r+b") as file:
        file.seek(-512, 2)
        file.write(bytes(512))
    # Both are gone: what is there stays, and a new start finds nothing.
    with pytest.raises(RpcError) as error:
        one.rpc("bdev_gpt_examine", name="disk.img")
    assert "its partition table is damaged" in error.value.message
    assert partitions(one, "disk.img") == {1: (2048, 8192)}
    assert one.stop() == 0
    one = target(disk)
    assert partitions(one, "disk.img") == {}
    assert "disk.img has a partition table that is of no use" in one.stderr()
    assert "disk.img:" in one.output


def test_partitioned_again(tmp_path, target):
    """sgdisk changes the file under a running target: who is still there stays, with its client."""
    disk = make_file(tmp_path / "disk.img")
    sgdisk(disk, "-n", "1:0:+4M", "-t", f"1:{SPDK}", "-n", "2:0:+4M", "-t", f"2:{SPDK}")
    one = target(disk)
    stays, goes = connect(one, "disk.imgp1"), connect(one, "disk.imgp2")
    stays.pwrite(b"s" * 512, 0)
    sgdisk(disk, "-d", "2", "-n", "5:40960:+1M", "-t", f"5:{SPDK}")
    assert one.rpc("bdev_gpt_examine", name="disk.img") == ["disk.imgp1", "disk.imgp5"]
    assert stays.pread(512, 0) == b"s" * 512
    with pytest.raises(nbd.Error):
        goes.pread(512, 0)
    # uring, or aio where the system forbids it.
    module = "uring" if "uring" in one.rpc("bdev_get_bdevs", name="disk.img")[0]["driver_specific"] else "aio"
    assert one.rpc(f"bdev_{module}_delete", name="disk.img") is True
    assert partitions(one, "disk.img") == {}
    assert is_sound(disk)


# ---- parts over parts ----


def test_check(tmp_path):
    """bdevkit check on partitions, and on what stands on them; the table is sound after it."""
    disk = make_file(tmp_path / "disk.img", 8 * MIB)
    sgdisk(disk, "-n", "1:0:+2M", "-t", f"1:{SPDK}", "-n", "2:0:+2M", "-t", f"2:{SPDK}")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_split_create", "params": {"base_bdev": "over", "split_count": 2}},
        {"method": "bdev_passthru_create", "params": {"base_bdev_name": "diskp2", "name": "over"}},
        {"method": "bdev_aio_create", "params": {"name": "disk", "filename": str(disk), "block_size": 512}}]}]}))
    result = subprocess.run([BDEVKIT, "check", "--json", config, "--json-output", "--overwrite", "diskp1",
                             "overp1"], capture_output=True,
                            text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {one["bdev"] for one in json.loads(result.stdout)} == {"diskp1", "overp1"}
    assert is_sound(disk)
