# SPDX-License-Identifier: BSD-3-Clause
"""Thousands of delayed I/Os in a real process: what it does while they wait, and that its end does not wait for them."""

import json
import os
import time

from conftest import PATIENCE
from nbd_wire import CMD_READ, Wire

CONNECTIONS, REQUESTS = 40, 250
HOUR_US = 3600 * 1000000


def cpu_seconds(pid):
    """What the process itself has used, whatever else the machine is busy with."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_slow(served, base):
    """When nobody looks for partitions any more."""
    served.rpc("bdev_delay_create", name="slow", base_bdev_name=base, avg_read_latency=0, p99_read_latency=0,
               avg_write_latency=0, p99_write_latency=0)
    served.rpc("bdev_wait_for_examine")
    for which in ("avg_read", "p99_read"):
        served.rpc("bdev_delay_update_latency", delay_bdev_name="slow", latency_type=which, latency_us=HOUR_US)


def test_thousands_wait_asleep(target, tmp_path):
    # Each has a buffer of the server.
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"subsystems": [{"subsystem": "iobuf", "config": [
        {"method": "iobuf_set_options", "params": {"small_pool_count": 32768, "large_pool_count": 256}}]}]}))
    served = target("--json", path)
    served.rpc("bdev_malloc_create", name="disk", num_blocks=1024, block_size=512)
    make_slow(served, "disk")
    before = served.rpc("bdev_get_iostat", name="disk")["bdevs"][0]["num_read_ops"]
    connections = [Wire(served.nbd_path) for _ in range(CONNECTIONS)]
    for wire in connections:
        wire.go("slow")
        for number in range(REQUESTS):
            wire.send_request(CMD_READ, number * 512, 512)
    # All of them have reached the base when it has counted them.
    while served.rpc("bdev_get_iostat", name="disk")["bdevs"][0]["num_read_ops"] < before + CONNECTIONS * REQUESTS:
        time.sleep(0.05)
    # On a busy machine what it still has to do may take a while.
    deadline, before, used = time.monotonic() + PATIENCE, cpu_seconds(served.process.pid), 1
    while used / 5 >= 0.01:
        assert time.monotonic() < deadline, used
        time.sleep(5)
        before, used = cpu_seconds(served.process.pid), cpu_seconds(served.process.pid) - before
    print(f"{CONNECTIONS * REQUESTS} I/Os wait: {used / 5:.1%} of a core")
    # Deleted while they wait, it lets them go, and each of them has its data.
    assert served.rpc("bdev_delay_delete", name="slow") is True
    for wire in connections:
        for _ in range(REQUESTS):
            assert wire.read_simple(512)[0] == 0
        wire.socket.close()


def test_shutdown_does_not_wait(target):
    served = target()
    served.rpc("bdev_malloc_create", name="disk", num_blocks=1024, block_size=512)
    make_slow(served, "disk")
    served.rpc("bdev_malloc_create", name="other", num_blocks=1024, block_size=512)
    served.rpc("bdev_error_create", base_name="other")
    served.rpc("bdev_error_inject_error", name="EE_other", io_type="read", error_type="pending", num=100)
    connections = [Wire(served.nbd_path) for _ in range(2)]
    for wire, name in zip(connections, ("slow", "EE_other")):
        wire.go(name)
        wire.send_request(CMD_READ, 0, 512)
    while served.rpc("bdev_get_bdevs", name="EE_other")[0]["driver_specific"]["error_disk"]["held"] == 0:
        time.sleep(0.05)
    assert served.stop() == 0
