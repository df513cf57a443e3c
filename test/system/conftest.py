# SPDX-License-Identifier: BSD-3-Clause
"""A running target for each test that asks for one, on sockets of its own, checked for a clean end."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BDEVKIT_BUILD", ROOT / "build-asan"))
BDEVKIT = BUILD / "app/bdevkit/bdevkit"
# Generous: only a hang comes near it.
PATIENCE = 60

sys.dont_write_bytecode = True

# A report of strict mode ends the target, and that fails its test. The machine may be slow, and busy with other things.
os.environ.setdefault("BDEVKIT_STRICT", "abort,held=5000")


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.message = error["message"]


class Target:
    """`bdevkit serve` as a child process."""

    def __init__(self, folder, *arguments, wait=True, nbd=True):
        self.rpc_path = str(folder / "rpc.sock")
        self.nbd_path = str(folder / "nbd.sock")
        self.stderr_path = folder / "stderr.txt"
        command = [str(BDEVKIT), "serve", "-r", self.rpc_path]
        if nbd:
            command += ["--nbd", f"unix:{self.nbd_path}"]
        command += [str(argument) for argument in arguments]
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=folder)
        self.output = ""
        if wait:
            self.wait_until_serving()

    def wait_until_serving(self):
        """Returns when the line has come that says so; fails if the process ends or hangs instead."""
        while "Press Ctrl-C to stop" not in self.output:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the target does not serve: {self.output}\n{self.stderr()}")
            self.output += data.decode()

    def uri(self, export):
        return f"nbd+unix:///{export}?socket={self.nbd_path}"

    def rpc(self, method, **params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params:
            request["params"] = params
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(self.rpc_path)
            connection.sendall(json.dumps(request).encode())
            data = b""
            while not data.endswith(b"\n"):
                piece = connection.recv(1 << 20)
                assert piece, f"{method}: the target closed the connection"
                data += piece
        response = json.loads(data)
        if "error" in response:
            raise RpcError(response["error"])
        return response["result"]

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def stop(self, signal_number=signal.SIGTERM):
        """Asks it to end; the exit code, after a look for what the sanitizers said."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the target did not end within {PATIENCE} s\n{self.stderr()}") from None
        finally:
            self.process.stdout.close()
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert word not in self.stderr(), self.stderr()
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def target(tmp_path):
    """Starts targets: target("disk.img", "--json", path). All of them must end with 0 when the test is over."""
    started = []

    def start(*arguments, folder=tmp_path, **options):
        started.append(Target(folder, *arguments, **options))
        return started[-1]

    yield start
    codes = [one.stop() for one in started if one.process.returncode is None]
    assert codes == [0] * len(codes), started[-1].stderr()


def run(*command, check=True, **options):
    """Runs a client; its output is text, and part of the message if it fails."""
    # Some clients print a disk's contents, or what they take for them.
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace",
                            timeout=PATIENCE * 4, check=False, **options)
    if check:
        assert result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def requires(program):
    """Skips the test, with the reason, where a program is missing."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="session")
def broken_modules(tmp_path_factory):
    """The modules of broken_module/ as shared objects: "bdev" is a disk, "vbdev" builds on the bdev "base"."""
    folder = tmp_path_factory.mktemp("broken")
    for kind in ("bdev", "vbdev"):
        run("cc", "-g", "-O1", "-fPIC", "-shared", "-I", ROOT / "include", "-Wall", "-Werror",
            ROOT / f"test/system/broken_module/{kind}_broken.c", "-o", folder / f"{kind}.so")
    return {kind: folder / f"{kind}.so" for kind in ("bdev", "vbdev")}
