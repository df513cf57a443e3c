# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit check in other ways than one after the other: simulated, from several threads, in a running target."""

import json
import re
import shlex
import subprocess
import sys
import threading

import pytest

from conftest import BDEVKIT, ROOT, RpcError, requires, run
from test_check import LOST, MALLOC, disks, raid, write_config

MALLOC_CALL = ("bdev_malloc_create", MALLOC)
STACKS = {
    "malloc": [("bdev_malloc_create", {**MALLOC, "name": "top"})],
    "separate": [("bdev_malloc_create", {**MALLOC, "name": "top", "md_size": 8})],
    "dif1": [("bdev_malloc_create", {**MALLOC, "name": "top", "md_size": 8, "md_interleave": True, "dif_type": 1})],
    "null": [("bdev_null_create", {"name": "top", "num_blocks": 4096, "block_size": 512})],
    "passthru": [MALLOC_CALL, ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "top"})],
    "three": [MALLOC_CALL, ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "middle"}),
              ("bdev_passthru_create", {"base_bdev_name": "middle", "name": "top"})],
}
ARRAYS = {
    "raid1": [*disks(2), *raid("raid1", 2)],
    "raid1_degraded": [*disks(3), *raid("raid1", 3, LOST)],
    "raid5": [*disks(4), *raid("raid5", 4)],
    "raid5f": [*disks(3), *raid("raid5f", 3)],
    "raid6_degraded": [*disks(5), *raid("raid6", 5, LOST, ("bdev_raid_remove_base_bdev", {"name": "disk4"}))],
}


def simulate(config, *words, code=0):
    result = run(BDEVKIT, "check", "--sim", "--json", config, *words, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return result


@pytest.mark.parametrize("stack", STACKS)
def test_schedules(tmp_path, stack):
    words = ["--no-data"] if stack == "null" else []
    config = write_config(tmp_path, *STACKS[stack])
    result = simulate(config, "--schedules", "30", "--json-output", *words, "top")
    assert re.match(r"30 schedules, \d+ steps, hash [0-9a-f]{16}, ", result.stderr), result.stderr
    [checked] = json.loads(result.stdout)
    tried = {rule["rule"] for rule in checked["rules"] if rule["count"] > 0}
    assert checked["passed"] and len(tried) > 25
    assert sum(rule["count"] for rule in checked["rules"]) > 5000


@pytest.mark.parametrize("stack", ARRAYS)
def test_schedules_of_arrays(tmp_path, stack):
    """A slice; `make sim` has many."""
    result = simulate(write_config(tmp_path, *ARRAYS[stack]), "--schedules", "15", "--json-output", "array")
    [checked] = json.loads(result.stdout)
    assert checked["passed"] and sum(rule["count"] for rule in checked["rules"]) > 2000


def test_a_seed_decides_everything(tmp_path):
    """And another one something else."""
    config = write_config(tmp_path, *STACKS["three"])
    hashes = [re.search("hash ([0-9a-f]{16})", simulate(config, "--schedules", "4", "--seed", seed, "top").stderr)[1]
              for seed in (100, 100, 101)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.fixture(name="racy", scope="session")
def fixture_racy(tmp_path_factory):
    path = tmp_path_factory.mktemp("module") / "bdev_racy.so"
    run("cc", "-g", "-O1", "-fPIC", "-shared", "-I", ROOT / "include", "-Wall", "-Werror",
        ROOT / "test/system/racy_module/bdev_racy.c", "-o", path)
    return path


def test_module_without_a_race(tmp_path, racy):
    config = write_config(tmp_path, ("bdev_racy_create", {"race": "none"}))
    simulate(config, "--module", racy, "--schedules", "100", "racy")


@pytest.mark.parametrize("race", ["slot", "status"])
def test_a_race_is_found_and_repeated(tmp_path, racy, race):
    """Some schedules have it. What is printed repeats the one that failed, step by step."""
    config = write_config(tmp_path, ("bdev_racy_create", {"race": race}))
    words = ("--module", racy, "racy")
    failures = [simulate(config, "--schedules", "200", "--seed", "1000", *words, code=1).stderr for _ in range(2)]
    assert failures[0] == failures[1]
    assert len(re.findall(r"\n +\d+\.\d{9} ", failures[0])) > 10
    command = shlex.split(failures[0].split("this repeats it:\n")[1])
    again = run(BDEVKIT, *command[1:], check=False)
    assert again.returncode == 1 and again.stderr == failures[0]

    seed = int(command[command.index("--seed") + 1])
    passed = 0
    for other in range(seed + 1, seed + 10):
        result = run(BDEVKIT, "check", "--sim", "--json", config, "--schedules", "1", "--seed", other, *words, check=False)
        passed += result.returncode == 0
    assert passed > 0


def test_a_device_is_refused(tmp_path):
    """What a file answers, and when, no seed decides."""
    (tmp_path / "disk.img").write_bytes(bytes(1 << 20))
    config = write_config(tmp_path, ("bdev_aio_create", {
        "name": "disk", "filename": str(tmp_path / "disk.img"), "block_size": 512}))
    assert "disk: it waits for a file descriptor" in simulate(config, "disk", code=1).stderr


def test_what_cannot_be_simulated(tmp_path):
    config = write_config(tmp_path, MALLOC_CALL)
    assert "missing: there is no such block device" in simulate(config, "missing", code=1).stderr
    simulate(config, "--schedules", "many", "disk", code=2)
    simulate(config, "--schedules", "0", "disk", code=2)


# ---- several system threads ----

@pytest.mark.parametrize("stack", ["separate", "dif1", "three"])
def test_threads(tmp_path, stack):
    """Adds what each of them has tried."""
    config = write_config(tmp_path, *STACKS[stack])
    counts = []
    for threads in (0, 3):
        result = run(BDEVKIT, "check", "--json", config, "--threads", threads, "--json-output", "top")
        assert "Sanitizer" not in result.stderr, result.stderr
        [checked] = json.loads(result.stdout)
        assert checked["passed"]
        counts.append({rule["rule"]: rule["count"] for rule in checked["rules"]})
    load = "under load each block holds what was written last"
    assert counts[1][load] > 3 * counts[0][load]


@pytest.mark.parametrize("stack", ["raid1", "raid5"])
def test_threads_of_arrays(tmp_path, stack):
    result = run(BDEVKIT, "check", "--json", write_config(tmp_path, *ARRAYS[stack]), "--threads", "2", "--json-output", "array")
    assert "Sanitizer" not in result.stderr, result.stderr
    assert json.loads(result.stdout)[0]["passed"]


# ---- what is overwritten ----

def test_a_file_is_not_overwritten_unasked(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(b"precious" * (1 << 17))
    config = write_config(
        tmp_path, ("bdev_aio_create", {"name": "disk", "filename": str(image), "block_size": 512}),
        ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"}))
    result = run(BDEVKIT, "check", "--json", config, "over", check=False)
    assert result.returncode == 1 and "disk keeps what it holds" in result.stderr and "--overwrite" in result.stderr
    assert image.read_bytes() == b"precious" * (1 << 17)


# ---- in a running target ----

TARGET_CALLS = [MALLOC_CALL, ("bdev_malloc_create", {**MALLOC, "name": "other", "num_blocks": 32768})]


def check_in(served, *words, code=0):
    result = run(BDEVKIT, "check", "-r", served.rpc_path, *words, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def test_a_target_checks_and_goes_on_serving(tmp_path, target):
    """An NBD client reads from another bdev meanwhile, and what it gets is right."""
    requires("nbdcopy")
    served = target("--json", write_config(tmp_path, *TARGET_CALLS))
    pattern = bytes(range(256)) * 65536
    (tmp_path / "pattern").write_bytes(pattern)
    run("nbdcopy", tmp_path / "pattern", served.uri("other"))
    over = threading.Event()
    copies = []

    def read_again_and_again():
        while not over.is_set() or not copies:
            run("nbdcopy", served.uri("other"), tmp_path / "copy")
            copies.append((tmp_path / "copy").read_bytes() == pattern)

    reader = threading.Thread(target=read_again_and_again)
    reader.start()
    try:
        [checked] = json.loads(check_in(served, "--overwrite", "--json-output", "disk").stdout)
    finally:
        over.set()
        reader.join()
    assert checked["passed"] and checked["module"] == "malloc"
    tried = [rule for rule in checked["rules"] if rule["result"] == "ok"]
    assert len(tried) > 25 and sum(rule["count"] for rule in tried) > 10000
    assert all(rule["note"] for rule in checked["rules"] if rule["result"] == "skipped")
    assert copies and all(copies)
    [disk] = served.rpc("bdev_get_bdevs", name="disk")
    assert not disk["claimed"]
    assert "disk: 4096 blocks of 512 bytes, module malloc, seed 7" in check_in(
        served, "--overwrite", "--seed", "7", "disk").stdout


def test_a_target_refuses(tmp_path, target):
    """Without consent, what is not there, and what others write to or build on."""
    pytest.importorskip("nbd")
    served = target("--json", write_config(tmp_path, *TARGET_CALLS, (
        "bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})))
    assert "say so with overwrite" in check_in(served, "over", code=1).stderr
    with pytest.raises(RpcError, match="overwrites"):
        served.rpc("bdevkit_check", name="over", overwrite=False)
    assert "no such block device" in check_in(served, "--overwrite", "none", code=1).stderr
    assert "somebody writes to it, or builds on it" in check_in(served, "--overwrite", "disk", code=1).stderr
    script = f"""import nbd
h = nbd.NBD()
h.connect_uri({served.uri("other")!r})
h.pwrite(b"x" * 512, 0)
print(1, flush=True)
input()"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b"1\n"
        assert "somebody writes to it, or builds on it" in check_in(served, "--overwrite", "other", code=1).stderr
        client.communicate(b"\n")
    assert client.returncode == 0
    check_in(served, "--overwrite", "over")


def start_check(served, name):
    """A check that goes on for a minute if nobody ends it."""
    return subprocess.Popen([BDEVKIT, "check", "-r", served.rpc_path, "--overwrite", "--duration", "60", name],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_claimed(served, name):
    while not served.rpc("bdev_get_bdevs", name=name)[0]["claimed"]:
        pass


def test_removal_during_a_check(tmp_path, target):
    """Ends it; and so does the end of the target."""
    served = target("--json", write_config(tmp_path, *TARGET_CALLS))
    client = start_check(served, "disk")
    wait_until_claimed(served, "disk")
    with pytest.raises(RpcError, match="goes on"):
        served.rpc("bdevkit_check", name="other", overwrite=True)
    served.rpc("bdev_malloc_delete", name="disk")
    _, stderr = client.communicate(timeout=60)
    assert client.returncode == 1 and "removed while it was checked" in stderr
    client = start_check(served, "other")
    wait_until_claimed(served, "other")
    assert served.stop() == 0
    client.communicate(timeout=60)
    assert client.returncode == 1


def test_an_io_that_never_ends_in_a_target(tmp_path, target):
    """Is told; the target goes on."""
    served = target("--json", write_config(tmp_path, MALLOC_CALL, ("bdev_malloc_create", {**MALLOC, "name": "base"}), (
        "bdev_delay_create", {"base_bdev_name": "base", "name": "slow", "avg_read_latency": 10 ** 9,
                              "p99_read_latency": 10 ** 9, "avg_write_latency": 1, "p99_write_latency": 1})))
    result = check_in(served, "--overwrite", "slow", code=1)
    assert "every I/O that was accepted ends" in result.stdout and "not within" in result.stdout
    with pytest.raises(RpcError, match="has not ended"):
        served.rpc("bdevkit_check", name="disk", overwrite=True)
    assert served.rpc("bdev_get_bdevs", name="disk")
    served.kill()


@pytest.mark.parametrize("words", [["--sim"], ["--threads", "2"], ["--json", "/dev/null"]])
def test_what_a_target_does_not_do(words):
    assert run(BDEVKIT, "check", "-r", "/nowhere", *words, "disk", check=False).returncode == 2
