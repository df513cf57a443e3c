# SPDX-License-Identifier: BSD-3-Clause
"""What was flushed is there after the target was killed; an orderly stop under load loses nothing and leaks nothing."""

import os
import random
import signal
import threading

import pytest

from conftest import Target

nbd = pytest.importorskip("nbd", reason="python3-libnbd is not installed")

BLOCK = 4096
BLOCKS = 1024


def block(number, generation):
    """Contents that name the block and which write of it this is."""
    return (number.to_bytes(8, "little") + generation.to_bytes(8, "little")) * (BLOCK // 16)


def generation_of(data, number):
    """The write that a block holds, 0 for none; anything but one whole write fails."""
    if data == bytes(BLOCK):
        return 0
    generation = int.from_bytes(data[8:16], "little")
    assert data == block(number, generation), f"block {number} is torn or not its own"
    return generation


class Load(threading.Thread):
    """Writes random blocks, several at once, and now and then flushes, until the connection ends."""

    def __init__(self, uri, seed):
        super().__init__()
        self.uri = uri
        self.random = random.Random(seed)
        # The newest generation of each block that a completed flush, or FUA, covers.
        self.flushed = [0] * BLOCKS
        self.written = [0] * BLOCKS
        self.flushes = 0
        self.enough = threading.Event()
        self.error = None

    def run(self):
        client = nbd.NBD()
        generation = 0
        try:
            client.connect_uri(self.uri)
            while True:
                chosen = self.random.sample(range(BLOCKS), 16)
                cookies = []
                for number in chosen:
                    generation += 1
                    flags = nbd.CMD_FLAG_FUA if self.random.random() < 0.1 else 0
                    buffer = nbd.Buffer.from_bytearray(bytearray(block(number, generation)))
                    cookies.append((client.aio_pwrite(buffer, number * BLOCK, flags=flags), number, generation, flags))
                while client.aio_in_flight() > 0:
                    client.poll(-1)
                for cookie, number, one, flags in cookies:
                    client.aio_command_completed(cookie)
                    self.written[number] = one
                    if flags:
                        self.flushed[number] = one
                if self.random.random() < 0.5:
                    client.flush()
                    self.flushed = list(self.written)
                    self.flushes += 1
                    if self.flushes >= 20:
                        self.enough.set()
        except nbd.Error as error:
            self.error = error
        finally:
            self.enough.set()


# What stands on the image below the passthru bdev that is written to.
MODULES = {
    "aio": ("bdev_aio_create", {}),
    "uring": ("bdev_uring_create", {}),
    "uring buffered": ("bdev_uring_create", {"buffered": True}),
}
# In the ordinary run a few; `make crash` sets it to 100.
KILLS = int(os.environ.get("CRASH_KILLS", "3"))


def start(target_or_class, folder, image, module="aio"):
    served = target_or_class() if target_or_class is not Target else Target(folder)
    method, more = MODULES[module]
    served.rpc(method, name="base", filename=str(image), block_size=512, **more)
    served.rpc("bdev_passthru_create", name="disk", base_bdev_name="base")
    return served


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.touch()
    os.truncate(path, BLOCK * BLOCKS)
    return path


def check(load, image):
    assert load.flushes >= 20, load.error
    with open(image, "rb") as file:
        for number in range(BLOCKS):
            found = generation_of(file.read(BLOCK), number)
            assert found >= load.flushed[number], f"block {number}: {found} is older than the flushed one"


@pytest.mark.parametrize("seed", range(KILLS))
@pytest.mark.parametrize("module", MODULES)
def test_kill_loses_nothing_flushed(tmp_path, image, target, module, seed):
    served = start(Target, tmp_path, image, module)
    load = Load(served.uri("disk"), seed)
    load.start()
    load.enough.wait()
    served.kill()
    load.join()
    check(load, image)

    # The sockets that the killed one left behind are taken over, and the data is served again.
    again = start(target, tmp_path, image, module)
    client = nbd.NBD()
    client.connect_uri(again.uri("disk"))
    for number in range(BLOCKS):
        assert generation_of(bytes(client.pread(BLOCK, number * BLOCK)), number) >= load.flushed[number]
    client.shutdown()


@pytest.mark.parametrize("module", MODULES)
def test_stop_under_load_is_orderly(tmp_path, image, module):
    served = start(Target, tmp_path, image, module)
    load = Load(served.uri("disk"), 7)
    load.start()
    load.enough.wait()
    assert served.stop(signal.SIGTERM) == 0
    load.join()
    check(load, image)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"disk.img", "stderr.txt"}
