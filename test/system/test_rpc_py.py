# SPDX-License-Identifier: BSD-3-Clause
"""scripts/rpc.py against a small target of its own, whose methods have parameters of every type."""

import importlib.machinery
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RPC = str(ROOT / "scripts" / "rpc.py")
TARGET = Path(os.environ.get("BDEVKIT_BUILD", ROOT / "build")) / "test" / "unit" / "rpc" / "rpc_target"


@pytest.fixture
def addr(tmp_path):
    """The socket of a running target."""
    path = str(tmp_path / "rpc.sock")
    process = subprocess.Popen([str(TARGET), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield path
    process.stdin.close()
    assert process.wait(20) == 0
    assert not os.path.exists(path)


def rpc(addr, *words, **kwargs):
    return subprocess.run([sys.executable, RPC, "-s", addr, *words], capture_output=True, text=True, timeout=60,
                          check=False, **kwargs)


def succeeds(addr, *words, **kwargs):
    result = rpc(addr, *words, **kwargs)
    assert result.returncode == 0, result.stderr
    return result.stdout


def fails(status, addr, *words, **kwargs):
    result = rpc(addr, *words, **kwargs)
    assert result.returncode == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


ALL = ["test_all_types", "-b", "x", "64", "512"]


def test_options_of_every_type(addr):
    words = ["test_all_types", "--name=x", "-f", "--level", "-3", "--tiny", "0xff", "-m", "FAST", "-l", "a b", "-l", "c",
             "-u", "00000000-0000-0000-0000-0000000000ff", "--extra", '{"q":[1.5]}', "64", "512"]
    assert json.loads(succeeds(addr, *words)) == {
        "name": "x", "flag": True, "level": -3, "tiny": 255, "num_blocks": 131072, "block_size": 512,
        "uuid": "00000000-0000-0000-0000-0000000000ff", "mode": 1, "list": ["a", "b", "c"], "extra": {"q": [1.5]}}


@pytest.mark.parametrize("words", [
    ["64", "512", "-b", "x"], ["-b", "x", "64", "512"], ["64", "-b", "x", "512"],
    ["--name", "x", "--num-blocks", "131072", "512"], ["--num_blocks=131072", "512", "-bx"],
    ["name=x", "num_blocks=131072", "block_size=512"], ["name=x", "total_size=64", "block_size=512"],
    ["-b", "x", "64.0", "0x200"],
])
def test_forms_of_the_same_arguments(addr, words):
    result = json.loads(succeeds(addr, "test_all_types", *words))
    assert (result["name"], result["num_blocks"], result["block_size"]) == ("x", 131072, 512)


def test_part_of_a_mebibyte(addr):
    assert json.loads(succeeds(addr, "test_all_types", "-b", "x", "0.5", "4096"))["num_blocks"] == 128


def test_booleans_can_be_false(addr):
    assert json.loads(succeeds(addr, *ALL, "--no-flag"))["flag"] is False
    assert json.loads(succeeds(addr, "test_all_types", "name=x", "num_blocks=1", "block_size=1", "flag=yes"))["flag"]


@pytest.mark.parametrize("words, text", [
    (["64", "512"], "-b/--name"),
    (["-b", "x", "512"], "num_blocks is missing"),
    (["-b", "x", "64", "512", "--num-blocks", "1"], "either total_size or num_blocks"),
    (["-b", "x", "64", "0"], "total_size needs block_size"),
    (["-b", "x", "many", "512"], "'many' is not a number"),
    (["-b", "x", "64", "5.5"], "'5.5' is not an integer"),
    (["-b", "x", "64", "512", "-m", "none"], "'none' is none of fast, slow"),
    (["-b", "x", "64", "512", "--extra", "{"], "is not JSON"),
    (["-b", "x", "64", "512", "--nope"], "unrecognized arguments: --nope"),
    (["-b", "x", "64", "512", "1024"], "unrecognized arguments: 1024"),
    (["name=x", "num_blocks=1", "block_size=1", "flag=perhaps"], "neither true nor false"),
])
def test_wrong_usage(addr, words, text):
    assert text in fails(2, addr, "test_all_types", *words)


def test_errors_of_the_target(addr):
    error = fails(1, addr, "test_all_types", "-b", "x", "64", "512", "--level", "11")
    assert error == ("rpc.py: test_all_types: parameter 'level' must be an integer from -10 to 10, not 11 "
                     "(code -32602)\n")
    assert "test_load_late: Method may only be called after" in fails(1, addr, "test_load_late", "--value", "1")


def test_unknown_methods(addr):
    assert "has no method 'nope'" in fails(2, addr, "nope")


def test_methods_without_description(addr):
    assert succeeds(addr, "test_undescribed") == "nothing\n"
    assert json.loads(succeeds(addr, "test_undescribed", "a=1", "b=true", "c=text", "d=[1]", "e=x=y")) == {
        "a": 1, "b": True, "c": "text", "d": [1], "e": "x=y"}
    assert json.loads(succeeds(addr, "test_undescribed", '{"a": 1}')) == {"a": 1}
    assert "is not key=value" in fails(2, addr, "test_undescribed", "-b", "x")
    assert "does not describe" in succeeds(addr, "test_undescribed", "-h")


def test_output(addr):
    assert succeeds(addr, "spdk_get_version").startswith('{\n  "version": "SPDK v25.05')
    assert succeeds(addr, "rpc_get_methods", "--current").startswith('[\n  "')
    assert "test_load_late" not in succeeds(addr, "rpc_get_methods", "-c")
    assert succeeds(addr, "test_load_early", "--value", "0") == "true\n"
    verbose = rpc(addr, "-v", "test_undescribed")
    assert 'request: {"jsonrpc": "2.0", "method": "test_undescribed"' in verbose.stderr
    assert 'response: {"jsonrpc":"2.0"' in verbose.stderr
    assert json.loads(succeeds(addr, "--dry-run", *ALL))["params"] == {"name": "x", "num_blocks": 131072, "block_size": 512}


def test_help(addr):
    text = succeeds(addr, "-h")
    assert "usage: rpc.py" in text
    assert "\ntest:\n  test_all_types                    Answer with the parameters\n" in text
    assert "  save_config " in text
    text = succeeds(addr, "test_all_types", "-h")
    for part in ("Answer with the parameters.", "name of 100 % of it", "bytes of a block (1 to 65536)", "(one of: fast, slow)",
                 "whether (default: not)", "TOTAL_SIZE", "result: object with all parameters"):
        assert part in text
    # Without a target, the options are still told.
    text = succeeds("/nonexistent/rpc.sock", "--help")
    assert "usage: rpc.py" in text and "no list of methods: cannot reach a target at /nonexistent/rpc.sock" in text
    version = re.search(r"^  version: '(.*)',$", (ROOT / "meson.build").read_text(encoding="utf-8"), re.M).group(1)
    assert succeeds(addr, "--version") == "rpc.py (bdevkit) %s\n" % version


def test_help_of_every_method(target):
    """Of all methods of the real program, from the descriptions that its decoders work by."""
    target = target()
    described = json.loads(succeeds(target.rpc_path, "rpc_describe_methods"))
    assert {method["name"] for method in described} == set(json.loads(succeeds(target.rpc_path, "rpc_get_methods")))
    # As a module, so that a hundred helps do not take a hundred processes; one of them as a user asks for it.
    loader = importlib.machinery.SourceFileLoader("rpc_client", RPC)
    client = importlib.util.module_from_spec(importlib.util.spec_from_loader("rpc_client", loader))
    loader.exec_module(client)
    for method in described:
        text = " ".join(client.Method(method).parser.format_help().split())
        assert method["summary"] and " ".join(method["summary"].split()) in text, method["name"]
        for param in method.get("params", []) + method.get("cli_params", []):
            assert param["help"] and " ".join(param["help"].split()) in text, (method["name"], param["name"])
    assert "BLOCK_SIZE" in succeeds(target.rpc_path, "bdev_malloc_create", "-h")


def test_unreachable_targets(tmp_path):
    path = str(tmp_path / "none.sock")
    error = fails(1, path, "spdk_get_version")
    assert error.count("\n") == 1 and path in error and "No such file" in error
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    assert "Connection refused" in fails(1, path, "spdk_get_version")
    assert "cannot reach a target at localhost:1" in fails(1, "localhost:1", "spdk_get_version")
    assert "cannot reach a target at localhost" in fails(1, "localhost", "-p", "1", "spdk_get_version")
    assert fails(2, path, "-t", "soon", "spdk_get_version")
    assert fails(2, path, "--nope", "spdk_get_version")


def test_timeout(addr):
    error = fails(1, addr, "-t", "0.3", "test_never")
    assert error == "rpc.py: test_never: no reply from %s within 0.3 s; -t SECS waits longer\n" % addr


def answer_with(path, text):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def answer():
        conn, _ = server.accept()
        conn.recv(65536)
        conn.sendall(text)
        conn.close()
        server.close()
    threading.Thread(target=answer, daemon=True).start()


@pytest.mark.parametrize("text, message", [
    (b"", "closed the connection"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not a JSON-RPC server"),
    (b"[]\n", "is not a JSON-RPC server"), (b"7\n", "is not a JSON-RPC server"),
])
def test_strange_servers(tmp_path, text, message):
    path = str(tmp_path / "strange.sock")
    answer_with(path, text)
    assert message in fails(1, path, "spdk_get_version")


def test_another_implementation(tmp_path):
    """Without descriptions, any method can be called with key=value."""
    path = str(tmp_path / "other.sock")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def serve():
        conn, _ = server.accept()
        with conn, conn.makefile("rwb", 0) as file:
            for line in file:
                request = json.loads(line)
                if request["method"] == "rpc_describe_methods":
                    reply = {"error": {"code": -32601, "message": "Method not found"}}
                else:
                    reply = {"result": request.get("params")}
                file.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}).encode() + b"\n")
    threading.Thread(target=serve, daemon=True).start()
    assert json.loads(succeeds(path, "bdev_get_bdevs", "name=x")) == {"name": "x"}
    server.close()


def test_commands_from_standard_input(addr):
    lines = "# comment\n\ntest_undescribed a=1 # more\nrpc.py test_undescribed 'a=x y'\n"
    assert succeeds(addr, input=lines) == '{\n  "a": 1\n}\n{\n  "a": "x y"\n}\n'
    result = rpc(addr, input="test_undescribed\nnope\ntest_undescribed\n")
    assert (result.returncode, result.stdout) == (2, "nothing\n")
    assert "line 2: the target at" in result.stderr
    assert "line 1: " in fails(2, addr, input="test_undescribed 'a\n")


CONFIG = {"subsystems": [
    {"subsystem": "one", "config": [{"method": "test_load_early", "params": {"value": 3}},
                                    {"method": "test_load_late", "params": {"value": 5}}]},
    {"subsystem": "none", "config": None}]}


def test_configuration_round_trip(addr, tmp_path):
    path = tmp_path / "config.json"
    path.write_text("// a comment\n" + json.dumps(CONFIG) + "/* another */\n", encoding="utf-8")
    assert succeeds(addr, "load_config", "-j", str(path)) == ""
    saved = succeeds(addr, "save_config")
    assert json.loads(saved) == CONFIG
    assert saved == json.dumps(CONFIG, indent=2) + "\n"
    one = succeeds(addr, "save_subsystem_config", "-n", "one")
    assert json.loads(one) == CONFIG["subsystems"][0]
    # The target runs now: what belongs before that is left out, and told.
    result = rpc(addr, "load_subsystem_config", input=one)
    assert result.returncode == 0
    assert "test_load_early was left out" in result.stderr
    assert json.loads(succeeds(addr, "save_config"))["subsystems"][0]["config"][1]["params"]["value"] == 10


@pytest.mark.parametrize("text, message", [
    ("", "standard input: Expecting value"), ("{", "standard input: "), ("[]", "array 'subsystems'"),
    ("{}", "array 'subsystems'"), ('{"subsystems": [1]}', "must be an object"),
    ('{"subsystems": [{"subsystem": "one", "config": [{"params": {}}]}]}', "entry 1 of subsystem one"),
    ('{"subsystems": [{"subsystem": "one", "config": [{"method": "test_load_early", "params": {"value": 1}}, '
     '{"method": "nope"}]}]}', "no method nope: nothing was loaded"),
    ('{"subsystems": [{"subsystem": "one", "config": [{"method": "test_load_early", "params": {"value": -1}}]}]}',
     "parameter 'value' must be an integer"),
])
def test_configurations_that_cannot_be_loaded(addr, text, message):
    assert message in fails(1, addr, "load_config", input=text)
    assert "No such file" in fails(1, addr, "load_config", "-j", "/nonexistent/config.json")
    # The target still waits.
    assert "framework_start_init" in succeeds(addr, "rpc_get_methods", "-c")
