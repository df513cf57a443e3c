# SPDX-License-Identifier: BSD-3-Clause
"""Arrays as their members come, go and come back: what scripts that drive them by RPC rely on, one expectation a test."""

import time
import uuid

import pytest

from conftest import PATIENCE, RpcError, requires, run

MIB = 1 << 20
LEVELS = {"raid0": 2, "concat": 2, "raid1": 2, "raid5f": 3, "raid5": 3, "raid6": 4}
REDUNDANT = {level: 2 if level == "raid6" else 1 for level in ("raid1", "raid5f", "raid5", "raid6")}


class Machine:
    """A target, with disks that keep what they hold while the bdevs over them, which are the members, come and go."""

    def __init__(self, target):
        self.target = target()
        self.rpc = self.target.rpc

    def disk(self, name, mib=32, **params):
        self.rpc("bdev_malloc_create", name=name, num_blocks=mib * MIB // 512, block_size=512, **params)

    def member(self, name, disk=None, **params):
        self.rpc("bdev_passthru_create", name=name, base_bdev_name=disk or f"disk_{name}", **params)

    def members(self, count, **params):
        names = [f"m{i}" for i in range(count)]
        for name in names:
            self.disk(f"disk_{name}", **params)
            self.member(name, uuid=uuid_of(name))
        return names

    def create(self, level, names, **params):
        if level != "raid1":
            params.setdefault("strip_size_kb", 4)
        self.rpc("bdev_raid_create", name="array", raid_level=level, base_bdevs=names, **params)

    def arrays(self, category="all"):
        return self.rpc("bdev_raid_get_bdevs", category=category)

    def array(self):
        arrays = self.arrays()
        assert len(arrays) == 1, arrays
        return arrays[0]

    def state(self):
        array = self.array()
        return array["state"], array["num_base_bdevs_discovered"], array["num_base_bdevs_operational"]

    def lose(self, name):
        self.rpc("bdev_passthru_delete", name=name)

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition(self.arrays()):
            assert time.monotonic() < deadline, self.arrays()
            time.sleep(0.01)

    def until_quiet(self):
        self.until(lambda arrays: "process" not in arrays[0])


def uuid_of(name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


@pytest.fixture
def machine(target):
    return Machine(target)


@pytest.mark.parametrize("level", LEVELS)
def test_no_member_is_there(machine, level):
    count = LEVELS[level]
    for _ in range(2):
        machine.create(level, [f"later{i}" for i in range(count)])
        array = machine.array()
        assert (array["state"], array["raid_level"]) == ("configuring", level)
        assert array["strip_size_kb"] == (0 if level == "raid1" else 4)
        assert (array["num_base_bdevs"], array["num_base_bdevs_operational"]) == (count, count)
        assert array["num_base_bdevs_discovered"] == 0
        machine.rpc("bdev_raid_delete", name="array")
        assert machine.arrays() == []


@pytest.mark.parametrize("level", LEVELS)
def test_members_come_one_by_one(machine, level):
    count = LEVELS[level]
    names = [f"m{i}" for i in range(count)]
    machine.create(level, names)
    metadata = {} if level in ("raid5", "raid6") else {"md_size": 8, "md_interleave": True}
    for i, name in enumerate(names):
        assert machine.state() == ("configuring", i, count)
        machine.disk(name, **metadata)
    assert machine.state() == ("online", count, count)
    array, member = (machine.rpc("bdev_get_bdevs", name=name)[0] for name in ("array", "m0"))
    for key in ("block_size", "md_size", "md_interleave", "dif_type"):
        assert array.get(key) == member.get(key), key


@pytest.mark.parametrize("level", ["raid0", "concat"])
def test_levels_without_redundancy_end_with_a_member(machine, level):
    names = machine.members(3)
    machine.create(level, names)
    machine.lose(names.pop())
    assert machine.state() == ("offline", 2, 2)
    assert machine.arrays("offline") and not machine.arrays("online")
    with pytest.raises(RpcError):
        machine.rpc("bdev_get_bdevs", name="array")
    machine.lose(names.pop())
    assert machine.array()["state"] == "offline"
    machine.lose(names.pop())
    machine.until(lambda arrays: arrays == [])


@pytest.mark.parametrize("level", REDUNDANT)
def test_levels_with_redundancy_go_on(machine, level):
    names = machine.members(4)
    machine.create(level, names)
    machine.until_quiet()
    can_lose = 3 if level == "raid1" else REDUNDANT[level]
    for lost in range(1, can_lose + 1):
        machine.lose(names.pop())
        machine.until(lambda arrays, left=4 - lost: arrays[0]["num_base_bdevs_operational"] == left)
        assert machine.array()["state"] == "online"
    machine.lose(names.pop())
    machine.until(lambda arrays: not arrays or arrays[0]["state"] == "offline")
    while names:
        machine.lose(names.pop())
    machine.until(lambda arrays: arrays == [])


def test_one_that_waits_loses_members_and_gets_them_back(machine):
    names = machine.members(2)
    machine.create("raid1", names + ["m2"], superblock=True)
    assert machine.state() == ("configuring", 2, 3)
    machine.rpc("bdev_raid_remove_base_bdev", name="m0")
    assert machine.state() == ("configuring", 1, 3)
    assert not machine.array()["base_bdevs_list"][0]["is_configured"]
    machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="m0")
    assert machine.state() == ("configuring", 2, 3)
    # One of another name that has the UUID of what was deleted fills its place.
    machine.lose("m1")
    assert machine.state() == ("configuring", 1, 3)
    machine.disk("another", uuid=uuid_of("m1"))
    assert machine.state() == ("configuring", 2, 3)
    machine.disk("m2")
    machine.until(lambda arrays: arrays[0]["state"] == "online")
    assert machine.state() == ("online", 3, 3)
    assert [slot["name"] for slot in machine.array()["base_bdevs_list"]] == ["m0", "another", "m2"]


@pytest.mark.parametrize("level", LEVELS)
def test_superblocks_bring_it_back(machine, level):
    names = machine.members(LEVELS[level])
    machine.create(level, names, superblock=True, uuid=uuid_of("array"))
    machine.until_quiet()
    machine.rpc("bdev_raid_delete", name="array")
    for name in names:
        machine.lose(name)
    # What holds a superblock is not taken for another array, and nothing is left of the attempt.
    with pytest.raises(RpcError) as refused:
        machine.create(level, [f"disk_{name}" for name in names])
    assert refused.value.code == -17 or "exists" in str(refused.value).lower(), refused.value
    assert machine.arrays() == []
    for i, name in enumerate(names):
        machine.member(name, uuid=uuid_of(name))
        machine.until(lambda arrays, count=i + 1: arrays and arrays[0]["num_base_bdevs_discovered"] == count)
        if name != names[-1]:
            assert machine.array()["state"] == "configuring"
    machine.until(lambda arrays: arrays[0]["state"] == "online")
    assert machine.array()["uuid"] == uuid_of("array")


@pytest.mark.parametrize("level", REDUNDANT)
def test_a_stale_member_is_not_believed(machine, level):
    count = 4
    names = machine.members(count)
    machine.create(level, names, superblock=True, uuid=uuid_of("array"))
    machine.until_quiet()
    machine.lose("m0")
    machine.until(lambda arrays: arrays[0]["num_base_bdevs_operational"] == count - 1)
    machine.rpc("bdev_raid_delete", name="array")
    for name in names[1:]:
        machine.lose(name)
    # It says that all are good, which is what it knew last.
    machine.member("m0", uuid=uuid_of("m0"))
    assert machine.state()[0] == "configuring"
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
    for name in names[1:]:
        machine.member(name, uuid=uuid_of(name))
    machine.until(lambda arrays: arrays[0]["state"] == "online")
    array = machine.array()
    assert not array["base_bdevs_list"][0]["is_configured"] or array["base_bdevs_list"][0].get("state") != "configured"
    assert array["degraded"] and array["uuid"] == uuid_of("array")


@pytest.mark.parametrize("level", REDUNDANT)
def test_rebuilds(machine, level):
    names = machine.members(4)
    machine.disk("spare")
    machine.create(level, names, superblock=True)
    machine.until_quiet()
    machine.rpc("bdev_raid_remove_base_bdev", name="m0")
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
    machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="spare")
    process = machine.array()["process"]
    assert (process["type"], process["target"]) == ("rebuild", "spare")
    assert set(process["progress"]) >= {"blocks", "percent"}
    # Without its target it ends, and the array is what it was.
    machine.rpc("bdev_raid_remove_base_bdev", name="spare")
    machine.until_quiet()
    assert machine.state() == ("online", 3, 3)
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=0)
    machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="spare")
    machine.until_quiet()
    assert machine.state() == ("online", 4, 4) and not machine.array()["degraded"]
    # One that was replaced is neither picked up nor accepted.
    machine.lose("m0")
    machine.member("m0", uuid=uuid_of("m0"))
    assert machine.state() == ("online", 4, 4)
    machine.rpc("bdev_raid_remove_base_bdev", name="m1")
    with pytest.raises(RpcError):
        machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="m0")
    # One that has only left comes back by itself when it appears again, and on request.
    machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="m1")
    machine.until(lambda arrays: "process" not in arrays[0] and not arrays[0]["degraded"])
    machine.lose("m1")
    machine.until(lambda arrays: arrays[0]["degraded"])
    machine.member("m1", uuid=uuid_of("m1"))
    machine.until(lambda arrays: "process" not in arrays[0] and not arrays[0]["degraded"])
    assert machine.state() == ("online", 4, 4)


def test_another_member_leaves_during_a_rebuild(machine):
    names = machine.members(4)
    machine.create("raid1", names, superblock=True)
    machine.until_quiet()
    machine.disk("spare")
    machine.rpc("bdev_raid_remove_base_bdev", name="m0")
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
    machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="spare")
    machine.rpc("bdev_raid_remove_base_bdev", name="m3")
    array = machine.array()
    assert array["process"]["target"] == "spare" and array["state"] == "online"
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=0)


def test_a_rebuild_that_was_interrupted_goes_on(machine):
    names = machine.members(3)
    machine.create("raid1", names, superblock=True)
    machine.until_quiet()
    machine.rpc("bdev_raid_remove_base_bdev", name="m0")
    machine.disk("disk_spare")
    machine.member("spare", uuid=uuid_of("spare"))
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=1)
    machine.rpc("bdev_raid_add_base_bdev", raid_bdev="array", base_bdev="spare")
    machine.rpc("bdev_raid_delete", name="array")
    members = ["m1", "m2", "spare"]
    for name in members:
        machine.lose(name)
    for name in members:
        machine.member(name, uuid=uuid_of(name))
    machine.until(lambda arrays: arrays and arrays[0]["state"] == "online" and "process" in arrays[0])
    assert machine.array()["degraded"] and machine.array()["process"]["target"] == "spare"
    machine.rpc("bdev_raid_set_options", process_max_bandwidth_mb_sec=0)


@pytest.mark.parametrize("level, members", [("raid1", 1), ("raid0", 2)])
def test_growing(machine, level, members):
    """The size follows the smallest member."""
    def blocks():
        return machine.rpc("bdev_get_bdevs", name="array")[0]["num_blocks"]

    for name in ("null0", "null1"):
        machine.rpc("bdev_null_create", name=name, num_blocks=64 * MIB // 512, block_size=512)
    machine.create(level, ["null0", "null1"])
    assert blocks() == members * 64 * MIB // 512
    machine.rpc("bdev_null_resize", name="null0", new_size=100)
    assert blocks() == members * 64 * MIB // 512
    machine.rpc("bdev_null_resize", name="null1", new_size=100)
    machine.until(lambda _: blocks() == members * 100 * MIB // 512)


@pytest.mark.parametrize("level", ["raid0", "concat"])
def test_an_error_of_a_member_without_redundancy(machine, level):
    """Its user sees it, and the member stays."""
    requires("qemu-io")
    machine.members(2)
    machine.rpc("bdev_error_create", base_name="m0")
    machine.create(level, ["EE_m0", "m1"])
    machine.rpc("nbd_export_create", bdev_name="array")
    machine.rpc("bdev_error_inject_error", name="EE_m0", io_type="write", error_type="failure", num=1)
    uri = machine.target.uri("array")
    assert "error" in run("qemu-io", "-f", "raw", "-c", "write 0 4k", uri, check=False).stdout
    assert machine.state() == ("online", 2, 2)
    run("qemu-io", "-f", "raw", "-c", "write -P 3 0 4k", "-c", "read -P 3 0 4k", uri)
