#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds what the tests need, runs every suite, and prints the counts of all of them as the last line.

Suites: unit tests of the C code under AddressSanitizer and UndefinedBehaviorSanitizer, in strict mode, and those of the bdev
layer and what stands on it also without, where I/O takes shorter ways; those of the thread library and those with real threads
also under ThreadSanitizer, and system tests with real clients against the sanitized program.

A few that fail beside others are run once more, alone: a shared machine stands still at times. One that passes then counts
as passed and is named in a line FLAKY, with what it printed the first time further up: a fault to be mended all the same.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"

# Where more fail of one suite it is not the machine.
MOST_RUN_AGAIN = 3

ENVIRONMENT = dict(
    os.environ,
    ASAN_OPTIONS="detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1",
    UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
    TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1",
)


class Counts:
    """Passed, failed and skipped tests, and why those that did not pass did not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.remarks = []

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def fail(self, remark):
        self.failed += 1
        self.remarks.append("FAILED  " + remark)

    def flaky(self, remark, passed=1):
        self.passed += passed
        self.remarks.append(f"FLAKY   {remark}: failed beside others, passes alone")


def build(folder, *options):
    """Configures and builds; a broken build ends everything."""
    path = ROOT / folder
    if not (path / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(path), str(ROOT), *options], check=True)
    subprocess.run(["ninja", "-C", str(path)], check=True)


def count_cmocka(output):
    """Totals of cmocka's summary lines in a program's output; None where there is none."""
    text = output or ""
    totals = [
        sum(int(n) for n in re.findall(r"\[ *%s *\] (\d+) test" % word, text)) for word in ("PASSED", "FAILED", "SKIPPED")
    ]
    return totals if re.search(r"\[==========\]", text) else None


def run_meson_tests(folder, setup, arguments, logbase="testlog"):
    """What meson's log says of each program; None where there is no log."""
    command = ["meson", "test", "-C", str(ROOT / folder), "--no-rebuild", "--print-errorlogs",
               "--timeout-multiplier=4", f"--setup={setup}", f"--logbase={logbase}", *arguments]
    log = ROOT / folder / "meson-logs" / f"{logbase}-{setup}.json"
    log.unlink(missing_ok=True)
    subprocess.run(command, env=ENVIRONMENT, check=False)
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else None


def passes_alone(folder, setup, result):
    """The totals of a program that is run again and passes; None where it fails again."""
    again = run_meson_tests(folder, setup, [result["name"].rpartition(" / ")[2]], "again")
    if not again or any(part["result"] != "OK" for part in again):
        return None
    return count_cmocka(again[0].get("stdout")) or (1, 0, 0)


def run_unit(counts, folder, suites, setup="strict"):
    """setup: of meson; what there is beside strict tells its name in what is remarked."""
    results = run_meson_tests(folder, setup, [argument for suite in suites for argument in ("--suite", suite)])
    if results is None:
        counts.fail(f"{folder}: no unit test has run ({setup})")
        return
    bad = [result for result in results if result["result"] not in ("OK", "SKIP")]
    for result in results:
        name = f"{folder}: {result['name']}" + ("" if setup == "strict" else f" ({setup})")
        output = (result.get("stdout") or "") + (result.get("stderr") or "")
        totals = count_cmocka(output)
        reasons = sorted(set(re.findall(r"^skipped: (.+)$", output, re.M)))
        counts.remarks += [f"SKIPPED {name}: {reason}" for reason in reasons]
        if result["result"] == "SKIP":
            counts.skipped += 1
            counts.remarks.append(f"SKIPPED {name}")
            continue
        again = passes_alone(folder, setup, result) if result in bad and len(bad) <= MOST_RUN_AGAIN else None
        if again:
            counts.flaky(f"{name} ({result['result']})", again[0])
            counts.skipped += again[2]
            continue
        passed, failed, skipped = totals or (1 if result["result"] == "OK" else 0, 0, 0)
        counts.add(passed, failed, skipped)
        # A program that dies before its summary, or after it (a leak), failed no test of its own.
        if result["result"] != "OK":
            if failed == 0:
                counts.failed += 1
            counts.remarks.append(f"FAILED  {name} ({result['result']})")


def run_pytest(report, environment, arguments):
    """The cases of its report; None where it wrote none."""
    report.unlink(missing_ok=True)
    command = [PYTHON, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
    return list(xml.etree.ElementTree.parse(report).iter("testcase")) if report.exists() else None


def is_bad(case):
    return case.find("failure") is not None or case.find("error") is not None


def run_system(counts, folder, environment):
    report = ROOT / "build-asan" / f"{Path(folder).name}.xml"
    # Each test has a folder and sockets of its own; those of one file share what they have built.
    # Many of them wait for times to run out: one more than there are CPUs.
    cases = run_pytest(report, environment, ["-n", str(os.cpu_count() + 1), "--dist", "loadfile", folder])
    if cases is None:
        counts.fail(f"{folder}: pytest wrote no report")
        return
    bad = [case for case in cases if is_bad(case)]
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if case in bad:
            test = f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
            again = run_pytest(report.with_suffix(".again.xml"), environment, [test]) if len(
                bad) <= MOST_RUN_AGAIN else None
            if again and not any(is_bad(part) for part in again):
                counts.flaky(name)
            else:
                counts.fail(name)
        elif skip is not None:
            counts.skipped += 1
            counts.remarks.append(f"SKIPPED {name}: {skip.get('message')}")
        else:
            counts.passed += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help="unit, tsan, system; default all")
    wanted = parser.parse_args().suites or ["unit", "tsan", "system"]
    counts = Counts()

    if "unit" in wanted or "system" in wanted:
        # Before the build is configured, which looks for them.
        subprocess.run([str(ROOT / "scripts" / "get-fio-headers.sh")], check=False)
        subprocess.run([str(ROOT / "scripts" / "unpack-packages.sh")], check=False)
        build("build-asan", "--buildtype=debug", "-Db_sanitize=address,undefined", "-Db_lundef=false", "--werror")
    if "unit" in wanted:
        run_unit(counts, "build-asan", [])
        run_unit(counts, "build-asan", ["bdev", "module", "accel", "nbd"], "plain")
    if "tsan" in wanted:
        build("build-tsan", "--buildtype=debug", "-Doptimization=1", "-Db_sanitize=thread", "-Db_lundef=false",
              "--werror")
        run_unit(counts, "build-tsan", ["thread", "race"])
    if "system" in wanted:
        build("build", "--buildtype=release", "-Doptimization=3", "-Db_lto=true", "-Dtests=false", "--werror")
        run_system(counts, "test/system", dict(ENVIRONMENT, BDEVKIT_BUILD=str(ROOT / "build-asan")))

    for remark in counts.remarks:
        print(remark)
    summary = f"{counts.passed} passed, {counts.failed} failed"
    print(summary + (f", {counts.skipped} skipped" if counts.skipped else ""))
    return 1 if counts.failed or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main())
