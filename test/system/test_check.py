# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit check: it passes on what keeps the rules, and names the rule and the I/O where a module breaks one."""

import json
import subprocess

import pytest

from conftest import BDEVKIT, ROOT, requires, run

MALLOC = {"name": "disk", "num_blocks": 4096, "block_size": 512}
FORMATS = {
    "plain": {},
    "large": {"num_blocks": 1 << 18, "block_size": 4096},
    "boundary": {"optimal_io_boundary": 7},
    "separate": {"md_size": 8},
    "interleaved": {"md_size": 16, "md_interleave": True},
    **{f"dif{dif}": {"md_size": 8, "md_interleave": True, "dif_type": dif} for dif in (1, 2, 3)},
    **{f"dix{dif}": {"md_size": 8, "dif_type": dif} for dif in (1, 2, 3)},
    "dif1_in_front": {"md_size": 16, "md_interleave": True, "dif_type": 1, "dif_is_head_of_md": True},
}


def write_config(folder, *calls):
    path = folder / "config.json"
    path.write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": method, "params": params} for method, params in calls]}]}))
    return path


def check(folder, calls, *words, code=0):
    """The results by bdev, and of each by rule."""
    result = run(BDEVKIT, "check", "--json", write_config(folder, *calls), "--json-output", "--overwrite", *words, check=False)
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
    checked = json.loads(result.stdout)
    broken = [rule for one in checked for rule in one["rules"] if rule["failures"]]
    assert result.returncode == code, f"{broken} {result.stderr}"
    assert all(one["passed"] for one in checked) == (code == 0)
    return {one["bdev"]: {rule["rule"]: rule for rule in one["rules"]} for one in checked}


def skipped(rules):
    return {rule["rule"] for rule in rules.values() if rule["result"] == "skipped"}


# The rules of these groups are tried where there is protection information, metadata apart from or within the blocks.
PROTECTION = {
    "a write with a wrong guard or tag is refused where the bdev checks it",
    "a wrong guard or tag is found by the read",
    "what an I/O excludes from checking is not checked",
}
NAMED = {"a status that names the guard or a tag names the wrong one"}
APART = {"data can be read without metadata that is kept apart"}
NOT_APART = {
    "a buffer for metadata is refused where none is kept apart",
    "compare_and_write writes if what is there is equal, else not",
    "of several that compare and write the same block at once, one succeeds",
    "the accel sequence of an I/O is carried out",
}
# Nor has zones, but where it says so.
ZONES = {
    "a report tells of each zone that there is, and of no other",
    "a zone is written at its write pointer, and nowhere else",
    "nothing is written or read beyond the capacity of a zone",
    "an append is told where it is, and is there",
    "opening, closing, finishing and resetting lead from state to state",
    "not more zones are open than may be",
}
# Nothing here stands on a journal.
DURABILITY = {
    "what was flushed is there after a power cut, or what came later",
    "without a write cache, what was written is there after a power cut",
}
# Neither holes nor another size, of malloc; and what takes seconds.
ELSEWHERE = {
    "holes hold zeroes where the bdev says so",
    "who has it open is told when it grows, and can use it up to its new end",
    "I/O that takes longer than asked for is told of, on its thread",
    "no other I/O is",
    "what was held back ends when it is let go, or by a reset",
}
ZCOPY = {
    "zcopy lends what is there, and a commit writes it",
    "zcopy that is not committed reads, and changes nothing",
    "several may be lent at once, to all threads",
}
WITHIN = {"who does not see metadata gets the data alone, and what he writes is right"}


def expected_to_be_skipped(form):
    within = form.get("md_interleave", False)
    return (NAMED | ZONES | DURABILITY | ELSEWHERE | (set() if "dif_type" in form else PROTECTION) | (set() if within else WITHIN) |
            (NOT_APART if "md_size" in form and not within else APART))


@pytest.mark.parametrize("form", FORMATS)
def test_malloc_and_passthru_on_it(tmp_path, form):
    create = ("bdev_malloc_create", {**MALLOC, **FORMATS[form]})
    over = ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})
    expected = expected_to_be_skipped(FORMATS[form])
    assert skipped(check(tmp_path, [create], "disk")["disk"]) == expected
    assert skipped(check(tmp_path, [create, over], "over")["over"]) == expected


def test_aio_and_passthru_on_it(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(2 << 20))
    create = ("bdev_aio_create", {"name": "disk", "filename": str(image), "block_size": 512})
    over = ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})
    assert skipped(check(tmp_path, [create], "disk")["disk"]) == expected_to_be_skipped({}) | ZCOPY | {
        "after unmap other blocks are as they were, and all can be read"}
    check(tmp_path, [create, over], "over")


@pytest.mark.parametrize("block_size", [512, 4096])
@pytest.mark.parametrize("buffered", [False, True])
def test_uring(tmp_path, buffered, block_size):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(8 << 20))
    create = ("bdev_uring_create",
              {"name": "disk", "filename": str(image), "block_size": block_size, "buffered": buffered})
    over = ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})
    top = ("bdev_passthru_create", {"base_bdev_name": "over", "name": "top"})
    check(tmp_path, [create], "disk")
    check(tmp_path, [create, over, top], "top")


@pytest.mark.parametrize("form", FORMATS)
def test_zones_and_passthru_on_them(tmp_path, form):
    """All rules of zones; no appends where reference tags are checked."""
    create = [("bdev_malloc_create", {**MALLOC, **FORMATS[form]}),
              ("bdev_zone_block_create", {"name": "zones", "base_bdev": "disk", "zone_capacity": 100,
                                          "optimal_open_zones": 1, "max_open_zones": 3, "max_active_zones": 4}),
              ("bdev_passthru_create", {"base_bdev_name": "zones", "name": "over"})]
    no_append = {"an append is told where it is, and is there"} if FORMATS[form].get("dif_type") in (1, 2) else set()
    for calls, name in ((create[:2], "zones"), (create, "over")):
        rules = check(tmp_path, calls, name)[name]
        assert skipped(rules) & ZONES == no_append
        assert rules["under load each block holds what was written last"]["count"] > 500


def test_zones_that_are_small_or_many(tmp_path):
    for capacity in (1, 2, 3, 64, 4096):
        check(tmp_path, [("bdev_malloc_create", MALLOC),
                         ("bdev_zone_block_create", {"name": "zones", "base_bdev": "disk", "zone_capacity": capacity,
                                                     "optimal_open_zones": 1, "max_open_zones": 1})], "zones")


@pytest.mark.parametrize("write_cache", [True, False])
def test_journal_and_passthru_on_it(tmp_path, write_cache):
    """What is built on a journal is tried with power cuts."""
    create = ("bdev_journal_create", {"name": "disk", "num_blocks": 4096, "block_size": 512, "write_cache": write_cache})
    over = ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})
    tried, other = sorted(DURABILITY, key=lambda text: ("without" in text) == write_cache)
    for calls, name in (([create], "disk"), ([create, over], "over")):
        rules = check(tmp_path, calls, name)[name]
        assert rules[tried]["count"] > 500
        assert rules[other]["result"] == "skipped"


def test_three_high(tmp_path):
    check(tmp_path, [("bdev_malloc_create", MALLOC),
                     ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "middle"}),
                     ("bdev_passthru_create", {"base_bdev_name": "middle", "name": "top"})], "top")


XTS = {"cipher": "AES_XTS", "key": "00112233445566778899aabbccddeeff", "key2": "ffeeddccbbaa99887766554433221100"}
CBC = {"key": "00112233445566778899aabbccddeeff"}


def crypto(name, base, **key):
    return ("bdev_crypto_create", {"base_bdev_name": base, "name": name, **(key or XTS)})


@pytest.mark.parametrize("form", ["plain", "large", "boundary", "separate", "interleaved", "dif1", "dix3"])
def test_crypto(tmp_path, form):
    """Whatever the base has as metadata, it has none."""
    create = ("bdev_malloc_create", {**MALLOC, **FORMATS[form]})
    calls = [create, crypto("secret", "disk")]
    assert skipped(check(tmp_path, calls, "secret")["secret"]) == expected_to_be_skipped({}) | ZCOPY


@pytest.mark.parametrize("calls", [
    [crypto("middle", "disk"), ("bdev_passthru_create", {"base_bdev_name": "middle", "name": "top"})],
    [("bdev_passthru_create", {"base_bdev_name": "disk", "name": "middle"}), crypto("top", "middle")],
    [crypto("middle", "disk"), crypto("top", "middle", **CBC)]], ids=["below", "above", "twice"])
@pytest.mark.parametrize("disk", ["malloc", "aio", "dif"])
def test_crypto_in_stacks(tmp_path, disk, calls):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(2 << 20))
    creates = {"malloc": ("bdev_malloc_create", MALLOC),
               "aio": ("bdev_aio_create", {"name": "disk", "filename": str(image), "block_size": 512}),
               "dif": ("bdev_malloc_create", {**MALLOC, **FORMATS["dif1"]})}
    check(tmp_path, [creates[disk], *calls], "top")


def delay(name, base, read=0, write=0):
    return ("bdev_delay_create", {"base_bdev_name": base, "name": name, "avg_read_latency": read,
                                  "p99_read_latency": read * 20, "avg_write_latency": write,
                                  "p99_write_latency": write * 20})


@pytest.mark.parametrize("form", ["plain", "boundary", "separate", "interleaved", "dif1", "dix3"])
@pytest.mark.parametrize("times", [(0, 0), (50, 30)], ids=["none", "some"])
def test_delay(tmp_path, form, times):
    create = ("bdev_malloc_create", {**MALLOC, **FORMATS[form]})
    calls = [create, delay("slow", "disk", *times)]
    assert skipped(check(tmp_path, calls, "slow")["slow"]) == expected_to_be_skipped(FORMATS[form])


@pytest.mark.parametrize("calls", [
    [delay("middle", "disk", 50, 30), ("bdev_passthru_create", {"base_bdev_name": "middle", "name": "top"})],
    [("bdev_passthru_create", {"base_bdev_name": "disk", "name": "middle"}), delay("top", "middle", 0, 40)],
    [delay("middle", "disk", 20, 20), delay("top", "middle", 20, 20)]], ids=["below", "above", "twice"])
@pytest.mark.parametrize("disk", ["malloc", "aio"])
def test_delay_in_stacks(tmp_path, disk, calls):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(2 << 20))
    creates = {"malloc": ("bdev_malloc_create", MALLOC),
               "aio": ("bdev_aio_create", {"name": "disk", "filename": str(image), "block_size": 512})}
    check(tmp_path, [creates[disk], *calls], "top")


def error(base):
    return ("bdev_error_create", {"base_name": base})


@pytest.mark.parametrize("form", ["plain", "boundary", "separate", "interleaved", "dif1", "dix3"])
def test_error(tmp_path, form):
    """With nothing armed."""
    create = ("bdev_malloc_create", {**MALLOC, **FORMATS[form]})
    assert skipped(check(tmp_path, [create, error("disk")], "EE_disk")["EE_disk"]) == expected_to_be_skipped(FORMATS[form])


def test_error_that_is_told_to_do_wrong(tmp_path):
    """What no rule may notice, as the layer tries again; and what some must."""
    create = ("bdev_malloc_create", MALLOC)
    nomem = ("bdev_error_inject_error", {"name": "EE_disk", "io_type": "all", "error_type": "nomem", "num": 300})
    corrupt = ("bdev_error_inject_error", {"name": "EE_disk", "io_type": "write", "error_type": "corrupt_data",
                                           "corrupt_value": 1, "num": 1000000})
    check(tmp_path, [create, error("disk"), nomem], "EE_disk")
    assert check(tmp_path, [create, error("disk"), corrupt], "EE_disk",
                 code=1)["EE_disk"]["a read returns what was written"]["result"] == "FAILED"


@pytest.mark.parametrize("calls,name", [
    ([error("disk"), ("bdev_passthru_create", {"base_bdev_name": "EE_disk", "name": "top"})], "top"),
    ([delay("slow", "disk", 30, 30), error("slow")], "EE_slow"),
    ([error("disk"), delay("slow", "EE_disk", 30, 30)], "slow")], ids=["below", "over_delay", "under_delay"])
@pytest.mark.parametrize("disk", ["malloc", "aio"])
def test_error_in_stacks(tmp_path, disk, calls, name):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(2 << 20))
    creates = {"malloc": ("bdev_malloc_create", MALLOC),
               "aio": ("bdev_aio_create", {"name": "disk", "filename": str(image), "block_size": 512})}
    check(tmp_path, [creates[disk], *calls], name)


def raid(level, count, *more, **params):
    """An array called "array", of so many bases called disk0 and so on."""
    strip = {} if level == "raid1" else {"strip_size_kb": 4}
    return [("bdev_raid_create", {"name": "array", "raid_level": level, "base_bdevs": [f"disk{i}" for i in range(count)],
                                  **strip, **params}), *more]


def disks(count, form="plain"):
    return [("bdev_malloc_create", {**MALLOC, **FORMATS[form], "name": f"disk{i}"}) for i in range(count)]


LOST = ("bdev_raid_remove_base_bdev", {"name": "disk1"})
RAID_LEVELS = {"raid0": 3, "raid1": 3, "concat": 3, "raid5": 4, "raid6": 5}


def check_array(folder, calls, *words):
    rules = check(folder, calls, *words, "array")["array"]
    assert rules["under load each block holds what was written last"]["count"] > 500
    return rules


@pytest.mark.parametrize("form,superblock", [("plain", True), ("boundary", False), ("separate", True), ("interleaved", False)])
@pytest.mark.parametrize("level", RAID_LEVELS)
def test_raid(tmp_path, level, form, superblock):
    count = RAID_LEVELS[level]
    members = [(method, {**params, "num_blocks": 8192}) for method, params in disks(count, form)]
    check_array(tmp_path, [*members, *raid(level, count, superblock=superblock)])


PROTECTED = [form for form in FORMATS if "dif_type" in FORMATS[form]]


@pytest.mark.parametrize("form,level", [
    *((form, level) for form in PROTECTED for level in ("raid0", "concat")), ("dif3", "raid1"), ("dix3", "raid1")])
def test_raid_with_protection(tmp_path, form, level):
    """Reference tags name blocks of the array, which have other numbers on the members."""
    members = [(method, {**params, "num_blocks": 8192}) for method, params in disks(3, form)]
    rules = check_array(tmp_path, [*members, *raid(level, 3, superblock=form != "dif1")])
    assert not PROTECTION & skipped(rules)


@pytest.mark.parametrize("level,form", [("raid1", "dif1"), ("raid1", "dix2"), ("raid5", "dif3"), ("raid6", "dix1")])
def test_raid_refuses_protection(tmp_path, level, form):
    """Where it could not be right; and says so."""
    config = write_config(tmp_path, *disks(5, form), *raid(level, RAID_LEVELS[level]))
    result = run(BDEVKIT, "check", "--overwrite", "--json", config, "array", check=False)
    assert result.returncode != 0
    assert ("checks reference tags" if level == "raid1" else "protection information") in result.stderr


@pytest.mark.parametrize("level,superblock", [("raid1", False), ("raid1", True), ("raid5", True), ("raid6", True)])
def test_raid_without_a_member(tmp_path, level, superblock):
    count = RAID_LEVELS[level]
    members = [(method, {**params, "num_blocks": 8192}) for method, params in disks(count)]
    check_array(tmp_path, [*members, *raid(level, count, LOST, superblock=superblock)])


@pytest.mark.parametrize("kind", ["crypto", "passthru", "split", "aio", "uring", "delay"])
def test_raid_on_other_modules(tmp_path, kind):
    """With superblocks, and without a member of three. Files and delayed disks carry out what they have in any order."""
    calls = []
    for i in range(3):
        below = ("bdev_malloc_create", {**MALLOC, "num_blocks": 8192, "name": f"below{i}"})
        image = tmp_path / f"disk{i}.img"
        if kind in ("aio", "uring"):
            image.write_bytes(bytes(4 << 20))
        file = {"name": f"disk{i}", "filename": str(image), "block_size": 512}
        calls += {
            "aio": [("bdev_aio_create", file)],
            "uring": [("bdev_uring_create", file)],
            "delay": [below, delay(f"disk{i}", f"below{i}", 30, 30)],
            "crypto": [below, crypto(f"disk{i}", f"below{i}")],
            "passthru": [below, ("bdev_passthru_create", {"base_bdev_name": f"below{i}", "name": f"disk{i}"})],
            "split": [below, ("bdev_split_create", {"base_bdev": f"below{i}", "split_count": 1}),
                      ("bdev_passthru_create", {"base_bdev_name": f"below{i}p0", "name": f"disk{i}"})],
        }[kind]
    check_array(tmp_path, [*calls, *raid("raid1", 3, LOST, superblock=True)])


def write_table(folder, target, calls):
    """A partition on "array", which the members keep for the next one who puts them together."""
    requires("nbdcopy")
    served = target("--json", write_config(folder, *calls))
    size = served.rpc("bdev_get_bdevs", name="array")[0]["num_blocks"] * 512
    table = folder / "table.img"
    table.write_bytes(bytes(size))
    run("sgdisk", "--set-alignment=1", "--new=1:64:+1M", "--typecode=1:6527994e-2c5a-4eec-9613-8f5944074e8b", table)
    run("nbdcopy", "--flush", table, served.uri("array"))
    assert served.stop() == 0


@pytest.mark.parametrize("level,count,lost", [
    ("raid1", 2, 0), ("raid1", 2, 1), ("raid5", 3, 0), ("raid5", 3, 1), ("raid6", 4, 2)])
def test_raid_between_others(tmp_path, target, level, count, lost):
    """An encrypted disk on a partition of an array of encrypted files, which examining has put together."""
    members = []
    for i in range(count):
        image = tmp_path / f"disk{i}.img"
        image.write_bytes(bytes(4 << 20))
        members += [("bdev_uring_create", {"name": f"file{i}", "filename": str(image), "block_size": 512}),
                    crypto(f"disk{i}", f"file{i}")]
    gone = [("bdev_raid_remove_base_bdev", {"name": f"disk{i}"}) for i in range(lost)]
    write_table(tmp_path, target, [*members, *raid(level, count, *gone, superblock=True)])
    rules = check(tmp_path, [*members[2 * lost:], crypto("top", "arrayp1", **CBC)], "top")["top"]
    assert rules["under load each block holds what was written last"]["count"] > 500


@pytest.mark.parametrize("level", ["raid1", "raid5"])
def test_raid_below_others(tmp_path, level):
    members = [(method, {**params, "num_blocks": 8192}) for method, params in disks(RAID_LEVELS[level])]
    over = [crypto("secret", "array"), ("bdev_passthru_create", {"base_bdev_name": "secret", "name": "top"})]
    check(tmp_path, [*members, *raid(level, RAID_LEVELS[level], superblock=True), *over], "top")


SPLIT = ("bdev_split_create", {"base_bdev": "disk", "split_count": 2})


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "large"])
def test_split(tmp_path, form):
    """The second part, where every block has another number than on the base. Without ZCOPY where tags are rewritten."""
    create = ("bdev_malloc_create", {**MALLOC, **FORMATS[form], "num_blocks": 8191})
    tags = FORMATS[form].get("dif_type", 3) != 3
    assert skipped(check(tmp_path, [create, SPLIT], "diskp1")["diskp1"]) == \
        expected_to_be_skipped(FORMATS[form]) | (ZCOPY if tags else set())


@pytest.mark.parametrize("calls,top", [
    ([SPLIT, ("bdev_passthru_create", {"base_bdev_name": "diskp1", "name": "top"})], "top"),
    ([("bdev_passthru_create", {"base_bdev_name": "disk", "name": "middle"}),
      ("bdev_split_create", {"base_bdev": "middle", "split_count": 3, "split_size_mb": 1})], "middlep1"),
    ([SPLIT, ("bdev_split_create", {"base_bdev": "diskp1", "split_count": 2})], "diskp1p1")],
    ids=["below", "above", "twice"])
@pytest.mark.parametrize("disk", ["malloc", "aio"])
def test_split_in_stacks(tmp_path, disk, calls, top):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4 << 20))
    creates = {"malloc": ("bdev_malloc_create", {**MALLOC, "num_blocks": 8192}),
               "aio": ("bdev_aio_create", {"name": "disk", "filename": str(image), "block_size": 512})}
    check(tmp_path, [creates[disk], *calls], top)


def test_null_keeps_no_data(tmp_path):
    """Which is a fault unless it is known."""
    create = ("bdev_null_create", {"name": "disk", "num_blocks": 4096, "block_size": 512})
    over = ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})
    assert "a read returns what was written" in skipped(
        check(tmp_path, [create], "--no-data", "disk")["disk"])
    check(tmp_path, [create, over], "--no-data", "over")
    assert check(tmp_path, [create], "disk", code=1)["disk"]["a read returns what was written"]["result"] == "FAILED"


def test_a_seed_repeats_a_run(tmp_path, broken_modules):
    """Also the I/O that found the fault; and another seed makes other I/O."""
    calls = [("bdev_broken_create", {"fault": "loses_write"})]
    runs = [check(tmp_path, calls, "--module", broken_modules["bdev"], "--seed", seed, "broken", code=1)["broken"]
            for seed in (7, 7, 8)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_what_takes_long_and_what_grows(tmp_path):
    create = ("bdev_null_create", {"name": "disk", "num_blocks": 4096, "block_size": 512})
    over = ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"})
    rules = check(tmp_path, [create, over], "--no-data", "--duration", "1", "over")["over"]
    assert ELSEWHERE & skipped(rules) == {"holes hold zeroes where the bdev says so"}


def test_rules_are_listed(tmp_path):
    """All of them, with their groups, as they are in the results."""
    listed = [(line[:10].rstrip(), line[11:]) for line in run(BDEVKIT, "check", "--list-rules").stdout.splitlines()]
    rules = check(tmp_path, [("bdev_malloc_create", MALLOC)], "disk")["disk"]
    assert listed == [(rule["group"], text) for text, rule in rules.items()]


def array(level, *members):
    return ("bdev_raid_create", {"name": "r", "raid_level": level, "strip_size_kb": 16, "base_bdevs": members})


@pytest.mark.parametrize("state", ["healthy", "degraded", "failing reads"])
@pytest.mark.parametrize("level,count,lost", [("raid5", 4, 1), ("raid6", 5, 2), ("raid5f", 4, 1)])
def test_arrays_with_parity(tmp_path, level, count, lost, state):
    disks = [f"disk{i}" for i in range(count)]
    create = [("bdev_malloc_create", {**MALLOC, "name": disk}) for disk in disks]
    if state == "failing reads":
        create += [("bdev_error_create", {"base_name": disk}) for disk in disks[:lost]]
        disks[:lost] = [f"EE_{disk}" for disk in disks[:lost]]
    create.append(array(level, *disks))
    if state == "failing reads":
        create += [("bdev_error_inject_error", {"name": disk, "io_type": "read", "error_type": "failure", "num": 3000})
                   for disk in disks[:lost]]
    if state == "degraded":
        create += [("bdev_raid_remove_base_bdev", {"name": disk}) for disk in disks[:lost]]
    assert check(tmp_path, create, "r")["r"]["under load each block holds what was written last"]["count"] > 500


@pytest.mark.parametrize("level", ["raid5", "raid6"])
def test_arrays_with_parity_in_stacks(tmp_path, level):
    """On files, partitions and encrypted disks, and below an encrypted one."""
    image, table = tmp_path / "disk.img", tmp_path / "table.img"
    for path in (image, table):
        path.write_bytes(bytes(4 << 20))
    run("sgdisk", "--set-alignment=1", "--new=1:64:+2M", "--typecode=1:6527994e-2c5a-4eec-9613-8f5944074e8b", table)
    key = {"cipher": "AES_XTS", "key": "00112233445566778899aabbccddeeff", "key2": "ffeeddccbbaa99887766554433221100"}
    check(tmp_path, [
        ("bdev_malloc_create", MALLOC),
        ("bdev_uring_create", {"name": "file", "filename": str(image), "block_size": 512}),
        ("bdev_aio_create", {"name": "table", "filename": str(table), "block_size": 512}),
        ("bdev_malloc_create", {**MALLOC, "name": "plain"}),
        ("bdev_crypto_create", {"name": "secret", "base_bdev_name": "plain", **key}),
        array(level, "disk", "file", "tablep1", "secret"),
        ("bdev_crypto_create", {"name": "top", "base_bdev_name": "r", **key})], "top")


def test_documentation_has_the_rules():
    text = (ROOT / "doc/check.md").read_text()
    assert f"```\n{run(BDEVKIT, 'check', '--list-rules').stdout}```" in text


def test_table_and_duration(tmp_path):
    config = write_config(tmp_path, ("bdev_malloc_create", MALLOC))
    words = [BDEVKIT, "check", "--json", config, "--duration", "2", "disk"]
    text = run(*words).stdout
    assert "disk: 4096 blocks of 512 bytes, module malloc, seed 1" in text
    assert "checks, 0 broken" in text
    load = next(line for line in text.splitlines() if "under load each block" in line).split()
    assert load[-2] == "ok" and int(load[-1]) > 4000


@pytest.mark.parametrize("words", [
    [], ["--nonsense", "disk"], ["--seed", "-1", "disk"], ["--seed", "x", "disk"], ["--duration", "", "disk"]])
def test_wrong_usage(words):
    result = run(BDEVKIT, "check", *words, check=False)
    assert result.returncode == 2
    assert "bdevkit check" in result.stderr


def test_what_cannot_be_checked(tmp_path):
    config = write_config(tmp_path, ("bdev_malloc_create", MALLOC),
                          ("bdev_passthru_create", {"base_bdev_name": "disk", "name": "over"}))
    for words, reason in ((["--json", config, "disk"], "another block device builds on it"),
                          (["--json", config, "missing"], "missing: there is no such block device"),
                          (["--json", tmp_path / "none.json", "disk"], "none.json: No such file"),
                          (["--json", config, "--module", tmp_path / "none.so", "over"], "none.so")):
        result = run(BDEVKIT, "check", *words, check=False)
        assert result.returncode == 1
        assert reason in result.stderr
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    result = subprocess.run([BDEVKIT, "check", "--json", broken, "disk"], capture_output=True, text=True, check=False,
                            timeout=60)
    assert result.returncode == 1 and "cannot make the block devices" in result.stderr
