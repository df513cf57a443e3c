# SPDX-License-Identifier: BSD-3-Clause
"""`bdevkit serve` under a service manager: READY=1 when everything is served, and not before."""

import os
import socket
import subprocess

import pytest

from conftest import PATIENCE


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_ready(target, tmp_path, monkeypatch, kind):
    name = str(tmp_path / "notify.sock") if kind == "path" else f"@bdevkit-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(PATIENCE)
        manager.bind(name.replace("@", "\0", 1))
        served = target("malloc:8M", wait=False)
        assert manager.recv(100) == b"READY=1"
    exports = subprocess.run(["nbdinfo", "--list", f"nbd+unix://?socket={served.nbd_path}"], check=True,
                             capture_output=True, text=True).stdout
    assert "export-size: 8388608" in exports
    served.wait_until_serving()
    assert served.stop() == 0


@pytest.mark.parametrize("name, why", [
    ("relative.sock", "not the path of a Unix socket"),
    ("/" + "x" * 200, "not the path of a Unix socket"),
    ("/nobody/is/here", "No such file or directory"),
])
def test_nobody_to_tell(target, monkeypatch, name, why):
    """It serves all the same."""
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    served = target("malloc:8M")
    assert served.stop() == 0
    assert "NOTIFY_SOCKET" in served.stderr() and why in served.stderr()
