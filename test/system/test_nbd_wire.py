# SPDX-License-Identifier: BSD-3-Clause
"""The NBD server and bytes that no client would send: an error where the protocol has one, else a closed connection,
and every other client goes on undisturbed."""

import os
import random
import socket
import struct
import time

import pytest

import nbd_wire as w
from conftest import PATIENCE
from nbd_wire import Wire

SIZE = 64 << 20


@pytest.fixture(params=["uring", "epoll"])
def served(request, target, monkeypatch):
    """A target with a disk of 512 and one of 4096 bytes per block; a client on the side must not notice anything."""
    monkeypatch.setenv("BDEVKIT_NBD_SOCK", request.param)
    running = target()
    running.rpc("bdev_malloc_create", name="disk", num_blocks=SIZE // 512, block_size=512)
    running.rpc("bdev_malloc_create", name="big", num_blocks=SIZE // 4096, block_size=4096)
    with Wire(running.nbd_path) as witness:
        witness.go("disk")
        mark = os.urandom(4096)
        assert witness.write(SIZE - 4096, mark) == 0
        yield running
        assert witness.pread(SIZE - 4096, 4096) == mark


def connect(served, export="disk", structured=False, context=False):
    wire = Wire(served.nbd_path)
    if structured or context:
        wire.negotiate_structured()
    if context:
        wire.choose_context(export)
    wire.go(export)
    return wire


# ---- handshake ----


def test_greeting(served):
    with Wire(served.nbd_path) as wire:
        assert wire.server_flags == 3


@pytest.mark.parametrize("flags", [4, 0x80000000, 0xFFFFFFFF])
def test_unknown_client_flags_end_the_connection(served, flags):
    with Wire(served.nbd_path, flags=flags) as wire:
        assert wire.is_closed()


def test_wrong_option_magic_ends_the_connection(served):
    with Wire(served.nbd_path) as wire:
        wire.send_option(w.OPT_LIST, magic=0x1234)
        assert wire.is_closed()


@pytest.mark.parametrize("option", [0, 4, w.OPT_EXTENDED, 12, 13, 255, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("data", [b"", b"x" * 100, b"y" * 65536], ids=len)
def test_unknown_options_are_refused_and_the_next_works(served, option, data):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(option, data) == w.ERR_UNSUP
        assert wire.outcome(w.OPT_LIST) == w.REP_ACK


def test_starttls_is_refused(served):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(w.OPT_STARTTLS) == w.ERR_UNSUP
        assert wire.outcome(w.OPT_STARTTLS, b"x") == w.ERR_INVALID
        wire.go("disk")


@pytest.mark.parametrize("option", [w.OPT_LIST, w.OPT_STRUCTURED])
def test_options_without_data_refuse_data(served, option):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(option, b"data") == w.ERR_INVALID
        assert wire.outcome(option) == w.REP_ACK


def test_an_option_too_long_is_skipped(served):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(w.OPT_INFO, b"z" * (1 << 20)) == w.ERR_TOO_BIG
        assert wire.outcome(w.OPT_LIST) == w.REP_ACK


@pytest.mark.parametrize("length", [(4 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_option_far_too_long_ends_the_connection(served, length):
    with Wire(served.nbd_path) as wire:
        wire.send_option(w.OPT_GO, length=length)
        assert wire.is_closed()


BAD_INFO = [
    b"",
    b"\0",
    w.name("disk"),
    w.name("disk") + b"\0",
    w.name("disk") + struct.pack(">H", 1),
    w.name("disk") + struct.pack(">HH", 0, 3),
    w.name("disk") + struct.pack(">HB", 1, 3),
    struct.pack(">I", 0xFFFFFFFF) + b"disk" + b"\0\0",
    struct.pack(">I", 5) + b"disk",
    struct.pack(">I", 7) + b"disk\0\0",
    w.name(b"d" * 4097) + b"\0\0",
    w.name(b"di\0sk") + b"\0\0",
    w.name(b"di\xffsk") + b"\0\0",
    w.name(b"\xed\xa0\x80") + b"\0\0",
    w.name(b"\xc0\x80") + b"\0\0",
]


@pytest.mark.parametrize("option", [w.OPT_INFO, w.OPT_GO])
@pytest.mark.parametrize("data", BAD_INFO, ids=range(len(BAD_INFO)))
def test_malformed_info_and_go(served, option, data):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(option, data) == w.ERR_INVALID
        wire.go("disk")


@pytest.mark.parametrize("option", [w.OPT_INFO, w.OPT_GO])
@pytest.mark.parametrize("export", ["nothing", "", "DISK", "disk ", "d" * 4096, "ü"], ids=lambda name: name[:8])
def test_unknown_exports(served, option, export):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(option, w.go_data(export)) == w.ERR_UNKNOWN
        wire.go("disk")


@pytest.mark.parametrize("export", [b"nothing", b"", b"x" * 4097, b"x" * 70000, b"\xff"], ids=len)
def test_export_name_that_cannot_be_had_ends_the_connection(served, export):
    with Wire(served.nbd_path) as wire:
        wire.send_option(w.OPT_EXPORT_NAME, export)
        assert wire.is_closed()


@pytest.mark.parametrize("flags, zeroes", [(1, 124), (3, 0)])
def test_export_name(served, flags, zeroes):
    with Wire(served.nbd_path, flags=flags) as wire:
        wire.send_option(w.OPT_EXPORT_NAME, b"disk")
        size, _ = struct.unpack(">QH", wire.read(10))
        assert size == SIZE
        assert wire.read(zeroes) == bytes(zeroes)
        assert wire.write(0, b"A" * 512) == 0
        assert wire.pread(0, 512) == b"A" * 512


def test_info_tells_and_go_enters(served):
    with Wire(served.nbd_path) as wire:
        replies = wire.option(w.OPT_INFO, w.go_data("big", w.INFO_NAME, w.INFO_DESCRIPTION, 99))
        infos = {data[:2]: data[2:] for kind, data in replies if kind == w.REP_INFO}
        assert infos[b"\0\1"] == b"big"
        assert struct.unpack(">III", infos[b"\0\3"]) == (4096, 4096, 32 << 20)
        assert wire.go("big")[0] == SIZE


def test_abort(served):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(w.OPT_ABORT) == w.REP_ACK
        assert wire.is_closed()


def test_list(served):
    with Wire(served.nbd_path) as wire:
        replies = wire.option(w.OPT_LIST)
        names = [data[4 : 4 + struct.unpack(">I", data[:4])[0]] for kind, data in replies if kind == w.REP_SERVER]
        assert b"disk" in names and b"big" in names


def meta(export, *queries):
    return w.name(export) + struct.pack(">I", len(queries)) + b"".join(w.name(query) for query in queries)


def test_meta_contexts(served):
    with Wire(served.nbd_path) as wire:
        assert wire.outcome(w.OPT_SET_META, meta("disk", "base:allocation")) == w.ERR_INVALID
        wire.negotiate_structured()
        for queries, found in [((), 1), (("base:",), 1), (("base:allocation",), 1), (("base:alloc",), 0), (("x:y",), 0)]:
            assert len(wire.option(w.OPT_LIST_META, meta("disk", *queries))) == found + 1
        for queries, found in [((), 0), (("base:",), 0), (("x:y", "base:allocation", "base:allocation"), 1)]:
            assert len(wire.option(w.OPT_SET_META, meta("disk", *queries))) == found + 1
        assert wire.outcome(w.OPT_SET_META, meta("nothing", "base:allocation")) == w.ERR_UNKNOWN
        for data in (b"", w.name("disk"), meta("disk", "base:allocation")[:-1], meta("disk", "x" * 4097),
                     w.name("disk") + b"\xff\xff\xff\xff", meta("disk") + b"x"):
            assert wire.outcome(w.OPT_SET_META, data) == w.ERR_INVALID
        # A failed choice leaves none.
        wire.go("disk")
        assert wire.request(w.CMD_STATUS, 0, 4096) == w.EINVAL


def test_a_context_belongs_to_its_export(served):
    with Wire(served.nbd_path) as wire:
        wire.negotiate_structured()
        wire.choose_context("big")
        wire.go("disk")
        assert wire.request(w.CMD_STATUS, 0, 4096) == w.EINVAL


def test_a_flood_of_options_that_are_never_read(served):
    """Replies that nobody takes do not pile up: the server stops reading."""
    with Wire(served.nbd_path) as wire:
        wire.socket.settimeout(2)
        one = struct.pack(">QII", w.IHAVEOPT, w.OPT_LIST, 0)
        with pytest.raises((TimeoutError, ConnectionError)):
            for _ in range(10000):
                wire.send(one * 1000)
    exports = served.rpc("nbd_get_exports")
    assert {"disk", "big"} <= {export["name"] for export in exports}


def test_handshake_timeout(served):
    served.rpc("nbd_set_options", handshake_timeout_sec=1)
    with Wire(served.nbd_path, greet=False) as silent, Wire(served.nbd_path, greet=False) as half:
        try:
            half.send(b"\0\0\0\3IHAVE")
        except ConnectionError:
            # This process has slept too long.
            pass
        assert silent.is_closed() and half.is_closed()
    served.rpc("nbd_set_options", handshake_timeout_sec=30)
    assert "handshake took too long" in served.stderr()


def test_max_connections(served):
    before = served.rpc("nbd_get_connections")
    served.rpc("nbd_set_options", max_connections=len(before) + 2)
    with connect(served), connect(served):
        with Wire(served.nbd_path, greet=False) as extra:
            assert extra.is_closed()
    served.rpc("nbd_set_options", max_connections=1024)


# ---- requests ----


def test_wrong_request_magic_ends_the_connection(served):
    with connect(served) as wire:
        wire.send_request(w.CMD_READ, 0, 512, magic=w.SIMPLE_MAGIC)
        assert wire.is_closed()


BAD_REQUESTS = [
    # kind, offset, length, flags, error
    (w.CMD_READ, 0, 0, 0, w.EINVAL),
    (w.CMD_READ, SIZE, 1, 0, w.EINVAL),
    (w.CMD_READ, SIZE - 1, 2, 0, w.EINVAL),
    (w.CMD_READ, 0xFFFFFFFFFFFFFFFF, 1, 0, w.EINVAL),
    (w.CMD_READ, 0xFFFFFFFFFFFFFE00, 0x400, 0, w.EINVAL),
    (w.CMD_READ, 0, (32 << 20) + 512, 0, w.EINVAL),
    (w.CMD_READ, 0, 0xFFFFFFFF, 0, w.EINVAL),
    (w.CMD_READ, 0, 512, w.FLAG_NO_HOLE, w.EINVAL),
    (w.CMD_READ, 0, 512, w.FLAG_REQ_ONE, w.EINVAL),
    (w.CMD_READ, 0, 512, 0x8000, w.EINVAL),
    (w.CMD_FLUSH, 1, 0, 0, w.EINVAL),
    (w.CMD_FLUSH, 0, 1, 0, w.EINVAL),
    (w.CMD_FLUSH, 0, 0, w.FLAG_DF, w.EINVAL),
    (w.CMD_TRIM, 0, 0, 0, w.EINVAL),
    (w.CMD_TRIM, 1, 512, 0, w.EINVAL),
    (w.CMD_TRIM, 0, 513, 0, w.EINVAL),
    (w.CMD_TRIM, SIZE, 512, 0, w.EINVAL),
    (w.CMD_TRIM, 0, 512, w.FLAG_FAST_ZERO, w.EINVAL),
    (w.CMD_ZEROES, 0, 0, 0, w.EINVAL),
    (w.CMD_ZEROES, 256, 512, 0, w.EINVAL),
    (w.CMD_ZEROES, SIZE, 512, 0, w.ENOSPC),
    (w.CMD_ZEROES, 0, 512, w.FLAG_REQ_ONE, w.EINVAL),
    (w.CMD_CACHE, SIZE, 512, 0, w.EINVAL),
    (w.CMD_CACHE, 0, 0, 0, w.EINVAL),
    (w.CMD_STATUS, 0, 512, 0, w.EINVAL),
    (8, 0, 512, 0, w.EINVAL),
    (0xFFFF, 0, 512, 0, w.EINVAL),
]


@pytest.mark.parametrize("structured", [False, True])
def test_bad_requests_are_answered(served, structured):
    with connect(served, structured=structured) as wire:
        for kind, offset, length, flags, error in BAD_REQUESTS:
            assert wire.request(kind, offset, length, flags) == error, (kind, offset, length, flags)
        if not structured:
            assert wire.request(w.CMD_READ, 0, 512, w.FLAG_DF) == w.EINVAL
        else:
            assert wire.request(w.CMD_READ, 0, 8 << 20, w.FLAG_DF) == w.EOVERFLOW
        assert wire.write(0, b"x" * 512) == 0


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("offset, length, error", [
    (SIZE, 512, w.ENOSPC), (SIZE - 512, 1024, w.ENOSPC), (1, 512, w.EINVAL), (0, 511, w.EINVAL),
    (0, 513, w.EINVAL), (0, 300001, w.EINVAL), (0, (32 << 20) + 512, w.EINVAL), (1 << 63, 65536, w.ENOSPC)])
def test_payload_of_a_refused_write_is_skipped(served, structured, offset, length, error):
    with connect(served, structured=structured) as wire:
        before = wire.pread(0, 4096)
        assert wire.request(w.CMD_WRITE, offset, length, 0, b"q" * length) == error
        assert wire.pread(0, 4096) == before


def test_blocks_of_4096(served):
    with connect(served, "big") as wire:
        data = os.urandom(8192)
        assert wire.write(4096, data) == 0
        assert wire.write(512, b"x" * 512) == w.EINVAL
        assert wire.request(w.CMD_TRIM, 0, 512) == w.EINVAL
        # Reads need not be in whole blocks.
        for offset, length in [(4096, 512), (4097, 1), (4099, 8189), (0, 1), (8191, 2)]:
            expected = (bytes(4096) + data)[offset : offset + length]
            assert wire.pread(offset, length) == expected


def test_unaligned_reads_across_pieces(served):
    with connect(served, structured=True) as wire:
        data = os.urandom(1 << 20)
        assert wire.write(0, data) == 0
        generator = random.Random(1)
        for _ in range(200):
            offset = generator.randrange(len(data) - 1)
            length = generator.randrange(1, len(data) - offset + 1)
            assert wire.pread(offset, length) == data[offset : offset + length]


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("size", [512, 4096, 131072, 131584, 1 << 20, 3 << 20, 32 << 20])
def test_large_requests(served, structured, size):
    with connect(served, structured=structured) as wire:
        data = os.urandom(size)
        assert wire.write(512, data) == 0
        assert wire.pread(512, size) == data


def test_df_is_one_chunk(served):
    with connect(served, structured=True) as wire:
        data = os.urandom(300 * 1024)
        assert wire.write(0, data) == 0
        cookie = wire.send_request(w.CMD_READ, 0, len(data), w.FLAG_DF)
        flags, kind, echoed, payload = wire.read_chunk()
        assert (flags, kind, echoed) == (1, 1, cookie) and payload[8:] == data


def test_holes_are_told(served):
    with connect(served, structured=True) as wire:
        assert wire.request(w.CMD_ZEROES, 0, 1 << 20) == 0
        wire.send_request(w.CMD_READ, 0, 65536)
        flags, kind, _, payload = wire.read_chunk()
        assert (flags, kind) == (1, 2) and struct.unpack(">QI", payload) == (0, 65536)


def test_block_status(served):
    with connect(served, context=True) as wire:
        for length in (512, SIZE):
            wire.send_request(w.CMD_STATUS, 0, length, w.FLAG_REQ_ONE)
            flags, kind, _, payload = wire.read_chunk()
            assert (flags, kind) == (1, 5)
            assert struct.unpack(">III", payload) == (1, length, 0)
        assert wire.request(w.CMD_STATUS, SIZE, 512) == w.EINVAL


def test_zeroes_trim_cache_flush_fua(served):
    with connect(served) as wire:
        assert wire.write(0, b"x" * 65536, w.FLAG_FUA) == 0
        assert wire.request(w.CMD_ZEROES, 4096, 4096, w.FLAG_NO_HOLE | w.FLAG_FUA) == 0
        assert wire.request(w.CMD_ZEROES, 16384, 4096, w.FLAG_FAST_ZERO) == 0
        assert wire.request(w.CMD_TRIM, 32768, 4096, w.FLAG_FUA) == 0
        assert wire.request(w.CMD_CACHE, 1, SIZE - 1) == 0
        assert wire.request(w.CMD_FLUSH) == 0
        expected = bytearray(b"x" * 65536)
        expected[4096:8192] = expected[16384:20480] = bytes(4096)
        expected[32768:36864] = wire.pread(32768, 4096)
        assert wire.pread(0, 65536) == expected
        assert wire.request(w.CMD_ZEROES, 0, SIZE - 4096) == 0
        assert wire.pread(0, 65536) == bytes(65536)


def test_read_only(served):
    served.rpc("nbd_export_create", bdev_name="disk", name="ro", read_only=True)
    with connect(served, "ro") as wire:
        assert wire.flags & 2
        assert wire.write(0, b"x" * 4096) == w.EPERM
        assert wire.request(w.CMD_ZEROES, 0, 512) in (w.EPERM, w.EINVAL)
        assert wire.request(w.CMD_TRIM, 0, 512) in (w.EPERM, w.EINVAL)
        assert len(wire.pread(0, 512)) == 512


def test_one_byte_at_a_time(served):
    with Wire(served.nbd_path) as wire:
        data = struct.pack(">QII", w.IHAVEOPT, w.OPT_GO, 10) + w.go_data("disk")
        data += struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, w.CMD_WRITE, 7, 0, 512) + b"s" * 512
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for byte in data:
            wire.send(bytes([byte]))
        replies = []
        while not replies or replies[-1] != w.REP_ACK:
            replies.append(wire.read_reply()[1])
        assert wire.read_simple() == (0, 7, b"")
        assert wire.pread(0, 512) == b"s" * 512


def test_many_requests_in_one_write(served):
    """Writes of many sizes and their reads in one go; replies in any order."""
    generator = random.Random(2)
    with connect(served) as wire:
        stream, expected, at = b"", {}, 0
        for cookie in range(400):
            length = 512 * generator.choice([1, 1, 8, 8, 8, 16, 64, 100, 300])
            data = generator.randbytes(length)
            stream += struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, w.CMD_WRITE, cookie, at, length) + data
            expected[at] = data
            at += length
        wire.socket.settimeout(60)
        wire.send(stream)
        assert sorted(wire.read_simple()[1] for _ in range(400)) == list(range(400))
        for offset, data in expected.items():
            assert wire.pread(offset, len(data)) == data


def test_disc_finishes_what_has_begun(served):
    with connect(served) as wire:
        stream = b"".join(
            struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, w.CMD_WRITE, n, n * 4096, 4096) + bytes([n + 1]) * 4096
            for n in range(100)
        )
        wire.send(stream + struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, w.CMD_DISC, 0, 0, 0))
        assert sorted(wire.read_simple()[1] for _ in range(100)) == list(range(100))
        assert wire.is_closed()
    with connect(served) as wire:
        assert all(wire.pread(n * 4096, 1) == bytes([n + 1]) for n in range(100))


# ---- clients that misbehave ----


def test_half_frames_then_silence_then_death(served):
    """At every place of a frame: the header, the payload in the buffer, the payload beyond it."""
    header = struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, w.CMD_WRITE, 1, 0, 1 << 20)
    wires = []
    for length in (1, 27, 28, 29, 4096, 8192, 100000, 131072, 131100, 500000):
        wires.append(connect(served))
        wires[-1].send((header + bytes(1 << 20))[:length])
    with connect(served) as wire:
        assert wire.write(0, b"y" * 4096) == 0
        assert wire.pread(0, 4096) == b"y" * 4096
    for wire in wires:
        wire.socket.close()
    wait_for_connections(served, 1)


def wait_for_connections(served, count):
    deadline = time.monotonic() + PATIENCE
    while len(served.rpc("nbd_get_connections")) != count:
        assert time.monotonic() < deadline, served.rpc("nbd_get_connections")
        time.sleep(0.02)


def test_clients_that_do_not_read_replies(served):
    """Their requests stop being taken; others go on; and they may die so."""
    wires = [connect(served) for _ in range(8)]
    with connect(served) as wire:
        assert wire.write(0, os.urandom(1 << 20)) == 0
    request = struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, w.CMD_READ, 1, 0, 1 << 20)
    for wire in wires:
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            for _ in range(100):
                wire.send(request * 1000)
    with connect(served) as wire:
        for _ in range(100):
            assert wire.write(0, b"z" * 4096) == 0
    for wire in wires:
        wire.socket.close()
    wait_for_connections(served, 1)


@pytest.mark.parametrize("seed", range(5))
def test_garbage(served, seed):
    generator = random.Random(seed)
    for _ in range(40):
        with Wire(served.nbd_path, greet=generator.random() < 0.8) as wire:
            try:
                if generator.random() < 0.5:
                    wire.go("big")
                wire.send(generator.randbytes(generator.randrange(1, 100000)))
            except (ConnectionError, EOFError, AssertionError, struct.error):
                pass
    wait_for_connections(served, 1)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_frames(served, seed):
    """A good conversation with some bytes changed."""
    generator = random.Random(1000 + seed)
    good = struct.pack(">I", 3)
    good += struct.pack(">QII", w.IHAVEOPT, w.OPT_STRUCTURED, 0)
    good += struct.pack(">QII", w.IHAVEOPT, w.OPT_SET_META, len(meta("big", "base:allocation"))) + meta("big", "base:allocation")
    good += struct.pack(">QII", w.IHAVEOPT, w.OPT_GO, 9) + w.go_data("big")
    for cookie in range(30):
        kind = generator.choice([0, 1, 1, 3, 4, 5, 6, 7])
        length = 0 if kind == 3 else 4096 * generator.randrange(1, 9)
        offset = 0 if kind == 3 else 4096 * generator.randrange(100)
        good += struct.pack(">IHHQQI", w.REQUEST_MAGIC, 0, kind, cookie, offset, length)
        good += bytes(length) if kind == 1 else b""
    for _ in range(40):
        bad = bytearray(good)
        for _ in range(generator.randrange(1, 6)):
            bad[generator.randrange(len(bad))] = generator.randrange(256)
        with Wire(served.nbd_path, greet=False) as wire:
            try:
                wire.send(bad)
            except ConnectionError:
                pass
    wait_for_connections(served, 1)
