#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Breaks the block-device layer and the modules in many places, one at a time, and sees whether the tests notice.

All mutants are compiled at once, into a copy of the tree, and a variable says which of them is alive: BDEVKIT_MUTANT.
A first run, with none alive, tells which test comes by which mutant. Then each mutant meets the tests that come by it,
the shortest first, until one fails. Mutants that survive must be answered in answers.tsv: with why nobody can notice.
"""

import argparse
import concurrent.futures
import dataclasses
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mutants as m

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "build-mutation"
TREE = WORK / "tree"
BUILD = WORK / "build"
ANSWERS = Path(__file__).resolve().parent / "answers.tsv"
SOURCES = ("lib/bdev/*.c", "module/bdev/*/*.c")
SUITES = ("bdev", "module", "accel", "dif", "nbd")

SWITCH_C = r"""
#include "spdk/stdinc.h"
#include <fcntl.h>
#include <sys/mman.h>

int g_mutant = -1;
static unsigned char g_nowhere[65536];
unsigned char *g_mutants_reached = g_nowhere;

static void __attribute__((constructor(101)))
choose_mutant(void)
{
	const char *number = getenv("BDEVKIT_MUTANT");
	const char *path = getenv("BDEVKIT_MUTANTS_REACHED");
	int fd = path != NULL ? open(path, O_RDWR) : -1;

	if (number != NULL) {
		g_mutant = atoi(number);
	}
	/* In a file that is mapped, it outlives a program that dies. */
	if (fd >= 0) {
		g_mutants_reached = mmap(NULL, sizeof(g_nowhere), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
}
"""
SWITCH_H = (b"extern int g_mutant; extern unsigned char *g_mutants_reached;\n"
            b"#define MUTANT(n) (g_mutants_reached[n] = 1, __builtin_expect(g_mutant == (n), 0))\n#line 1\n")

# What bdevkit check is run on: every format of data, and layers over it.
CHECKED = {
    "malloc": ({}, "disk"),
    "malloc-separate": ({"md_size": 8}, "disk"),
    "malloc-dif": ({"md_size": 8, "md_interleave": True, "dif_type": 1}, "disk"),
    "passthru-dix": ({"md_size": 8, "dif_type": 1}, "over"),
    "passthru-boundary": ({"optimal_io_boundary": 7}, "over"),
    "aio": (None, "disk"),
}

ENVIRONMENT = dict(
    os.environ,
    ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
    UBSAN_OPTIONS="halt_on_error=1",
    BDEVKIT_STRICT="abort,held=5000",
)


@dataclasses.dataclass
class Test:
    """A command that ends with 0, if nothing is broken; how long that takes, and by which mutants it comes."""

    name: str
    command: list
    env: dict
    seconds: float = 0
    reached: bytes = b""


# ---- the tree with all mutants ----


def weave(path, chosen):
    """The text of a file with its mutants in it."""
    source = (ROOT / path).read_bytes()
    for number, mutant in sorted(chosen, key=lambda pair: -pair[1].begin):
        text = mutant.mutated.replace("MUTANT(%d)", f"MUTANT({number})").encode()
        source = source[:mutant.begin] + text + source[mutant.end:]
    return SWITCH_H + source


def write_if_changed(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def make_tree(chosen):
    by_path = {}
    for number, mutant in enumerate(chosen):
        by_path.setdefault(mutant.path, []).append((number, mutant))
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        if name in by_path:
            data = weave(name, by_path[name])
        else:
            data = (ROOT / name).read_bytes()
        if name == "lib/env/meson.build":
            data += b"lib_sources += files('mutant_switch.c')\n"
        write_if_changed(TREE / name, data)
        shutil.copymode(ROOT / name, TREE / name)
    write_if_changed(TREE / "lib/env/mutant_switch.c", SWITCH_C.encode())


def build():
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD), str(TREE), "--buildtype=debug", "-Doptimization=1",
                        "-Db_sanitize=address,undefined", "-Db_lundef=false"], check=True)
    subprocess.run(["ninja", "-C", str(BUILD)], check=True)


# ---- the tests ----


def unit_tests():
    text = subprocess.run(["meson", "introspect", "--tests", str(BUILD)], check=True, capture_output=True, text=True).stdout
    for test in json.loads(text):
        if any(suite.split(":")[-1] in SUITES for suite in test["suite"]):
            yield Test(test["name"], test["cmd"], {**ENVIRONMENT, **test["env"]})


def check_tests():
    for name, (form, bdev) in CHECKED.items():
        folder = WORK / "check" / name
        folder.mkdir(parents=True, exist_ok=True)
        if form is None:
            (folder / "disk.img").write_bytes(bytes(2 << 20))
            create = {"method": "bdev_aio_create",
                      "params": {"name": "disk", "filename": str(folder / "disk.img"), "block_size": 512}}
        else:
            create = {"method": "bdev_malloc_create",
                      "params": {"name": "disk", "num_blocks": 4096, "block_size": 512, **form}}
        over = {"method": "bdev_passthru_create", "params": {"base_bdev_name": "disk", "name": "over"}}
        config = [create] + ([over] if bdev == "over" else [])
        (folder / "config.json").write_text(json.dumps({"subsystems": [{"subsystem": "bdev", "config": config}]}))
        command = [str(BUILD / "app/bdevkit/bdevkit"), "check", "--overwrite", "--json", str(folder / "config.json"), bdev]
        yield Test(f"check {name}", command, ENVIRONMENT)


def run_test(test, timeout, **variables):
    """The exit code; None: it did not end in time."""
    process = subprocess.Popen(test.command, env={**test.env, **variables}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True, cwd=BUILD)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def learn(test):
    """Runs it with no mutant alive."""
    with tempfile.NamedTemporaryFile(dir=WORK) as file:
        file.truncate(65536)
        begin = time.monotonic()
        code = run_test(test, 600, BDEVKIT_MUTANTS_REACHED=file.name)
        test.seconds = time.monotonic() - begin
        if code != 0:
            raise RuntimeError(f"{test.name} does not pass although nothing is broken: {code}")
        test.reached = Path(file.name).read_bytes()
    return test


def try_mutant(number, tests):
    """The test that notices it; None: none does."""
    for test in tests:
        if test.reached[number] and run_test(test, 60 + 10 * test.seconds, BDEVKIT_MUTANT=str(number)) != 0:
            return test.name
    return None


# ---- the report ----


def read_answers():
    if not ANSWERS.exists():
        return {}
    lines = [line.rstrip("\n").rsplit("\t", 1) for line in ANSWERS.open() if not line.startswith("#")]
    return {key: why for key, why in lines}


def report(chosen, noticed, tests):
    answers = read_answers()
    survivors = [number for number in range(len(chosen)) if noticed[number] is None]
    for number in survivors:
        mutant = chosen[number]
        reached = sum(test.reached[number] for test in tests)
        why = answers.get(mutant.key(), "no answer")
        print(f"{mutant.path}:{mutant.line}: {mutant.function}: {mutant.kind}: {' '.join(mutant.original.split())}\n"
              f"    survived {reached} tests (number {number}): {why}")
    share = 100 * (len(chosen) - len(survivors)) / len(chosen)
    unanswered = [number for number in survivors if chosen[number].key() not in answers]
    print(f"{len(chosen)} mutants, {len(chosen) - len(survivors)} noticed ({share:.0f} %), "
          f"{len(survivors)} survived, {len(unanswered)} of them without an answer")
    return 1 if unanswered or share < 90 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="how many mutants (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", type=int, help="one of them, and which tests fail with it")
    parser.add_argument("--list", action="store_true", help="only say what would be broken")
    parser.add_argument("sources", nargs="*", default=SOURCES, help=f"files (default {' '.join(SOURCES)})")
    options = parser.parse_args()

    os.chdir(ROOT)
    paths = sorted(path for pattern in options.sources for path in glob.glob(pattern))
    chosen = m.choose(m.find(paths), options.count, options.seed)
    if options.list:
        for number, mutant in enumerate(chosen):
            print(f"{number}: {mutant.path}:{mutant.line}: {mutant.function}: {mutant.kind}: {mutant.original}")
        return 0
    make_tree(chosen)
    build()

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        tests = sorted(pool.map(learn, [*unit_tests(), *check_tests()]), key=lambda test: test.seconds)
        print(f"{len(tests)} tests pass in {sum(test.seconds for test in tests):.0f} s with nothing broken", flush=True)
        if options.only is not None:
            for test in tests:
                if test.reached[options.only]:
                    code = run_test(test, 60 + 10 * test.seconds, BDEVKIT_MUTANT=str(options.only))
                    print(f"{test.name}: {'notices' if code != 0 else 'passes'}")
            return 0
        noticed = [None] * len(chosen)
        waiting = {pool.submit(try_mutant, number, tests): number for number in range(len(chosen))}
        for future in concurrent.futures.as_completed(waiting):
            number = waiting[future]
            noticed[number] = future.result()
            mutant = chosen[number]
            print(f"{number}: {mutant.path}:{mutant.line}: {mutant.kind}: {noticed[number] or 'SURVIVES'}", flush=True)
    return report(chosen, noticed, tests)


if __name__ == "__main__":
    sys.exit(main())
