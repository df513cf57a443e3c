# SPDX-License-Identifier: BSD-3-Clause
"""A target on several CPUs: connections are spread over its reactors, and one device serves them all."""

import os
import random
import threading

import pytest

nbd = pytest.importorskip("nbd", reason="python3-libnbd is not installed")

BLOCK = 4096
SHARE = 256
CLIENTS = 6


def work(uri, number, rounds, errors):
    """Writes and reads back this client's share of the disk, over a connection of its own."""
    try:
        client = nbd.NBD()
        client.connect_uri(uri)
        chosen = random.Random(number)
        written = {}
        for generation in range(rounds):
            block = chosen.randrange(SHARE)
            data = bytes([number, generation % 256]) * (BLOCK // 2)
            client.pwrite(data, (number * SHARE + block) * BLOCK)
            written[block] = data
            block = chosen.choice(list(written))
            assert bytes(client.pread(BLOCK, (number * SHARE + block) * BLOCK)) == written[block]
            if generation % 50 == 0:
                client.flush()
        for block, data in written.items():
            assert bytes(client.pread(BLOCK, (number * SHARE + block) * BLOCK)) == data
        client.shutdown()
    except Exception as error:  # told by the test itself
        errors.append(error)


def test_clients_on_two_reactors(target, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    image = tmp_path / "disk.img"
    image.touch()
    os.truncate(image, CLIENTS * SHARE * BLOCK)
    cpus = sorted(os.sched_getaffinity(0))[:2]
    served = target("-m", f"[{cpus[0]},{cpus[1]}]")
    served.rpc("bdev_aio_create", name="base", filename=str(image), block_size=512)
    served.rpc("bdev_passthru_create", name="disk", base_bdev_name="base")
    errors = []
    clients = [threading.Thread(target=work, args=(served.uri(disk), number, 200, errors))
               for disk in ("disk",) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    # Devices come and go meanwhile, and statistics visit every thread.
    for number in range(20):
        served.rpc("bdev_malloc_create", name=f"m{number}", num_blocks=2048, block_size=512)
        assert served.rpc("bdev_get_iostat", name="disk", per_channel=True)
        served.rpc("bdev_malloc_delete", name=f"m{number}")
    for client in clients:
        client.join()
    assert not errors
    reactors = served.rpc("framework_get_reactors")["reactors"]
    assert len(reactors) == 2
    assert all(any("nbd" in thread["name"] for thread in reactor["lw_threads"]) for reactor in reactors)


def test_device_removed_under_clients_of_both(target):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    cpus = sorted(os.sched_getaffinity(0))[:2]
    served = target("-m", f"[{cpus[0]},{cpus[1]}]")
    for round_number in range(5):
        served.rpc("bdev_malloc_create", name="disk", num_blocks=CLIENTS * SHARE * 8, block_size=512)
        errors = []
        clients = [threading.Thread(target=work, args=(served.uri("disk"), number, 100000, errors))
                   for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while served.rpc("bdev_get_iostat", name="disk")["bdevs"][0]["num_write_ops"] < 200:
            pass
        served.rpc("bdev_malloc_delete", name="disk")
        for client in clients:
            client.join()
        assert len(errors) == CLIENTS
        assert all(isinstance(error, nbd.Error) for error in errors), errors
    assert [bdev["name"] for bdev in served.rpc("bdev_get_bdevs")] == ["memory"]
