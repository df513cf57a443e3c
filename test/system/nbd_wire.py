# SPDX-License-Identifier: BSD-3-Clause
"""The NBD protocol in bytes, for tests that send what no client would."""

import socket
import struct

NBDMAGIC = 0x4E42444D41474943
IHAVEOPT = 0x49484156454F5054
REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_MAGIC = 0x67446698
STRUCTURED_MAGIC = 0x668E33EF

OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST = 1, 2, 3
OPT_STARTTLS, OPT_INFO, OPT_GO, OPT_STRUCTURED, OPT_LIST_META, OPT_SET_META, OPT_EXTENDED = 5, 6, 7, 8, 9, 10, 11
REP_ACK, REP_SERVER, REP_INFO, REP_META = 1, 2, 3, 4
ERR_UNSUP, ERR_POLICY, ERR_INVALID, ERR_PLATFORM = (0x80000000 | n for n in (1, 2, 3, 4))
ERR_UNKNOWN, ERR_TOO_BIG = 0x80000006, 0x80000009
INFO_EXPORT, INFO_NAME, INFO_DESCRIPTION, INFO_BLOCK_SIZE = 0, 1, 2, 3

CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_CACHE, CMD_ZEROES, CMD_STATUS = range(8)
FLAG_FUA, FLAG_NO_HOLE, FLAG_DF, FLAG_REQ_ONE, FLAG_FAST_ZERO = (1 << n for n in range(5))

EPERM, EIO, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN = 1, 5, 22, 28, 75, 95, 108


class Wire:
    """A connection whose every byte the test decides on."""

    def __init__(self, path, greet=True, flags=3, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.structured = False
        self.cookie = 0
        if greet:
            magic, option_magic, self.server_flags = struct.unpack(">QQH", self.read(18))
            assert (magic, option_magic) == (NBDMAGIC, IHAVEOPT)
            self.send(struct.pack(">I", flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise EOFError(f"closed after {len(data)} of {n} bytes")
            data += piece
        return data

    def is_closed(self):
        """Waits until the server hangs up; what it still says is skipped."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    # ---- options ----

    def send_option(self, option, data=b"", length=None, magic=IHAVEOPT):
        self.send(struct.pack(">QII", magic, option, len(data) if length is None else length) + data)

    def read_reply(self):
        magic, option, kind, length = struct.unpack(">QIII", self.read(20))
        assert magic == REPLY_MAGIC
        return option, kind, self.read(length)

    def option(self, option, data=b"", **how):
        """All replies to an option, up to the last one: [(type, data)]."""
        self.send_option(option, data, **how)
        replies = []
        while True:
            echoed, kind, payload = self.read_reply()
            assert echoed == option
            replies.append((kind, payload))
            if kind == REP_ACK or kind & 0x80000000:
                return replies

    def outcome(self, option, data=b"", **how):
        return self.option(option, data, **how)[-1][0]

    def negotiate_structured(self):
        assert self.outcome(OPT_STRUCTURED) == REP_ACK
        self.structured = True

    def choose_context(self, export, query=b"base:allocation"):
        return self.option(OPT_SET_META, name(export) + struct.pack(">I", 1) + name(query))

    def go(self, export):
        """Size, flags and block sizes."""
        replies = self.option(OPT_GO, go_data(export))
        assert replies[-1][0] == REP_ACK, replies
        infos = {struct.unpack(">H", data[:2])[0]: data[2:] for kind, data in replies if kind == REP_INFO}
        self.size, self.flags = struct.unpack(">QH", infos[INFO_EXPORT])
        return self.size, self.flags, struct.unpack(">III", infos[INFO_BLOCK_SIZE])

    # ---- requests ----

    def send_request(self, kind, offset=0, length=0, flags=0, payload=b"", magic=REQUEST_MAGIC, cookie=None):
        if cookie is None:
            self.cookie += 1
            cookie = self.cookie
        self.send(struct.pack(">IHHQQI", magic, flags, kind, cookie, offset, length) + payload)
        return cookie

    def read_simple(self, length=0):
        magic, error, cookie = struct.unpack(">IIQ", self.read(16))
        assert magic == SIMPLE_MAGIC
        return error, cookie, self.read(length) if error == 0 else b""

    def read_chunk(self):
        magic, flags, kind, cookie, length = struct.unpack(">IHHQI", self.read(20))
        assert magic == STRUCTURED_MAGIC
        return flags, kind, cookie, self.read(length)

    def read_any(self):
        """(error, cookie) of a reply without data, of either form."""
        magic = struct.unpack(">I", self.read(4))[0]
        if magic == SIMPLE_MAGIC:
            return struct.unpack(">IQ", self.read(12))
        assert magic == STRUCTURED_MAGIC
        flags, kind, cookie, length = struct.unpack(">HHQI", self.read(16))
        data = self.read(length)
        assert flags & 1 and kind & 0x8000, "an error reply in one chunk"
        return struct.unpack(">I", data[:4])[0], cookie

    def request(self, kind, offset=0, length=0, flags=0, payload=b""):
        """The error of a request whose reply has no data."""
        cookie = self.send_request(kind, offset, length, flags, payload)
        error, echoed = self.read_any()
        assert echoed == cookie
        return error

    def write(self, offset, data, flags=0):
        return self.request(CMD_WRITE, offset, len(data), flags, data)

    def pread(self, offset, length, flags=0):
        """Data of a read that succeeds, whatever chunks it comes in."""
        cookie = self.send_request(CMD_READ, offset, length, flags)
        if not self.structured:
            error, echoed, data = self.read_simple(length)
            assert (error, echoed) == (0, cookie)
            return data
        data = bytearray(length)
        covered = 0
        while True:
            flags, kind, echoed, payload = self.read_chunk()
            assert echoed == cookie and not kind & 0x8000, (kind, payload)
            at = struct.unpack(">Q", payload[:8])[0] - offset
            if kind == 1:
                data[at : at + len(payload) - 8] = payload[8:]
                covered += len(payload) - 8
            else:
                assert kind == 2
                covered += struct.unpack(">I", payload[8:])[0]
            if flags & 1:
                assert covered == length
                return bytes(data)


def name(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">I", len(data)) + data


def go_data(export, *infos):
    return name(export) + struct.pack(f">H{len(infos)}H", len(infos), *infos)
