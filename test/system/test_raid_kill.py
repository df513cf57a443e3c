# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of files under load, whose target is killed again and again, while members go and come back.

What a kill leaves is in the page cache, so every write that has ended is there, whether it was flushed or not. The events of a
seed come at times that nobody can repeat; what must hold does not depend on them. RAID_KILLS=N runs so many seeds.
"""

import json
import os
import random
import struct
import time

import nbd
import pytest

from conftest import PATIENCE, RpcError

BLOCK = 4096
MEMBER_MIB = 24
LIVES = 3
SEEDS = int(os.environ.get("RAID_KILLS", "1"))
LEVELS = {"raid1": (3, 2), "raid5": (4, 1), "raid6": (5, 2)}


def data_of(value):
    return struct.pack("<Q", value) * (BLOCK // 8)


def file_entry(folder, number):
    return {"method": "bdev_uring_create",
            "params": {"name": f"f{number}", "filename": str(folder / f"disk{number}.img"), "block_size": 512,
                       "uuid": f"00000000-0000-4000-8000-{number:012}"}}


class Story:
    """An array, and what each of its blocks may hold: what was written last, and what was under way then."""

    def __init__(self, target, folder, level, seed):
        self.target, self.folder, self.level = target, folder, level
        self.random = random.Random(f"{level} {seed}")
        self.count, self.can_lose = LEVELS[level]
        self.allowed, self.under_way = {}, {}
        self.last_value = 0
        self.area = self.random.choice((64, 512, 2000))
        self.events = []
        for number in range(self.count):
            with open(folder / f"disk{number}.img", "wb") as disk:
                disk.truncate(MEMBER_MIB << 20)

    def start(self):
        entries = [{"method": "bdev_raid_set_options", "params": {"assembly_timeout_sec": 2}}]
        entries += [file_entry(self.folder, number) for number in range(self.count)]
        path = self.folder / "config.json"
        path.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": entries}]}))
        self.served = self.target("--json", path)

    def create(self):
        params = {} if self.level == "raid1" else {"strip_size_kb": self.random.choice((4, 16, 64))}
        self.served.rpc("bdev_raid_create", name="md0", raid_level=self.level, superblock=True,
                        base_bdevs=[f"f{number}" for number in range(self.count)], **params)

    def info(self):
        return (self.served.rpc("bdev_raid_get_bdevs", category="all") or [{"state": "none"}])[0]

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition(self.info()):
            assert time.monotonic() < deadline, (self.info(), self.events)
            time.sleep(0.02)

    def connect(self):
        self.until(lambda array: array["state"] == "online")
        if "md0" not in [export["name"] for export in self.served.rpc("nbd_get_exports")]:
            self.served.rpc("nbd_export_create", bdev_name="md0")
        client = nbd.NBD()
        client.connect_uri(self.served.uri("md0"))
        return client

    def verify(self, client):
        self.under_way.clear()
        for block, values in self.allowed.items():
            data = client.pread(BLOCK, block * BLOCK)
            value = struct.unpack("<Q", data[:8])[0]
            assert value in values and data == data_of(value), (block, value, values, self.events)
            self.allowed[block] = {value}

    def submit(self, client):
        busy = {block for block, _ in self.under_way.values()}
        while len(self.under_way) < 16:
            block = self.random.randrange(self.area)
            if block not in busy:
                busy.add(block)
                self.last_value += 1
                self.allowed.setdefault(block, {0}).add(self.last_value)
                buffer = nbd.Buffer.from_bytearray(bytearray(data_of(self.last_value)))
                self.under_way[client.aio_pwrite(buffer, block * BLOCK)] = block, self.last_value

    def reap(self, client):
        client.poll(10)
        for command in list(self.under_way):
            if client.aio_command_completed(command):
                block, value = self.under_way.pop(command)
                self.allowed[block] = {value}

    def disturb(self):
        """A member goes, or comes back; or everything is compared."""
        array = self.info()
        slots = array["base_bdevs_list"]
        present = [slot["name"] for slot in slots if slot["is_configured"]]
        event = self.random.choice(("remove", "delete", "add", "scrub"))
        self.events.append(event)
        if event == "scrub":
            self.served.rpc("bdev_raid_start_scrub", name="md0")
        elif event == "add":
            missing = [number for number in range(self.count) if f"f{number}" not in [slot["name"] for slot in slots]]
            if missing and f"f{missing[0]}" in [bdev["name"] for bdev in self.served.rpc("bdev_get_bdevs")]:
                self.served.rpc("bdev_raid_add_base_bdev", raid_bdev="md0", base_bdev=f"f{missing[0]}")
            elif missing:
                self.served.rpc("bdev_uring_create", **file_entry(self.folder, missing[0])["params"])
        elif "process" not in array and len(present) > self.count - self.can_lose:
            method = "bdev_raid_remove_base_bdev" if event == "remove" else "bdev_uring_delete"
            self.served.rpc(method, name=self.random.choice(present))

    def live(self, client):
        end = time.monotonic() + self.random.uniform(0.2, 0.6)
        times = sorted(time.monotonic() + self.random.uniform(0, 0.5) for _ in range(self.random.randrange(4)))
        while time.monotonic() < end:
            self.submit(client)
            self.reap(client)
            if times and time.monotonic() > times[0]:
                times.pop(0)
                try:
                    self.disturb()
                except RpcError as error:
                    self.events.append(str(error))


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("level", LEVELS)
def test_killed_while_members_come_and_go(target, tmp_path, level, seed):
    story = Story(target, tmp_path, level, seed)
    story.start()
    story.create()
    for _ in range(LIVES):
        client = story.connect()
        story.verify(client)
        story.live(client)
        story.served.kill()
        story.events.append("kill")
        story.start()
    story.verify(story.connect())
    story.until(lambda array: "process" not in array)
    if not story.info()["degraded"]:
        story.served.rpc("bdev_raid_start_scrub", name="md0")
        story.until(lambda array: "process" not in array)
        assert story.info()["mismatches"] == 0, story.events
