# SPDX-License-Identifier: BSD-3-Clause
"""Every RPC method keeps its table: parameters, states, results, saved configuration, error codes."""

import array
import base64
import json
import os
import re
import socket
import time
from pathlib import Path

import pytest

from conftest import PATIENCE, ROOT, Target
from nbd_wire import CMD_READ, Wire
from rpc_examples import (APART, DECODE_ERROR, EEXIST, EINVAL, ENODEV, EXAMPLES, FAILURES, FAILURES_AT_START, INTERNAL,
                          INVALID_PARAMS, INVALID_STATE, LAST, LEAST_IS_NOT_ENOUGH, METHODS, NOT_FOUND, UUID)
from rpc_table import BDEV_MODULES, LIMITS, Shape, has_type, read_results, rows

RESULTS = read_results()
KEY = {"cipher": "AES_XTS", "key": "00" * 16, "key2": "01" * 16}
LEFT_OUT = set(re.findall(r"`rpc:([^`]+)`", (ROOT / "doc/left-out.md").read_text(encoding="utf-8")))


def of_methods(condition=lambda method: True):
    """Runs a test for each method of the table that meets a condition, but for those that are left out on purpose."""
    wanted = [method for method in METHODS.values() if condition(method) and method.name not in LEFT_OUT]
    return pytest.mark.parametrize("method", wanted, ids=repr)


def call(target, method, params=None):
    """The whole answer; "params" is not sent if None."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params is not None:
        request["params"] = params
    return send(target, json.dumps(request))


def send(target, text):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(target.rpc_path)
        connection.sendall(text.encode())
        data = b""
        while not data.endswith(b"\n"):
            piece = connection.recv(1 << 20)
            assert piece, f"{text}: the target closed the connection"
            data += piece
    return json.loads(data)


def code(target, method, params=None):
    answer = call(target, method, params)
    assert set(answer) == {"jsonrpc", "id", "error" if "error" in answer else "result"}
    if "error" not in answer:
        return 0
    assert set(answer["error"]) == {"code", "message"}
    assert answer["error"]["message"]
    return answer["error"]["code"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtime")
    one = Target(folder)
    for name in ("aio0.img", "aio1.img", "uring0.img", "uring1.img", "short.img"):
        (folder / name).touch()
        os.truncate(folder / name, 1 << 20)
    one.file = str(folder / "aio1.img")
    one.other = str(folder / "uring1.img")
    one.short = str(folder / "short.img")
    one.rpc("accel_crypto_key_create", name="key0", **KEY)
    one.rpc("bdev_null_create", name="null0", num_blocks=65536, block_size=512)
    one.rpc("bdev_null_create", name="null2", num_blocks=65536, block_size=512)
    one.rpc("bdev_malloc_create", name="malloc0", num_blocks=1024, block_size=512)
    one.rpc("bdev_aio_create", name="aio0", filename=str(folder / "aio0.img"), block_size=512)
    one.rpc("bdev_uring_create", name="uring0", filename=str(folder / "uring0.img"), block_size=512)
    one.rpc("bdev_passthru_create", name="over0", base_bdev_name="malloc0")
    one.rpc("bdev_malloc_create", name="under error0", num_blocks=1024, block_size=512)
    one.rpc("bdev_error_create", base_name="under error0")
    one.rpc("bdev_malloc_create", name="under delay0", num_blocks=1024, block_size=512)
    one.rpc("bdev_delay_create", name="delay0", base_bdev_name="under delay0", avg_read_latency=1, p99_read_latency=2,
            avg_write_latency=3, p99_write_latency=4)
    one.rpc("bdev_malloc_create", name="under crypto0", num_blocks=1024, block_size=512)
    one.rpc("bdev_crypto_create", name="crypto0", base_bdev_name="under crypto0", key_name="key0")
    for name in ("member0", "member1", "spare0"):
        one.rpc("bdev_malloc_create", name=name, num_blocks=1024, block_size=512)
    one.rpc("bdev_null_create", name="large blocks", num_blocks=1024, block_size=4096)
    one.rpc("bdev_raid_create", name="raid0", raid_level="raid1", base_bdevs=["member0", "member1"])
    one.rpc("bdev_zone_block_create", name="zones0", base_bdev="over0", zone_capacity=100, optimal_open_zones=1)
    yield one
    assert one.stop() == 0
    remove_trace(one)


def remove_trace(one):
    """A trace with entries outlives its program."""
    Path(f"/dev/shm/bdevkit_trace.pid{one.process.pid}").unlink(missing_ok=True)


def start_waiting(folder):
    """A target that waits before its start."""
    one = Target(folder, "--wait-for-rpc", wait=False)
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(one.rpc_path):
        assert one.process.poll() is None and time.monotonic() < deadline, one.stderr()
        time.sleep(0.01)
    return one


@pytest.fixture(scope="module")
def starting(tmp_path_factory):
    one = start_waiting(tmp_path_factory.mktemp("startup"))
    yield one
    assert one.stop() == 0
    remove_trace(one)


def example(target, method):
    """Good parameters of a method, or None if it has none."""
    if not method.params:
        return None
    params = dict(EXAMPLES[method.name])
    for name, value in params.items():
        if value == "{file}":
            params[name] = target.file
        elif value == "{other}":
            params[name] = target.other
        elif value == "{thread}":
            params[name] = target.rpc("thread_get_stats")["threads"][0]["id"]
        elif value == "{cpumask}":
            params[name] = target.rpc("thread_get_stats")["threads"][0]["cpumask"]
    return params


def in_state(method, served, starting):
    return served if "runtime" in method.states else starting


def test_methods_are_there(served):
    there = {one["name"] for one in served.rpc("rpc_describe_methods")}
    assert set(METHODS) - there == LEFT_OUT


@of_methods()
def test_description(served, method):
    """What the program says of a method, from which clients and documentation are made, is what the table says."""
    [description] = [one for one in served.rpc("rpc_describe_methods") if one["name"] == method.name]
    assert set(description["states"]) == method.states
    params = {param["name"]: param for param in description["params"]}
    assert set(method.params) <= set(params)
    for name, param in params.items():
        if name not in method.params:
            assert not param["required"], f"{name} is not in the table, so it must be optional"
            continue
        row = method.params[name]
        # Where parameters may be missing as a whole, none of them is required.
        assert param["required"] == (row["required"] == "yes" and method.params_object == "required"), name
        # In any case of letters, which a list would not say.
        if (method.name, name) != ("bdev_raid_create", "raid_level"):
            assert set(param.get("values", [])) >= set(filter(None, row["values"].split("|"))), name
    assert EXAMPLES.get(method.name, {}).keys() == method.params.keys()


@of_methods(lambda method: "startup" not in method.states)
def test_too_early(starting, method):
    assert code(starting, method.name) == INVALID_STATE


@of_methods(lambda method: "runtime" not in method.states)
def test_too_late(served, method):
    assert code(served, method.name) == INVALID_STATE


@of_methods(lambda method: method.params_object == "none")
def test_params_are_refused(served, starting, method):
    target = in_state(method, served, starting)
    assert code(target, method.name, {}) == DECODE_ERROR.get(method.name, INVALID_PARAMS)
    assert code(target, method.name, {"x": 1}) == DECODE_ERROR.get(method.name, INVALID_PARAMS)


@of_methods(lambda method: method.params_object == "ignored")
def test_params_are_ignored(served, starting, method):
    target = in_state(method, served, starting)
    for params in ({"x": 1}, [1], {}):
        assert code(target, method.name, params) == 0


@of_methods(lambda method: method.params_object == "required")
def test_params_are_required(served, starting, method):
    assert code(in_state(method, served, starting), method.name) == DECODE_ERROR.get(method.name, INVALID_PARAMS)


@of_methods(lambda method: method.params_object == "optional")
def test_params_are_optional(served, starting, method):
    assert code(in_state(method, served, starting), method.name) == 0


@of_methods(lambda method: any(row["required"] == "yes" for row in method.params.values()))
def test_missing_parameter(served, starting, method):
    target = in_state(method, served, starting)
    for name, row in method.params.items():
        if row["required"] == "yes":
            params = example(target, method)
            del params[name]
            assert code(target, method.name, params) == DECODE_ERROR.get(method.name, INVALID_PARAMS), name


@of_methods(lambda method: method.params)
def test_unknown_parameter(served, starting, method):
    target = in_state(method, served, starting)
    params = example(target, method) | {"colour": "red"}
    assert code(target, method.name, params) == DECODE_ERROR.get(method.name, INVALID_PARAMS)
    assert "colour" in call(target, method.name, params)["error"]["message"]
    assert code(target, method.name, [1]) == DECODE_ERROR.get(method.name, INVALID_PARAMS)


def wrong_values(row):
    """Values that are not of the parameter's type, or not among those it accepts."""
    kind, detail = re.fullmatch(r"(\w+)(?:\((\w+)\)| of \w+)?", row["json_type"]).groups()
    yield {"x": 1}
    yield [7] if kind == "array" else []
    if kind != "string":
        yield "many"
    if kind != "boolean":
        yield True
    if kind != "number":
        yield 7
    if kind == "number":
        low, high = LIMITS[detail]
        yield from (low - 1, high, 0.5)
    if detail == "uuid":
        yield from ("", "3f1c6b1e", UUID + "0", UUID.replace("3", "g"))
    if row["values"] and row["parameter"] != "raid_level":
        yield from ("", "sometimes")


@of_methods(lambda method: method.params)
def test_parameter_of_wrong_type(served, starting, method):
    target = in_state(method, served, starting)
    for name, row in method.params.items():
        for value in wrong_values(row):
            params = example(target, method) | {name: value}
            answer = call(target, method.name, params)
            assert "error" in answer, (name, value, answer)
            assert answer["error"]["code"] == DECODE_ERROR.get(method.name, INVALID_PARAMS), (name, value, answer)
            assert name in answer["error"]["message"], answer


@of_methods(lambda method: method.name not in LAST and method.name not in APART)
def test_result(served, starting, method):
    """Each method succeeds, with its result of the right shape; with all of its parameters, and with the least."""
    target = in_state(method, served, starting)
    shape = Shape(method.name, RESULTS.get(method.name, {}))
    params = example(target, method)
    for base in {"base_bdev_name", "base_bdev"} & set(method.params):
        if "name" in params:
            params[base] = f"below {method.name}"
            target.rpc("bdev_malloc_create", name=params[base], num_blocks=128, block_size=512)
    for sent in (params, None):
        if sent is None and method.params_object == "required":
            continue
        answer = call(target, method.name, sent)
        assert "result" in answer, answer
        assert has_type(answer["result"], method.result_type), answer
        shape.check(answer["result"])
    assert not shape.faults
    for name, row in method.params.items():
        for value in filter(None, row["values"].split("|")):
            assert code(target, method.name, params | {name: value}) == 0
    if method.result_type == "boolean":
        assert answer["result"] is True


@of_methods(lambda method: method.params and method.name not in LAST and method.name not in APART)
def test_least_parameters(served, starting, method):
    """What is not required may be missing."""
    target = in_state(method, served, starting)
    params = {name: value for name, value in example(target, method).items()
              if method.params[name]["required"] == "yes"}
    if method.name.endswith("_create") and "name" in params:
        params["name"] = f"least of {method.name}"
    for base in {"base_bdev_name", "base_bdev", "base_name"} & set(params):
        if "name" in params or base == "base_name":
            params[base] = f"below least of {method.name}"
    assert code(target, method.name, params) == LEAST_IS_NOT_ENOUGH.get(method.name, 0)


@of_methods(lambda method: method.params)
def test_parameter_that_is_given_twice(served, starting, method):
    target = in_state(method, served, starting)
    members = [json.dumps(name) + ":" + json.dumps(value) for name, value in example(target, method).items()]
    text = '{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s}}' % (method.name, ",".join(members + members[-1:]))
    assert send(target, text)["error"]["code"] == DECODE_ERROR.get(method.name, INVALID_PARAMS)


@pytest.mark.parametrize("name", LAST)
def test_deletion(served, name):
    """The methods that take away what test_result made of them; one that is not there is no device."""
    made = EXAMPLES[name]["name"]
    assert made in {bdev["name"] for bdev in served.rpc("bdev_get_bdevs")}
    assert served.rpc(name, name=made) is True
    assert made not in {bdev["name"] for bdev in served.rpc("bdev_get_bdevs")}
    assert code(served, name, {"name": made}) == ENODEV


def test_parts_are_deleted(served):
    assert {"null2p0", "null2p1"} <= {bdev["name"] for bdev in served.rpc("bdev_get_bdevs")}
    shape = Shape("bdev_get_bdevs", RESULTS["bdev_get_bdevs"])
    [part] = served.rpc("bdev_get_bdevs", name="null2p1")
    shape.check([part])
    assert not shape.faults
    assert part["driver_specific"] == {"split": {"base_bdev": "null2", "offset_blocks": 2048}}
    assert served.rpc("bdev_split_delete", base_bdev="null2") is True
    assert not {"null2p0", "null2p1"} & {bdev["name"] for bdev in served.rpc("bdev_get_bdevs")}
    assert code(served, "bdev_split_delete", {"base_bdev": "null2"}) == INVALID_PARAMS
    # What is saved further down.
    assert served.rpc("bdev_split_create", base_bdev="null2", split_count=2) == ["null2p0", "null2p1"]


@pytest.mark.parametrize("level", "raid0|0|RAID0|raid1|1|raid5f|5f|concat|Concat|raid5|6".split("|"))
def test_array_without_members(served, level):
    """It is created, and waits; each spelling of a level is one."""
    strip = {} if level in ("raid1", "1") else {"strip_size_kb": 64}
    params = {"name": "waiting", "raid_level": level, "base_bdevs": ["w0", "w1", "w2", "w3"], **strip}
    assert call(served, "bdev_raid_create", params)["result"] is True
    assert code(served, "bdev_raid_create", params) == EEXIST
    [raid] = [one for one in served.rpc("bdev_raid_get_bdevs", category="configuring") if one["name"] == "waiting"]
    assert raid["raid_level"].lower() == level.lower() or raid["raid_level"] == f"raid{level}"
    assert raid["strip_size_kb"] == strip.get("strip_size_kb", 0)
    assert (raid["num_base_bdevs"], raid["num_base_bdevs_operational"], raid["num_base_bdevs_discovered"]) == (4, 4, 0)
    assert not {"waiting"} & {bdev["name"] for bdev in served.rpc("bdev_get_bdevs")}
    assert served.rpc("bdev_raid_delete", name="waiting") is True
    assert not [one for one in served.rpc("bdev_raid_get_bdevs", category="all") if one["name"] == "waiting"]


def test_array(served):
    """From one member to the next one and back; and its end."""
    shape = Shape("bdev_raid_get_bdevs", RESULTS["bdev_raid_get_bdevs"])

    def look():
        [raid] = [one for one in served.rpc("bdev_raid_get_bdevs", category="Online") if one["name"] == "raid0"]
        shape.check([raid])
        assert not shape.faults
        return raid

    before = look()
    assert before["num_base_bdevs_operational"] == 2
    assert code(served, "bdev_raid_add_base_bdev", {"raid_bdev": "raid0", "base_bdev": "spare0"}) == EINVAL
    assert served.rpc("bdev_raid_remove_base_bdev", name="member0") is True
    assert look()["base_bdevs_list"][0]["name"] is None and look()["num_base_bdevs_operational"] == 1
    assert code(served, "bdev_raid_remove_base_bdev", {"name": "member0"}) == ENODEV
    assert served.rpc("bdev_raid_add_base_bdev", raid_bdev="raid0", base_bdev="spare0") is True
    deadline = time.monotonic() + PATIENCE
    while look()["degraded"]:
        assert time.monotonic() < deadline, look()
        time.sleep(0.01)
    assert look()["uuid"] == before["uuid"] and look()["base_bdevs_list"][0]["name"] == "spare0"
    served.rpc("bdev_raid_create", name="gone", raid_level="raid0", strip_size_kb=4, base_bdevs=["member0", "later"])
    assert served.rpc("bdev_raid_delete", name="gone") is True
    assert code(served, "bdev_raid_delete", {"name": "gone"}) == ENODEV


def test_key_is_destroyed(served):
    served.rpc("accel_crypto_key_create", name="short-lived", **KEY)
    assert served.rpc("accel_crypto_key_destroy", key_name="short-lived") is True
    assert code(served, "accel_crypto_keys_get", {"key_name": "short-lived"}) == INVALID_PARAMS
    assert code(served, "accel_crypto_key_destroy", {"key_name": "short-lived"}) == INVALID_PARAMS


def test_members_that_depend(served):
    """Members that are there under a condition only."""
    served.rpc("bdev_null_create", name="with metadata", num_blocks=64, block_size=512, md_size=8)
    shape = Shape("bdev_get_bdevs", RESULTS["bdev_get_bdevs"])
    shape.check(served.rpc("bdev_get_bdevs"))
    assert not shape.faults
    base = "[].driver_specific."
    expected = {"[].md_size", "[].md_interleave", "[].claim_type", base + "passthru.name",
                base + "passthru.base_bdev_name", base + "aio.filename", base + "aio.block_size_override",
                *(f"{base}crypto.{name}" for name in ("base_bdev_name", "name", "key_name")), base + "aio.readonly",
                *(f"{base}zoned_block.{name}" for name in ("name", "base_bdev", "zone_capacity", "optimal_open_zones")),
                "[].zone_size", "[].max_open_zones", "[].optimal_open_zones",
                *(f"{base}raid.{name}" for name in ("uuid", "strip_size_kb", "state", "raid_level", "superblock",
                                                     "num_base_bdevs", "num_base_bdevs_discovered",
                                                     "num_base_bdevs_operational", "base_bdevs_list")),
                base + "aio.fallocate", base + "uring.filename", "[].memory_domains[].dma_device_id", "[].memory_domains[].dma_device_type"}
    assert expected <= shape.seen
    served.rpc("bdev_null_delete", name="with metadata")


def test_statistics_of_a_channel_in_use(served):
    shape = Shape("bdev_get_iostat", RESULTS["bdev_get_iostat"])
    with Wire(served.nbd_path) as client:
        client.go("null0")
        client.pread(0, 4096)
        shape.check(served.rpc("bdev_get_iostat", name="null0", per_channel=True))
    assert not shape.faults
    lacking = {path for path in RESULTS["bdev_get_iostat"] if path.startswith("channels[]")} - shape.seen
    assert not lacking


def test_statistics_of_errors(served):
    """Errors are counted by their status, under the names of the table."""
    served.rpc("bdev_aio_create", name="short", filename=served.short, block_size=512)
    os.truncate(served.short, 4096)
    with Wire(served.nbd_path) as client:
        client.go("short")
        assert client.request(CMD_READ, 1 << 19, 4096) != 0
    shape = Shape("bdev_get_iostat", RESULTS["bdev_get_iostat"])
    result = served.rpc("bdev_get_iostat", name="short")
    shape.check(result)
    assert not shape.faults
    errors = result["bdevs"][0]["io_error"]
    assert errors and set(errors) <= set(texts("bdev_get_iostat io_error key"))
    served.rpc("bdev_aio_delete", name="short")


def test_statistics_of_queue_depth(served):
    """These members come with sampling, and go with it; the sampling is a timed poller."""
    members = {"queue_depth_polling_period", "queue_depth", "io_time", "weighted_io_time"}
    served.rpc("bdev_set_qd_sampling_period", name="malloc0", period=1000)
    shape = Shape("bdev_get_iostat", RESULTS["bdev_get_iostat"])
    result = served.rpc("bdev_get_iostat", name="malloc0")
    shape.check(result)
    assert not shape.faults
    assert members <= result["bdevs"][0].keys()
    assert result["bdevs"][0]["queue_depth_polling_period"] == 1000

    shape = Shape("thread_get_pollers", RESULTS["thread_get_pollers"])
    shape.check(served.rpc("thread_get_pollers"))
    assert not shape.faults
    assert "threads[].timed_pollers[].period_ticks" in shape.seen

    served.rpc("bdev_set_qd_sampling_period", name="malloc0", period=0)
    assert not members & served.rpc("bdev_get_iostat", name="malloc0")["bdevs"][0].keys()


def test_members_of_protection_information(served):
    served.rpc("bdev_malloc_create", name="protected", num_blocks=64, block_size=512, md_size=8, dif_type=1)
    shape = Shape("bdev_get_bdevs", RESULTS["bdev_get_bdevs"])
    [bdev] = served.rpc("bdev_get_bdevs", name="protected")
    shape.check([bdev])
    assert not shape.faults
    assert (bdev["dif_type"], bdev["dif_is_head_of_md"], bdev["dif_pi_format"]) == (1, False, 0)
    assert bdev["enabled_dif_check_types"] == {"reftag": True, "apptag": False, "guard": True}
    served.rpc("bdev_malloc_delete", name="protected")


def test_statistics_of_channels(served):
    shape = Shape("bdev_get_iostat", RESULTS["bdev_get_iostat"])
    result = served.rpc("bdev_get_iostat", name="null0", per_channel=True)
    shape.check(result)
    assert not shape.faults
    assert result["name"] == "null0" and "bdevs" not in result
    result = served.rpc("bdev_get_iostat")
    shape.check(result)
    assert not shape.faults
    assert "channels" not in result and {bdev["name"] for bdev in result["bdevs"]} >= {"null0", "malloc0"}


@pytest.mark.parametrize("name,params,expected", FAILURES)
def test_failure(served, name, params, expected):
    replaced = {key: example(served, METHODS[name])[key] if str(value).startswith("{") else value
                for key, value in params.items()}
    assert code(served, name, replaced) == expected


@pytest.mark.parametrize("name,params,expected", FAILURES_AT_START)
def test_failure_at_start(starting, name, params, expected):
    assert code(starting, name, params) == expected


def test_unknown_method(served, starting):
    assert code(served, "no_such_method") == NOT_FOUND
    assert code(starting, "no_such_method") == NOT_FOUND


def test_start_and_kill(tmp_path):
    """From the first state to the second, and to the end."""
    one = start_waiting(tmp_path)
    assert code(one, "bdev_get_bdevs") == INVALID_STATE
    assert call(one, "framework_start_init")["result"] is True
    assert call(one, "framework_wait_init", [1])["result"] is True
    assert code(one, "framework_start_init") == INVALID_STATE
    one.wait_until_serving()
    assert call(one, "spdk_kill_instance", {"sig_name": "SIGTERM"})["result"] is True
    assert one.process.wait(PATIENCE) == 0
    assert one.stop() == 0


# Entries of a saved configuration.


def config_rows():
    table = {}
    for row in rows("config_entries.tsv"):
        if re.fullmatch(rf"lib/(accel|bdev)|module/bdev/({BDEV_MODULES})|module/event/subsystems/(iobuf|scheduler)",
                        row["component"]):
            entry = table.setdefault((row["subsystem"], row["method"]), {})
            if row["parameter"] and not row["parameter"].endswith("[]"):
                entry[row["parameter"]] = row
    return table


def test_saved_configuration(served):
    """Each entry that is saved has what the table says of it, and nothing that its method would not take."""
    for name in ("bdev_set_qos_limit", "bdev_enable_histogram"):
        assert code(served, name, example(served, METHODS[name])) == 0
    table = config_rows()
    seen = set()
    for subsystem in {key[0] for key in table}:
        for entry in served.rpc("framework_get_config", name=subsystem):
            key = (subsystem, entry["method"])
            if key not in table:
                continue
            seen.add(key)
            params = entry.get("params", {})
            for name, value in params.items():
                assert name in METHODS[entry["method"]].params, entry
                if name in table[key]:
                    assert has_type(value, table[key][name]["json_type"]), entry
            lacking = {name for name, row in table[key].items() if row["presence"] == "always" and name not in params}
            assert not lacking, entry
    # These are there only when their method was called before the start.
    absent = {("bdev", "bdev_examine"), ("accel", "accel_assign_opc"), ("accel", "accel_set_driver")}
    assert set(table) - seen == absent


def test_examine(tmp_path):
    """With automatic examination off, bdevs are examined by name, and the names are saved."""
    one = start_waiting(tmp_path)
    assert code(one, "bdev_set_options", {"bdev_auto_examine": False}) == 0
    assert code(one, "framework_start_init") == 0
    one.wait_until_serving()
    assert call(one, "bdev_examine", {"name": "memory"})["result"] is True
    assert code(one, "bdev_examine", {"name": "memory"}) == EEXIST
    assert call(one, "bdev_examine", {"name": "no such"})["result"] is True
    entries = one.rpc("framework_get_config", name="bdev")
    assert [entry["params"] for entry in entries if entry["method"] == "bdev_examine"] == [
        {"name": "memory"}, {"name": "no such"}]
    assert one.stop() == 0


# Texts that stand for constants.


def texts(producer):
    return [row["string"] for row in rows("strings.tsv") if row["producer"].startswith(producer)]


def test_texts(served):
    bdevs = {bdev["name"]: bdev for bdev in served.rpc("bdev_get_bdevs")}
    products = {row["constant_or_component"].rsplit("/", 1)[1]: row["string"]
                for row in rows("strings.tsv") if row["producer"] == "bdev product_name"}
    for name, module in {"null0": "null", "malloc0": "malloc", "aio0": "aio", "uring0": "uring", "over0": "passthru",
                         "crypto0": "crypto", "raid0": "raid", "null2p0": "split", "delay0": "delay",
                         "zones0": "zone_block", "EE_under error0": "error"}.items():
        assert bdevs[name]["product_name"] == products[module]
    assert set(bdevs["null0"]["supported_io_types"]) == set(texts("spdk_bdev_get_io_type_name"))
    assert set(bdevs["null0"]["assigned_rate_limits"]) == set(texts("spdk_bdev_get_qos_rpc_type"))
    assert set(texts("notification type")) <= set(served.rpc("notify_get_types"))
    before = served.rpc("log_get_level")
    for level in texts("log_set_level"):
        served.rpc("log_set_level", level=level)
        assert served.rpc("log_get_level") == level
    served.rpc("log_set_level", level=before)


def test_histogram_counts(served):
    """The histogram is an array of numbers of 64 bits, one of them for each read."""
    served.rpc("bdev_enable_histogram", name="null0", enable=True, opc="read")
    with Wire(served.nbd_path) as client:
        client.go("null0")
        for _ in range(5):
            client.pread(0, 4096)
        client.write(0, bytes(4096))
        result = served.rpc("bdev_get_histogram", name="null0")
        counts = array.array("Q", base64.b64decode(result["histogram"]))
        assert sum(counts) == 5
        assert len(counts) == (1 << result["granularity"]) * (result["max_range"] - result["min_range"] + 1)
        served.rpc("bdev_enable_histogram", name="null0", enable=False)
        assert code(served, "bdev_get_histogram", {"name": "null0"}) == INTERNAL
