# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit check in other ways than one after the other: simulated."""

import json
import re
import shlex

import pytest

from conftest import BDEVKIT, ROOT, run
from test_check import MALLOC, write_config

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
