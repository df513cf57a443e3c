# SPDX-License-Identifier: BSD-3-Clause
"""
Modules that break one rule each: bdevkit check names the rule and the I/O, and strict mode alone, under a load of an NBD
client, names what is a rule of its own.
"""

import os
import random
import re
import select
import signal
import subprocess
import time

import pytest

from conftest import BUILD, PATIENCE, run
from nbd_wire import CMD_DISC, CMD_READ, CMD_WRITE, Wire
from test_check import check, write_config

JOURNAL = ("bdev_journal_create", {"name": "base", "num_blocks": 4096, "block_size": 512})
MALLOC = ("bdev_malloc_create", {"name": "base", "num_blocks": 4096, "block_size": 512})
UNDER_LOAD = "under load each block holds what was written last"
ENDS = "every I/O that was accepted ends"
FENCES = "nothing beyond the caller's buffers is read or written, by a single byte"
FLUSHED = "what was flushed is there after a power cut, or what came later"
BASE_GOES = "what it stands on goes, too, when it is removed under load"

# Of the disk: the rule that is broken, and what the note says.
DISK = {
    "loses_write": (UNDER_LOAD, "read, offset"),
    "leaves_data": ("after write_zeroes there are zeroes, and nowhere else", "read, offset 0"),
    "lies_about_limit": ("sizes and offsets around each limit that it states work", "write, offset 0"),
    "wrong_size": ("sizes and offsets around each limit that it states work", "write, offset 4103"),
    "never_ends": (ENDS, "read, offset"),
    "completes_twice": ("no I/O is completed twice", "module broken, bdev broken, "),
    "wrong_thread": ("each I/O is completed on its own thread", "instead of thread check_"),
    "bad_status": ("a completion has a status that there is", "status 42"),
    "answers_after_unregister": ("no I/O is completed when its bdev is gone", "module broken, bdev broken, "),
    "answers_without_channel": ("no I/O is completed twice", "module broken, bdev broken, "),
    "changes_callers_data": ("a write leaves the caller's buffers as they are", "write, offset 0"),
    "changes_io": ("a module leaves the I/O and its iovecs as they are", "offset_blocks"),
    "changes_bdev": ("what it says of itself stays the same while it is registered", "optimal_io_boundary"),
    "writes_beyond_buffer": ("nothing around the caller's buffers is touched", "read, offset 0"),
    "reads_past_iov": (FENCES, "write, offset"),
    "overruns_ctx": ("a module stays within its driver_ctx", "beyond the 16 bytes"),
    "swaps_buffers": ("buffers of any number, length and alignment do", "buffers"),
    "short_read": (UNDER_LOAD, "read, offset"),
    "wrong_block": (UNDER_LOAD, "read, offset"),
    "writes_next_block": (UNDER_LOAD, "read, offset"),
    "tears_reads": ("each block that is read is whole, of one write at the time or the one before", "read, offset"),
    "tears_writes": ("each block that is read is whole, of one write at the time or the one before", "read, offset"),
    "stale_cache": ("a write that has completed is what every thread reads", "read, offset"),
    "tears_compare_and_write": (
        "of several that compare and write the same block at once, one succeeds", "have succeeded"),
    "drops_zcopy": ("zcopy lends what is there, and a commit writes it", "holds something else"),
    "stale_holes": ("holes hold zeroes where the bdev says so", "a hole holds something else"),
    "seeks_too_far": (
        "seek passes over nothing that was written, and takes none of it for a hole", "a seek for data from block"),
    "wrong_metadata": (UNDER_LOAD, "read, offset"),
    "checks_no_tags": ("a write with a wrong guard or tag is refused where the bdev checks it", "a wrong guard goes"),
    "forgets_reset": (ENDS, "reset"),
    "claims_flush": ("every type that it claims works", "flush, offset 0, 1 blocks"),
    "leaks_channel": ("when it is closed no channel is left", "more than before"),
    "leaks_buffer": ("when it is closed no data buffer is left", "1 less than before"),
    "leaks_memory": ("opening, using and closing it again does not cost more memory each time", "of memory behind"),
    "never_goes": ("when all have closed it, it goes, and its name is free", "it does not go"),
    "keeps_device": ("each io_device is unregistered in the end", "io_device broken, whose channels are made by create_channel"),
    "blocks": ("nothing holds its thread for long", "submit_request"),
    "allocates": ("no memory is allocated for each I/O", "submit_request"),
}

# Of the bdev on a base, with that base and its parameters.
ON_BASE = {
    "ignores_flush": (JOURNAL, True, FLUSHED, "older than the flush"),
    "reorders_flush": (JOURNAL, True, FLUSHED, "older than the flush"),
    "ignores_fua": (JOURNAL, False, "without a write cache, what was written is there after a power cut", "answered"),
    "has_no_flush": (JOURNAL, True, "a bdev with a write cache has flush", "it has none"),
    "leaks_descriptor": (JOURNAL, True, BASE_GOES, "base does not go"),
    "leaks_base_channel": (JOURNAL, True, "when it is closed no channel is left", "more than before"),
    "ignores_removal": (JOURNAL, True, BASE_GOES, "waits"),
    "wrong_channel": (JOURNAL, True, "I/O to a base is submitted on the thread of its channel", "bdev base"),
    "touches_far_data": (MALLOC, True, FENCES, "touched"),
    "drops_sequence": (MALLOC, True, "the accel sequence of an I/O is carried out", "read, offset"),
    "resizes_by_hand": (
        JOURNAL, True, "who has it open is told when it grows, and can use it up to its new end", "nobody is told"),
}


@pytest.fixture(autouse=True)
def without_leak_check(monkeypatch):
    """Some of them leak, which is not what is looked for here."""
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


@pytest.mark.parametrize("fault", ["none", "none_dif"])
def test_sound_disk(tmp_path, broken_modules, fault):
    """The modules of the next tests, without a fault."""
    check(tmp_path, [("bdev_broken_create", {"fault": fault})], "--module", broken_modules["bdev"], "broken")


def test_where_it_crashed(tmp_path, broken_modules, monkeypatch):
    """The function, what of the module's ran, on which thread, and what the check was at; the process ends by the signal."""
    monkeypatch.setenv("ASAN_OPTIONS", "handle_segv=0:detect_leaks=0")
    config = write_config(tmp_path, ("bdev_broken_create", {"fault": "crashes"}))
    result = run(BUILD / "app/bdevkit/bdevkit", "check", "--json", config, "--module", broken_modules["bdev"], "broken",
                 check=False)
    assert result.returncode == -signal.SIGSEGV
    lines = result.stderr.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("crashed: "))
    assert re.match(r"crashed: Segmentation fault, address .*, on thread .*, in .* \[\w+.* \(bdev.so\+0x", lines[first])
    assert any(re.match(r"  by complete\+0x\w+ \(bdev.so\+0x", line) for line in lines[first:]), result.stderr
    assert re.match(r"bdevkit check: broken crashed in the group '\w+', with --seed 1", lines[-1])


@pytest.mark.parametrize("base, write_cache", [(JOURNAL, True), (JOURNAL, False), (MALLOC, True)])
def test_sound_bdev_on_a_base(tmp_path, broken_modules, base, write_cache):
    calls = [base, ("vbdev_broken_create", {"fault": "none", "write_cache": write_cache})]
    check(tmp_path, calls, "--module", broken_modules["vbdev"], "broken")


@pytest.mark.parametrize("fault", DISK)
def test_disk_is_found_out(tmp_path, broken_modules, monkeypatch, fault):
    rule, note = DISK[fault]
    if fault == "blocks":
        monkeypatch.setenv("BDEVKIT_STRICT", "held=200")
    rules = check(tmp_path, [("bdev_broken_create", {"fault": fault})], "--module", broken_modules["bdev"], "broken",
                  code=1)["broken"]
    assert rules[rule]["result"] == "FAILED", rules
    assert note in rules[rule]["note"]


def test_torn_reads_of_the_page_cache_are_noted(tmp_path, broken_modules):
    call = ("bdev_broken_create", {"fault": "tears_reads", "page_cache": True})
    rule = check(tmp_path, [call], "--module", broken_modules["bdev"], "broken")["broken"][DISK["tears_reads"][0]]
    assert (rule["result"], "page cache" in rule["note"]) == ("ok", True), rule


@pytest.mark.parametrize("fault", ON_BASE)
def test_bdev_on_a_base_is_found_out(tmp_path, broken_modules, fault):
    base, write_cache, rule, note = ON_BASE[fault]
    calls = [base, ("vbdev_broken_create", {"fault": fault, "write_cache": write_cache})]
    rules = check(tmp_path, calls, "--module", broken_modules["vbdev"], "broken", code=1)["broken"]
    assert rules[rule]["result"] == "FAILED", rules
    assert note in rules[rule]["note"]


# What strict mode names without the check: its own name of the rule, or several of which one will do.
STRICT = {
    "never_ends": "never-completed",
    "completes_twice": "completed-twice",
    "bad_status": "bad-status",
    "answers_after_unregister": "completed-after-unregister|completed-twice",
    "answers_without_channel": "completed-without-channel|completed-twice",
    "changes_callers_data": "data-changed",
    "changes_io": "io-changed",
    "changes_bdev": "bdev-changed",
    "overruns_ctx": "driver-ctx-overrun",
    "blocks": "reactor-held",
    "allocates": "allocated-in-io-path",
    # Of a thread, which has the channel, and not of a module.
    "leaks_channel": "channel-leaked: on thread nbd_0: a channel of io_device",
}


def load(path, is_named):
    """Writes and reads of one client, as many as the faults need, or until one that is not answered has a name."""
    choose = random.Random(1)

    def wait(wire):
        while not select.select([wire.socket], [], [], 0.2)[0]:
            if is_named():
                raise TimeoutError

    with Wire(path, timeout=PATIENCE) as wire:
        wire.go("broken")
        for i in range(1400):
            blocks = 1 + choose.randrange(16)
            offset = choose.randrange(4096 - blocks) * 512
            try:
                if i % 2 == 0:
                    wire.send_request(CMD_WRITE, offset, blocks * 512, payload=choose.randbytes(blocks * 512))
                    wait(wire)
                    wire.read_simple()
                else:
                    wire.send_request(CMD_READ, offset, blocks * 512)
                    wait(wire)
                    wire.read_simple(blocks * 512)
            except TimeoutError:
                return
        wire.send_request(CMD_DISC)


@pytest.mark.parametrize("fault", STRICT)
def test_strict_mode_alone_names_it(tmp_path, broken_modules, fault):
    config = write_config(tmp_path, ("bdev_broken_create", {"fault": fault}))
    stderr = tmp_path / "stderr.txt"
    environment = {**os.environ, "BDEVKIT_STRICT": "data,never=1000,held=200"}
    with open(stderr, "wb") as log, subprocess.Popen(
            [BUILD / "app/bdevkit/bdevkit", "serve", "-r", tmp_path / "rpc.sock", "--nbd",
             f"unix:{tmp_path / 'nbd.sock'}", "--module", broken_modules["bdev"], "--json", config],
            stdout=subprocess.DEVNULL, stderr=log, env=environment) as target:
        try:
            deadline = time.monotonic() + PATIENCE
            while not (tmp_path / "nbd.sock").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            module = "" if fault == "leaks_channel" else ": module broken, bdev broken"
            pattern = re.compile(rf"strict: ({STRICT[fault]}){module}")
            load(str(tmp_path / "nbd.sock"), lambda: pattern.search(stderr.read_text()))
            target.terminate()
            deadline = time.monotonic() + PATIENCE
            while not pattern.search(stderr.read_text()) and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            target.kill()
    assert pattern.search(stderr.read_text()), stderr.read_text()
