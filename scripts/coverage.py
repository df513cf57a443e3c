#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the unit tests with branch counters, runs them, and says which branches of some folders were never taken.

It is built without assertions: that one of them fails is no branch that a test could take.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-coverage"
DOC = ROOT / "doc/coverage.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"


class File:
    """How often each branch of each line was taken; a header's lines are summed over all that include it."""

    def __init__(self, path):
        self.path = path
        self.lines = collections.defaultdict(list)
        self.functions = {}

    def add(self, line):
        counts = [branch["count"] for branch in line["branches"] if not branch["throw"]]
        known = self.lines[line["line_number"]]
        # One line may be in several functions that are made of it: those that are inlined, and those of a macro.
        if len(known) == len(counts):
            self.lines[line["line_number"]] = [a + b for a, b in zip(known, counts)]
        elif len(known) < len(counts):
            self.lines[line["line_number"]] = counts
        self.functions[line["line_number"]] = line.get("function_name", "")

    def totals(self):
        counts = [count for line in self.lines.values() for count in line]
        return sum(count > 0 for count in counts), len(counts)

    def missing(self):
        """Yields line number, function, how many of its branches were never taken, how many there are."""
        for number in sorted(self.lines):
            counts = self.lines[number]
            never = sum(count == 0 for count in counts)
            if never:
                yield number, self.functions[number], never, len(counts)


def build():
    environment = {key: value for key, value in os.environ.items() if key not in ("CFLAGS", "LDFLAGS")}
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD), str(ROOT), "--buildtype=debug", "-Db_coverage=true",
                        "-Db_ndebug=true"], check=True, env=environment)
    subprocess.run(["ninja", "-C", str(BUILD)], check=True, env=environment)


def run_tests():
    for path in BUILD.rglob("*.gcda"):
        path.unlink()
    # Tests that fail under a timeout of their own, as counting takes time, would leave a hole in the numbers.
    result = subprocess.run(["meson", "test", "-C", str(BUILD), "--no-rebuild", "--print-errorlogs",
                             "--timeout-multiplier", "4"], check=False)
    return result.returncode


def read_counts(folders):
    files = {}
    objects = [path for path in sorted((BUILD / "libbdevkit-core.a.p").glob("*.gcda"))
               if any(path.name.startswith(folder.replace("/", "_") + "_") for folder in folders)]
    if not objects:
        sys.exit("no counters were written: has any test run?")
    for path in objects:
        output = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", str(path)], cwd=BUILD,
                                check=True, capture_output=True, text=True).stdout
        for text in output.splitlines():
            for entry in json.loads(text)["files"]:
                source = Path(os.path.normpath(BUILD / entry["file"]))
                if not source.is_relative_to(ROOT):
                    continue
                name = str(source.relative_to(ROOT))
                if not any(name.startswith(folder + "/") for folder in folders):
                    continue
                file = files.setdefault(name, File(name))
                for line in entry["lines"]:
                    if line["branches"]:
                        file.add(line)
    # What no test has ever linked or entered has no counters at all.
    for path in (BUILD / "libbdevkit-core.a.p").glob("*.gcno"):
        if not path.with_suffix(".gcda").exists():
            for folder in folders:
                if path.name.startswith(folder.replace("/", "_") + "_"):
                    print(f"{path.stem}: never entered", file=sys.stderr)
    return [files[name] for name in sorted(files)]


def percent(taken, total):
    return f"{100 * taken / total:.1f} %" if total else "-"


def table(files):
    rows, sums = [], [0, 0]
    for file in files:
        taken, total = file.totals()
        sums[0] += taken
        sums[1] += total
        rows.append((file.path, taken, total))
    rows.append(("all", *sums))
    return rows


def print_report(files, folders):
    for file in files:
        lines = (ROOT / file.path).read_text().splitlines()
        for number, function, never, total in file.missing():
            print(f"{file.path}:{number}: {never} of {total} never taken, in {function}: {lines[number - 1].strip()}")
    print()
    for path, taken, total in table(files):
        print(f"{path:40} {taken:6} of {total:6} branches {percent(taken, total):>8}")
    for folder in folders:
        of_folder = [file.totals() for file in files if file.path.startswith(folder + "/")]
        taken, total = (sum(column) for column in zip(*of_folder))
        print(f"{folder + '/':40} {taken:6} of {total:6} branches {percent(taken, total):>8}")


def update_doc(files):
    text = "| file | branches | taken | never taken, by function |\n|---|---|---|---|\n"
    for file in files:
        taken, total = file.totals()
        never = collections.Counter()
        for _, function, count, _ in file.missing():
            never[re.sub(r"\..*", "", function)] += count
        names = ", ".join(f"`{name}` {count}" for name, count in never.items())
        text += f"| {file.path} | {total} | {percent(taken, total)} | {names} |\n"
    path, taken, total = table(files)[-1]
    text += f"| {path} | {total} | {percent(taken, total)} | |\n"
    before, rest = DOC.read_text().split(BEGIN)
    DOC.write_text(before + BEGIN + text + END + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=["lib/bdev", "lib/json"], help="default: lib/bdev lib/json")
    parser.add_argument("--report-only", action="store_true", help="of the counters that are there")
    parser.add_argument("--update-doc", action="store_true", help="write the table of doc/coverage.md")
    options = parser.parse_args()
    failed = 0
    if not options.report_only:
        build()
        failed = run_tests()
    files = read_counts(options.folders)
    print_report(files, options.folders)
    if options.update_doc:
        update_doc(files)
    return failed


if __name__ == "__main__":
    sys.exit(main())
