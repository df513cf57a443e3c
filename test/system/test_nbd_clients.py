# SPDX-License-Identifier: BSD-3-Clause
"""The NBD server and real clients: many at once, killed ones, bdevs that change underneath, claims, methods."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import nbd_wire as w
from conftest import PATIENCE, RpcError, requires, run
from nbd_wire import Wire

nbd = pytest.importorskip("nbd", reason="python3-libnbd is not installed")

MIB = 1 << 20


@pytest.fixture(params=["uring", "epoll"])
def served(request, target, monkeypatch):
    monkeypatch.setenv("BDEVKIT_NBD_SOCK", request.param)
    running = target()
    running.rpc("bdev_malloc_create", name="disk", num_blocks=64 * MIB // 512, block_size=512)
    running.rpc("bdev_malloc_create", name="big", num_blocks=64 * MIB // 4096, block_size=4096)
    return running


def connect(served, export="disk"):
    client = nbd.NBD()
    client.connect_uri(served.uri(export))
    return client


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def exports(served):
    return {export["name"]: export for export in served.rpc("nbd_get_exports")}


# ---- data ----


@pytest.mark.parametrize("export", ["disk", "big"])
def test_nbdcopy_and_qemu_img(served, tmp_path, export):
    requires("nbdcopy")
    requires("qemu-img")
    image, out = tmp_path / "image", tmp_path / "out"
    image.write_bytes(os.urandom(20 * MIB) + bytes(20 * MIB) + os.urandom(24 * MIB))
    run("nbdcopy", image, served.uri(export))
    run("nbdcopy", served.uri(export), out)
    assert out.read_bytes() == image.read_bytes()
    image.write_bytes(bytes(4 * MIB) + os.urandom(60 * MIB))
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, served.uri(export))
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", served.uri(export), out)
    assert out.read_bytes() == image.read_bytes()
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, served.uri(export))


def test_holes_of_a_sparse_file(target, tmp_path):
    """What of a file is not allocated is told to clients, also through a bdev on top, and need not be read."""
    requires("nbdinfo")
    requires("nbdcopy")
    requires("qemu-img")
    image, out = tmp_path / "sparse.img", tmp_path / "out"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
        file.seek(8 * MIB)
        file.write(os.urandom(MIB))
        file.seek(63 * MIB)
        file.write(os.urandom(MIB))
        os.fsync(file.fileno())
    expected = [(0, 8, 3), (8, 1, 0), (9, 54, 3), (63, 1, 0)]
    running = target()
    running.rpc("bdev_aio_create", name="file", filename=str(image), block_size=4096)
    for name in ("file", "over"):
        if name == "over":
            running.rpc("bdev_passthru_create", base_bdev_name="file", name="over")
        rows = json.loads(run("nbdinfo", "--json", "--map", running.uri(name)).stdout)
        assert [(row["offset"] // MIB, row["length"] // MIB, row["type"]) for row in rows] == expected
        mapped = json.loads(run("qemu-img", "map", "--output=json", "-f", "raw", running.uri(name)).stdout)
        assert [(row["start"] // MIB, row["length"] // MIB, 3 if row["zero"] else 0) for row in mapped] == expected
        run("nbdcopy", running.uri(name), out)
        assert out.read_bytes() == image.read_bytes()
        assert out.stat().st_blocks * 512 <= 4 * MIB
        out.unlink()
    read = {bdev["name"]: bdev["bytes_read"] for bdev in running.rpc("bdev_get_iostat")["bdevs"]}
    assert read["over"] < 32 * MIB


def test_nbdinfo(served):
    requires("nbdinfo")
    info = json.loads(run("nbdinfo", "--json", served.uri("disk")).stdout)["exports"][0]
    assert info["export-size"] == 64 * MIB
    assert info["can_multi_conn"] and info["can_flush"] and info["can_fua"] and info["can_df"] and not info["is_read_only"]
    assert (info["block_minimum"] if "block_minimum" in info else info["block_size_minimum"]) == 512
    assert run("nbdinfo", "--map", served.uri("disk")).stdout.split()[:3] == ["0", str(64 * MIB), "0"]
    listed = json.loads(run("nbdinfo", "--json", "--list", f"nbd+unix:///?socket={served.nbd_path}").stdout)
    assert {"disk", "big"} <= {export["export-name"] for export in listed["exports"]}


@pytest.mark.parametrize("name", ["a b", "ü/x?y#z%41", "n" * 4096], ids=["space", "special", "long"])
def test_names(served, name):
    served.rpc("nbd_export_create", bdev_name="disk", name=name, description="a disk", read_only=True)
    uri = exports(served)[name]["uris"][0]
    client = nbd.NBD()
    client.set_full_info(True)
    client.connect_uri(uri)
    assert client.get_size() == 64 * MIB
    assert client.get_canonical_export_name() == name
    assert client.get_export_description() == "a disk"


def test_many_clients_verify_their_data(served):
    """Each has its own part of the disk and checks that nobody else wrote there."""
    clients, part = 24, 2 * MIB
    errors = []

    def work(number):
        try:
            client = connect(served, "disk")
            for generation in range(4):
                data = bytes([number * 4 + generation]) * 65536
                for offset in range(0, part, 65536):
                    client.pwrite(data, number * part + offset)
                client.flush()
                for offset in range(0, part, 65536):
                    assert client.pread(65536, number * part + offset) == data
            client.shutdown()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    eventually(lambda: not served.rpc("nbd_get_connections"))


def test_hundreds_of_idle_connections(served):
    wires = [Wire(served.nbd_path) for _ in range(300)]
    for wire in wires:
        wire.go("disk")
    assert len(served.rpc("nbd_get_connections")) == 300
    wait_until_asleep(served)
    for wire in wires[::2]:
        wire.socket.close()
    for wire in wires[1::2]:
        assert wire.write(0, b"x" * 512) == 0
        wire.socket.close()
    eventually(lambda: not served.rpc("nbd_get_connections"))


def cpu_time(served):
    with open(f"/proc/{served.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_asleep(served):
    """On a busy machine what it still has to do may take a while."""
    deadline, before, used = time.monotonic() + PATIENCE, cpu_time(served), 1
    while used >= 0.1:
        assert time.monotonic() < deadline, used
        time.sleep(1)
        before, used = cpu_time(served), cpu_time(served) - before


def test_flush_covers_all_connections(served, tmp_path):
    """What was answered on one connection is on disk after a flush on another, whatever becomes of the process."""
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4 * MIB))
    served.rpc("bdev_aio_create", filename=str(path), name="file", block_size=512)
    one, two = connect(served, "file"), connect(served, "file")
    assert one.can_multi_conn()
    data = os.urandom(MIB)
    one.pwrite(data, 0)
    two.flush()
    two.pwrite(b"F" * 4096, MIB, nbd.CMD_FLAG_FUA)
    assert path.read_bytes()[:MIB] == data
    assert path.read_bytes()[MIB : MIB + 4096] == b"F" * 4096
    one.shutdown()
    two.shutdown()


def test_a_device_that_cannot_flush_its_cache_promises_nothing(served):
    """null has no cache: FLUSH is offered, and is true."""
    served.rpc("bdev_null_create", name="nothing", num_blocks=1024, block_size=512)
    client = connect(served, "nothing")
    assert client.can_flush() and client.can_multi_conn()
    client.flush()
    client.shutdown()


def test_fio(served, tmp_path):
    requires("fio")
    run("fio", "--name=verify", "--ioengine=nbd", f"--uri={served.uri('disk')}", "--rw=randwrite", "--bsrange=512-256k",
        "--iodepth=32", "--size=16m", "--verify=crc32c", "--verify_fatal=1", "--randseed=1", cwd=tmp_path)


@pytest.mark.parametrize("kind", ["uring", "epoll"])
def test_short_of_buffers(target, tmp_path, monkeypatch, kind):
    """Far fewer buffers and I/O objects than the clients could use: they wait for each other, and all get their data."""
    monkeypatch.setenv("BDEVKIT_NBD_SOCK", kind)
    path, config = tmp_path / "file.img", tmp_path / "config.json"
    path.write_bytes(bytes(64 * MIB))
    config.write_text(json.dumps({"subsystems": [
        {"subsystem": "iobuf", "config": [{"method": "iobuf_set_options", "params": {
            "small_pool_count": 256, "large_pool_count": 32}}]},
        {"subsystem": "bdev", "config": [
            {"method": "bdev_set_options", "params": {"bdev_io_pool_size": 300, "bdev_io_cache_size": 16}},
            {"method": "bdev_aio_create", "params": {"filename": str(path), "name": "file", "block_size": 4096}},
        ]},
    ]}))
    served = target("--json", config)
    deaf = [Wire(served.nbd_path) for _ in range(3)]
    for wire in deaf:
        wire.go("file")
        wire.send_request(w.CMD_WRITE, 0, 32 * MIB, payload=b"x" * 100000)
    errors = []

    def work(number):
        try:
            client = connect(served, "file")
            for generation in range(3):
                data = os.urandom(8 * MIB)
                client.pwrite(data, number * 8 * MIB)
                assert client.pread(8 * MIB, number * 8 * MIB) == data, (number, generation)
            client.shutdown()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=work, args=(1 + number % 7,)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 2)
        assert not thread.is_alive()
    assert not errors
    for wire in deaf:
        wire.socket.close()
    eventually(lambda: not served.rpc("nbd_get_connections"))


@pytest.mark.parametrize("kind", ["uring", "epoll"])
def test_clients_that_keep_all_buffers(target, tmp_path, monkeypatch, kind):
    """Clients that stand still with all the buffers there are lose them to one that works."""
    monkeypatch.setenv("BDEVKIT_NBD_SOCK", kind)
    path, config = tmp_path / "file.img", tmp_path / "config.json"
    path.write_bytes(os.urandom(8 * MIB))
    config.write_text(json.dumps({"subsystems": [
        {"subsystem": "iobuf", "config": [{"method": "iobuf_set_options", "params": {
            "small_pool_count": 256, "large_pool_count": 64}}]},
        {"subsystem": "bdev", "config": [
            {"method": "bdev_aio_create", "params": {"filename": str(path), "name": "file", "block_size": 4096}}]},
    ]}))
    served = target("--json", config)
    deaf = [Wire(served.nbd_path) for _ in range(40)]
    for number, wire in enumerate(deaf):
        wire.go("file")
        if number % 2:
            wire.send_request(w.CMD_WRITE, 0, MIB, payload=b"x" * 100000)
        else:
            for _ in range(10):
                wire.send_request(w.CMD_READ, 0, 4 * MIB)
    client = connect(served, "file")
    assert client.pread(4 * MIB, 4 * MIB) == path.read_bytes()[4 * MIB :]
    client.shutdown()
    assert "stands still" in served.stderr()
    for wire in deaf:
        wire.socket.close()
    eventually(lambda: not served.rpc("nbd_get_connections"))


# ---- clients that die ----


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_clients_killed_in_the_middle(served, signal_number):
    requires("nbdcopy")
    with Wire(served.nbd_path) as witness:
        witness.go("big")
        assert witness.write(0, b"w" * 4096) == 0
        for attempt in range(10):
            with subprocess.Popen(["nbdcopy", "/dev/urandom", served.uri("disk")], stderr=subprocess.DEVNULL) as copy:
                time.sleep(0.02 * attempt)
                copy.send_signal(signal_number)
        assert witness.pread(0, 4096) == b"w" * 4096
    eventually(lambda: not served.rpc("nbd_get_connections"))


# ---- bdevs that change ----


def test_removal_under_load(served):
    """Removing the bdev ends its connections, and only these, and does not hang."""
    served.rpc("bdev_malloc_create", name="victim", num_blocks=64 * MIB // 512, block_size=512)
    with Wire(served.nbd_path) as witness:
        witness.go("disk")
        threads, failures = [], []

        def load():
            client = connect(served, "victim")
            try:
                while True:
                    client.pwrite(b"v" * 65536, 0)
                    client.pread(300000, 0)
            except nbd.Error as error:
                failures.append(error)

        for _ in range(4):
            threads.append(threading.Thread(target=load))
            threads[-1].start()
        eventually(lambda: exports(served)["victim"]["num_connections"] == 4)
        served.rpc("bdev_malloc_delete", name="victim")
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        assert len(failures) == 4
        assert "victim" not in exports(served)
        assert witness.write(0, b"x" * 512) == 0


def test_removal_under_clients_that_stand_still(served):
    """One idle, one in the middle of a write, one that does not take its replies: none of them holds the bdev."""
    served.rpc("bdev_malloc_create", name="victim", num_blocks=64 * MIB // 512, block_size=512)
    idle, writing, deaf = (Wire(served.nbd_path) for _ in range(3))
    for wire in (idle, writing, deaf):
        wire.go("victim")
    writing.send_request(w.CMD_WRITE, 0, MIB, payload=b"x" * 300000)
    assert idle.write(0, os.urandom(4 * MIB)) == 0
    for _ in range(20):
        deaf.send_request(w.CMD_READ, 0, 4 * MIB)
    # Which has patience, but not without end.
    served.rpc("bdev_malloc_delete", name="victim")
    for wire in (idle, writing, deaf):
        assert wire.is_closed()
        wire.socket.close()
    assert "victim" not in exports(served)


def test_what_arrives_after_the_end_is_answered_so(served):
    with Wire(served.nbd_path) as wire:
        served.rpc("nbd_export_create", bdev_name="disk", name="short")
        wire.go("short")
        served.rpc("nbd_export_delete", name="short")
        assert wire.is_closed()
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(w.OPT_GO, w.go_data("short")) == w.ERR_UNKNOWN


def test_resize(served, tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(MIB))
    served.rpc("bdev_aio_create", filename=str(path), name="file", block_size=512)
    with Wire(served.nbd_path) as wire:
        assert wire.go("file")[0] == MIB
        os.truncate(path, 2 * MIB)
        served.rpc("bdev_aio_rescan", name="file")
        eventually(lambda: exports(served)["file"]["size"] == 2 * MIB)
        # Clients are not told, but the new part is there for them.
        eventually(lambda: wire.write(MIB, b"n" * 512) == 0)
        with Wire(served.nbd_path) as later:
            assert later.go("file")[0] == 2 * MIB
            assert later.pread(MIB, 512) == b"n" * 512


# ---- claims ----


def test_an_unused_automatic_export_holds_nothing(served):
    assert exports(served)["disk"]["automatic"]
    served.rpc("bdev_passthru_create", base_bdev_name="disk", name="over")
    assert "disk" not in exports(served) and "over" in exports(served)
    with pytest.raises(nbd.Error):
        connect(served, "disk")
    client = connect(served, "over")
    client.pwrite(b"t" * 512, 0)
    client.shutdown()
    served.rpc("bdev_passthru_delete", name="over")
    assert "disk" in exports(served)
    assert connect(served, "disk").pread(512, 0) == b"t" * 512


def test_a_used_automatic_export_is_claimed(served):
    client, second = connect(served, "disk"), connect(served, "disk")
    with pytest.raises(RpcError):
        served.rpc("bdev_passthru_create", base_bdev_name="disk", name="over")
    client.shutdown()
    second.shutdown()
    eventually(lambda: exports(served)["disk"]["num_connections"] == 0)
    served.rpc("bdev_passthru_create", base_bdev_name="disk", name="over")
    served.rpc("bdev_passthru_delete", name="over")


def test_an_explicit_export_is_claimed_from_the_start(served):
    served.rpc("nbd_export_create", bdev_name="disk", name="mine")
    served.rpc("nbd_export_create", bdev_name="disk", name="mine too")
    with pytest.raises(RpcError):
        served.rpc("bdev_passthru_create", base_bdev_name="disk", name="over")
    served.rpc("nbd_export_delete", name="mine")
    served.rpc("nbd_export_delete", name="mine too")
    served.rpc("bdev_passthru_create", base_bdev_name="disk", name="over")
    with pytest.raises(RpcError) as refused:
        served.rpc("nbd_export_create", bdev_name="disk", name="mine")
    assert refused.value.code == -1 and "read_only" in refused.value.message
    served.rpc("nbd_export_create", bdev_name="disk", name="mine", read_only=True)
    assert connect(served, "mine").is_read_only()


def test_exports_that_are_there_become_read_only(served):
    served.rpc("nbd_export_create", bdev_name="disk", name="mine")
    writer = connect(served, "mine")
    served.rpc("nbd_set_options", read_only=True)
    assert exports(served)["mine"]["read_only"]
    assert connect(served, "mine").is_read_only()
    # Who was told otherwise may write no more, and what was under way keeps the bdev.
    with pytest.raises(nbd.Error) as refused:
        writer.pwrite(b"x" * 512, 0)
    assert refused.value.errno == "EPERM"
    writer.flush()
    assert served.rpc("bdev_get_bdevs", name="disk")[0]["claimed"]
    writer.shutdown()
    eventually(lambda: not served.rpc("bdev_get_bdevs", name="disk")[0]["claimed"])
    # Without a client it is at once.
    served.rpc("nbd_set_options", read_only=False)
    served.rpc("nbd_export_create", bdev_name="disk", name="other")
    assert served.rpc("bdev_get_bdevs", name="disk")[0]["claimed"]
    served.rpc("nbd_set_options", read_only=True)
    assert not served.rpc("bdev_get_bdevs", name="disk")[0]["claimed"]
    assert connect(served, "other").is_read_only()


# ---- methods ----


@pytest.mark.parametrize("method, params, words", [
    ("nbd_export_create", {"bdev_name": "absent"}, "absent"),
    ("nbd_export_create", {"bdev_name": "disk", "name": ""}, "UTF-8"),
    ("nbd_export_create", {"bdev_name": "disk", "name": "x" * 4097}, "4096"),
    ("nbd_export_create", {"bdev_name": "disk", "description": "x" * 4097}, "4096"),
    ("nbd_export_create", {}, "bdev_name"),
    ("nbd_export_delete", {"name": "absent"}, "absent"),
    ("nbd_export_delete", {"name": "disk"}, "absent|no export|automatic"),
    ("nbd_listener_create", {"address": "nonsense"}, "unix:PATH"),
    ("nbd_listener_create", {"address": "unix:"}, "unix:PATH"),
    ("nbd_listener_create", {"address": "unix:/" + "x" * 200}, "long"),
    ("nbd_listener_create", {"address": "unix:/nonexistent/folder/s"}, "No such"),
    ("nbd_listener_create", {"address": "tcp:"}, "tcp:"),
    ("nbd_listener_create", {"address": "tcp:70000"}, "tcp:"),
    ("nbd_listener_create", {"address": "tcp:example.com:1"}, "tcp:"),
    ("nbd_listener_create", {"address": "tcp:1.2.3.4.5:1"}, "tcp:"),
    ("nbd_listener_delete", {"address": "unix:/absent"}, "absent"),
    ("nbd_set_options", {"max_connections": 0}, "max_connections"),
    ("nbd_set_options", {"handshake_timeout_sec": 0}, "handshake_timeout_sec"),
    ("nbd_set_options", {"default_export": "x" * 4097}, ""),
], ids=range(19))
def test_bad_parameters(served, method, params, words):
    before = served.rpc("nbd_get_exports"), served.rpc("nbd_get_listeners")
    with pytest.raises(RpcError) as refused:
        served.rpc(method, **params)
    assert any(word in refused.value.message for word in words.split("|")), refused.value.message
    assert (served.rpc("nbd_get_exports"), served.rpc("nbd_get_listeners")) == before


def test_listeners(served, tmp_path):
    address = served.rpc("nbd_listener_create", address="tcp:0")
    assert address.startswith("tcp:127.0.0.1:")
    with pytest.raises(RpcError):
        served.rpc("nbd_listener_create", address=address)
    client = nbd.NBD()
    client.connect_uri(f"nbd://{address[4:]}/disk")
    served.rpc("nbd_listener_delete", address=address)
    client.pwrite(b"l" * 512, 0)
    client.shutdown()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=5)
    # A socket that its server has left behind is taken over, with a mode for its owner only; a file is not.
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(stale))
    served.rpc("nbd_listener_create", address=f"unix:{stale}")
    assert stale.stat().st_mode & 0o777 == 0o600
    served.rpc("nbd_listener_delete", address=f"unix:{stale}")
    assert not stale.exists()
    stale.write_text("precious")
    with pytest.raises(RpcError):
        served.rpc("nbd_listener_create", address=f"unix:{stale}")
    assert stale.read_text() == "precious"


def test_default_export(served):
    served.rpc("nbd_set_options", default_export="big")
    assert [export["name"] for export in exports(served).values() if export["default"]] == ["big"]
    assert connect(served, "").get_block_size(nbd.SIZE_MINIMUM) == 4096
    served.rpc("nbd_set_options", default_export="", auto_export=False)
    assert not exports(served)
    with pytest.raises(nbd.Error):
        connect(served, "")
    served.rpc("nbd_export_create", bdev_name="disk", name="only")
    assert exports(served)["only"]["default"]
    assert connect(served, "").get_size() == 64 * MIB


def test_switching_automatic_exports_off_ends_their_connections(served):
    client = connect(served, "disk")
    served.rpc("nbd_set_options", auto_export=False)
    with pytest.raises(nbd.Error):
        client.pread(512, 0)
    served.rpc("nbd_set_options", auto_export=True)
    assert connect(served, "disk").get_size() == 64 * MIB


def test_connections_are_told(served):
    client = connect(served, "disk")
    client.pwrite(b"x" * 4096, 0)
    client.pread(8192, 0)
    (one,) = served.rpc("nbd_get_connections")
    assert one["export_name"] == "disk" and one["listener"] == f"unix:{served.nbd_path}"
    assert (one["bytes_written"], one["bytes_read"]) == (4096, 8192)
    assert f"pid {os.getpid()}" in one["peer"]
    client.shutdown()


def test_a_bdev_is_an_export_by_its_uuid_too(served):
    (bdev,) = served.rpc("bdev_get_bdevs", name="disk")
    assert connect(served, bdev["uuid"]).get_size() == 64 * MIB


# ---- the end ----


def test_stop_under_load(served):
    """SIGTERM while clients write: they get an error, the target ends with 0 and has leaked nothing."""
    failures = []

    def load():
        client = connect(served, "disk")
        try:
            while True:
                client.pwrite(b"s" * 65536, 0)
        except nbd.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    with Wire(served.nbd_path) as half, Wire(served.nbd_path) as idle:
        idle.go("big")
        half.send(b"IHAV")
        eventually(lambda: exports(served)["disk"]["num_connections"] == 4)
        assert served.stop() == 0
    for thread in threads:
        thread.join(PATIENCE)
    assert len(failures) == 4


def test_no_data_of_others_in_what_a_module_leaves_alone(target, tmp_path):
    """null does not fill buffers; what comes from it, also by way of passthru, must still be zeroes."""
    import nbd
    secret = tmp_path / "secret.img"
    secret.write_bytes(b"SECRET__" * (4 << 20 >> 3))
    served = target(secret)
    served.rpc("bdev_null_create", name="nothing", num_blocks=16384, block_size=512)
    served.rpc("bdev_null_create", name="base", num_blocks=16384, block_size=512)
    served.rpc("bdev_passthru_create", name="over", base_bdev_name="base")
    owner = nbd.NBD()
    owner.connect_uri(served.uri("secret.img"))
    for name in ("nothing", "over"):
        reader = nbd.NBD()
        reader.connect_uri(served.uri(name))
        for length in (512, 4096, 65536, 66048, 131072, 1 << 20):
            assert b"SECRET__" in bytes(owner.pread(1 << 20, 0))
            assert bytes(reader.pread(length, 0)) == bytes(length)
        reader.shutdown()
    owner.shutdown()


def test_names_of_other_disks_are_not_taken(target, tmp_path):
    """An explicit export must not pass for a bdev that is exported under that name by itself."""
    from conftest import RpcError
    served = target()
    served.rpc("bdev_malloc_create", name="other", num_blocks=2048, block_size=512)
    for method, params in (("nbd_export_create", {"bdev_name": "other", "name": "memory"}),
                           ("nbd_export_delete", {"name": "memory"})):
        try:
            served.rpc(method, **params)
        except RpcError as error:
            assert "memory" in str(error)
        else:
            raise AssertionError(f"{method} was accepted")
    served.rpc("nbd_export_create", bdev_name="memory", name="memory", read_only=True)
