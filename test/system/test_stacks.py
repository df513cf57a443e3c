# SPDX-License-Identifier: BSD-3-Clause
"""
Stacks of block devices, up to three high, made by a seed from all modules: each keeps the rules. Any module that can stand on
another one does so in one of them; a module that refuses a neighbour says so when the stack is made, and is not expected to
take it.
"""

import itertools
import json
import random

import pytest

from conftest import BDEVKIT, ROOT, run

SEED = 1
# One process makes so many stacks and checks the top of each.
PER_PROCESS = 6

KEY = {"cipher": "AES_XTS", "key": "00112233445566778899aabbccddeeff", "key2": "ffeeddccbbaa99887766554433221100"}
BLOCKS = {"num_blocks": 4096, "block_size": 512}

# Bottoms: the call that makes one of that name, given a folder.
BOTTOMS = {
    "malloc": lambda name, _: ("bdev_malloc_create", {"name": name, **BLOCKS}),
    "malloc boundary": lambda name, _: ("bdev_malloc_create", {"name": name, **BLOCKS, "optimal_io_boundary": 7}),
    "malloc separate": lambda name, _: ("bdev_malloc_create", {"name": name, **BLOCKS, "md_size": 8}),
    "malloc interleaved": lambda name, _: (
        "bdev_malloc_create", {"name": name, **BLOCKS, "md_size": 16, "md_interleave": True}),
    "malloc dif1": lambda name, _: (
        "bdev_malloc_create", {"name": name, **BLOCKS, "md_size": 8, "md_interleave": True, "dif_type": 1}),
    "malloc dif3": lambda name, _: (
        "bdev_malloc_create", {"name": name, **BLOCKS, "md_size": 8, "md_interleave": True, "dif_type": 3}),
    "malloc dix1": lambda name, _: ("bdev_malloc_create", {"name": name, **BLOCKS, "md_size": 8, "dif_type": 1}),
    "null": lambda name, _: ("bdev_null_create", {"name": name, **BLOCKS}),
    "aio": lambda name, folder: ("bdev_aio_create", {"name": name, "filename": make_file(folder, name), "block_size": 512}),
    "uring": lambda name, folder: (
        "bdev_uring_create", {"name": name, "filename": make_file(folder, name), "block_size": 512}),
    "gpt": lambda name, folder: (
        "bdev_aio_create", {"name": name, "filename": make_partitioned_file(folder, name), "block_size": 512}),
}

# What stands on another one: the call, and the name of what it makes.
LAYERS = {
    "passthru": lambda name, base: (("bdev_passthru_create", {"name": name, "base_bdev_name": base}), name),
    "delay": lambda name, base: (
        ("bdev_delay_create", {"name": name, "base_bdev_name": base, "avg_read_latency": 0, "p99_read_latency": 0,
                               "avg_write_latency": 0, "p99_write_latency": 0}), name),
    "crypto": lambda name, base: (("bdev_crypto_create", {"name": name, "base_bdev_name": base, **KEY}), name),
    "split": lambda _, base: (("bdev_split_create", {"base_bdev": base, "split_count": 2}), f"{base}p1"),
    "zone_block": lambda name, base: (
        ("bdev_zone_block_create", {"name": name, "base_bdev": base, "zone_capacity": 100, "optimal_open_zones": 1,
                                    "max_open_zones": 3}), name),
    "error": lambda _, base: (("bdev_error_create", {"base_name": base}), f"EE_{base}"),
    "raid": lambda name, base: (
        ("bdev_raid_create", {"name": name, "raid_level": "concat", "strip_size_kb": 16, "base_bdevs": [base]}), name),
}

LAYERS = {name: make for name, make in LAYERS.items() if (ROOT / "module" / "bdev" / name).is_dir()}
# Zones cannot be written as these need it, and they say so.
REFUSES_ZONES = {"crypto", "split", "zone_block", "raid"}


def make_file(folder, name):
    path = folder / f"{name}.img"
    path.write_bytes(bytes(2 << 20))
    return str(path)


def make_partitioned_file(folder, name):
    path = make_file(folder, name)
    run("sgdisk", "--set-alignment=1", "--new=1:64:+1M", "--typecode=1:6527994e-2c5a-4eec-9613-8f5944074e8b", path)
    return path


def is_possible(stack):
    return not any(below == "zone_block" and above in REFUSES_ZONES for below, above in itertools.pairwise(stack))


def generate():
    """Each pair of neighbours in one stack at least; what is above or below it is chosen by the seed."""
    chance = random.Random(SEED)
    pairs = [(below, above) for below in (*BOTTOMS, *LAYERS) for above in LAYERS if is_possible((below, above))]
    chance.shuffle(pairs)
    stacks = []
    for below, above in pairs:
        if any((below, above) in itertools.pairwise(stack) for stack in stacks):
            continue
        if below in BOTTOMS:
            over = [layer for layer in LAYERS if is_possible((below, above, layer))]
            stacks.append((below, above, chance.choice(over)) if over and chance.random() < 0.8 else (below, above))
        else:
            bottoms = [bottom for bottom in sorted(BOTTOMS) if is_possible((bottom, below, above))]
            stacks.append((chance.choice(bottoms), below, above))
    return stacks


def prune(stacks):
    """Without those that have no pair of their own: test_check.py has malloc of several formats below each layer."""
    kept = list(stacks)
    for stack in stacks:
        others = {pair for other in kept if other != stack for pair in itertools.pairwise(other)}
        if all(pair in others or pair[0].startswith("malloc") for pair in itertools.pairwise(stack)):
            kept.remove(stack)
    return kept


STACKS = prune(generate())


def make_stack(stack, number, folder):
    """Calls, and the name of the top."""
    name = f"s{number}"
    calls = [BOTTOMS[stack[0]](name, folder)]
    if stack[0] == "gpt":
        name += "p1"
    for height, layer in enumerate(stack[1:], 1):
        call, name = LAYERS[layer](f"s{number}h{height}", name)
        calls.append(call)
    return calls, name


def check(folder, stacks, *words):
    """All of these in one process; the results by stack."""
    calls, tops = [], {}
    for number, stack in enumerate(stacks):
        made, top = make_stack(stack, number, folder)
        calls += made
        tops[top] = stack
    config = folder / "config.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": method, "params": params} for method, params in calls]}]}))
    result = run(BDEVKIT, "check", "--overwrite", "--json", config, "--json-output", *words, *tops, check=False)
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
    assert result.stdout, result.stderr
    checked = json.loads(result.stdout)
    assert {one["bdev"] for one in checked} == set(tops), result.stderr
    broken = {" > ".join(tops[one["bdev"]]): {rule["rule"]: rule["note"] for rule in one["rules"]
                                              if rule["result"] == "FAILED"} for one in checked if not one["passed"]}
    assert not broken, json.dumps(broken, indent=1)
    assert result.returncode == 0, result.stderr


def test_there_are_enough():
    assert len(STACKS) >= 40
    assert {len(stack) for stack in STACKS} == {2, 3}
    assert set(LAYERS) <= {layer for stack in STACKS for layer in stack}


def batches(stacks):
    return [stacks[i:i + PER_PROCESS] for i in range(0, len(stacks), PER_PROCESS)]


@pytest.mark.parametrize("stacks", batches([stack for stack in STACKS if stack[0] != "null"]),
                         ids=lambda stacks: "|".join("-".join(stack) for stack in stacks).replace(" ", "_"))
def test_stack_keeps_the_rules(tmp_path, stacks):
    check(tmp_path, stacks)


@pytest.mark.parametrize("stacks", batches([stack for stack in STACKS if stack[0] == "null"]))
def test_stack_on_what_keeps_no_data(tmp_path, stacks):
    check(tmp_path, stacks, "--no-data")


@pytest.mark.parametrize("layer", sorted(REFUSES_ZONES & set(LAYERS)))
def test_zones_are_refused_by_what_has_none(tmp_path, layer):
    calls, top = make_stack(("malloc", "zone_block", layer), 0, tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": method, "params": params} for method, params in calls]}]}))
    result = run(BDEVKIT, "check", "--overwrite", "--json", config, top, check=False)
    assert result.returncode == 1 and "zone" in result.stderr
