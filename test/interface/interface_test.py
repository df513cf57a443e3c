#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The headers hold everything that the tables name, as the tables say, and the library has all of its functions.

Two steps. First the compiler is given one check for each row, with the table's file and line as the place, so that
its complaints say which rows do not hold: all of them at once, and whatever is missing. Then a program is built of the
rows that hold, linked with the library, and run; it looks at what shows only at run time, and prints the counts.

usage: interface_test.py ROOT LIBRARY COMPILER [LINK_OPTION...]
"""

import collections
import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import checks

FOLDER = Path(__file__).resolve().parent
C_FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Werror"]
CXX_FLAGS = ["-std=gnu++17", "-D_GNU_SOURCE", "-Wall", "-Werror", "-Wno-ignored-attributes"]
LEFT_OUT = "doc/left-out.md"


class Headers:
    """What the preprocessor and the compiler say of the headers, each included alone."""

    def __init__(self, root, compiler):
        self.root = root
        self.compiler = compiler
        self.includes = ["-I", str(root / "include"), "-I", str(root)]

    def run(self, options, source, language="c"):
        flags = C_FLAGS if language == "c" else CXX_FLAGS
        command = [*self.compiler, "-x", language, *flags, *self.includes, *options, "-"]
        return subprocess.run(command, input=source, capture_output=True, text=True, timeout=120)

    def exists(self, header):
        return any((self.root / folder / header).exists() for folder in ("include", "."))

    def macros(self, header):
        """Macros that are defined after it: name to parameters, "" for a macro without."""
        result = self.run(["-E", "-dM"], f'#include "{header}"\n')
        return dict(re.findall(r"^#define (\w+)(\([^)]*\)|)", result.stdout, re.M))

    def reached(self, header):
        """All files that it includes, themselves and through others."""
        return self.run(["-M", "-H"], f'#include "{header}"\n').stdout.replace("\\\n", " ").split()

    def complaints(self, header, items, language="c"):
        """Compiles the checks of these items; returns the first error of each that does not hold, by its key."""
        source = [f'#include "{header}"\n#include <stddef.h>\n', checks.PRELUDE]
        if language == "c++":
            source = [f'#include "{header}"\n', checks.PRELUDE_CXX]
        for item in items:
            check = item.check if language == "c" else item.check_cxx
            if check:
                source.append(f'#line {item.row} "{item.table}"\n{check}\n')
        result = self.run(["-fsyntax-only", "-fmax-errors=0", "-ftrack-macro-expansion=0"], "".join(source), language)
        found = {}
        for table, row, text in re.findall(r"^(\w+\.tsv):(\d+):(?:\d+:)? error: (.*)$", result.stderr, re.M):
            found.setdefault((table, int(row)), text)
        if result.returncode and not found:
            raise SystemExit(f"{header} does not compile:\n{result.stderr}")
        return found


def parameters_differ(wanted, got):
    """Compares those of two macros by number; names are free."""
    def shape(text):
        if not text:
            return None
        names = [name.strip() for name in text.strip("()").split(",") if name.strip()]
        return len(names), bool(names) and names[-1].endswith("...")
    return shape(wanted) != shape(got)


def check_macro(item, macros, functions):
    if item.name not in macros:
        # A function does as well, as both are called in the same way.
        return "" if item.parameters and item.name in functions else "not defined"
    if item.parameters != checks.ANY and parameters_differ(item.parameters, macros[item.name]):
        return f"has the parameters {macros[item.name] or 'of none'}, not {item.parameters or 'of none'}"
    return ""


def check_header(headers, header, items):
    """Fills in the complaint of each item of a header that does not hold."""
    if not headers.exists(header):
        for item in items:
            item.complaint = "the header is not there"
        return
    macros = headers.macros(header)
    inlines = set(re.findall(r"^static inline [^;{=]*?\b(\w+)\s*\(", (headers.root / "include" / header).read_text(), re.M)) \
        if (headers.root / "include" / header).exists() else set()
    for item in items:
        if item.parameters is not None:
            item.complaint = check_macro(item, macros, inlines)
    # A complaint may hide others of the same header, so the rest is compiled again until there is none.
    for language in ("c", "c++"):
        while True:
            holding = [item for item in items if not item.complaint]
            found = headers.complaints(header, holding, language)
            for item in holding:
                text = found.get(item.key, "")
                item.complaint = text + (" (C++)" if text and language == "c++" else "")
            if not found:
                break


def check_includes(headers, folder):
    """Headers exist, and bring along what programs rely on. Returns items for those that do not."""
    items = []
    for number, row in checks.read_table(folder, "headers.tsv"):
        item = checks.Item("headers.tsv", number, row["header"], "header", row["header"], assertions=1)
        items.append(item)
        if not headers.exists(row["header"]):
            item.complaint = "the header is not there"
            continue
        reached = headers.reached(row["header"])
        wanted = [name for name in (row["spdk_includes"] + "," + row["system_includes"]).split(",")
                  if name and not name.startswith("(")]
        item.assertions += len(wanted)
        lacking = [name for name in wanted if not any(path.endswith("/" + name) for path in reached)]
        if lacking:
            item.complaint = "does not include " + ", ".join(lacking)
    return items


def exported(library):
    output = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in output.splitlines()}


def left_out(root):
    """Names and patterns of the table of what is left out on purpose: the code spans of its first column."""
    names = {}
    for line in (root / LEFT_OUT).read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        if len(cells) >= 4 and cells[1].startswith("`"):
            for name in re.findall(r"`([^`]+)`", cells[1]):
                names[name] = cells[-2]
    return names


def covers(pattern, item):
    """A name stands for the thing, for all fields of a structure, all texts of a function, or all of a header."""
    names = [item.name, item.header]
    if item.kind in ("field", "text"):
        names.append(re.split(r"[.(]", item.name)[0])
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)


def judge(items, root):
    """Prints what is missing and what should be; returns the number of failures."""
    allowed = left_out(root)
    failures = 0
    without = 0
    for item in items:
        patterns = [pattern for pattern in allowed if covers(pattern, item)]
        without += bool(item.complaint and patterns)
        if item.complaint and not patterns:
            print(f"{item.table}:{item.row}: {item.header}: {item.kind} {item.name}: {item.complaint}")
            failures += 1
        elif patterns and not item.complaint:
            print(f"{item.name} is there, but {LEFT_OUT} says that {patterns[0]} is left out")
            failures += 1
    for pattern in allowed:
        if not any(covers(pattern, item) for item in items) and not pattern.startswith("rpc:"):
            print(f"{LEFT_OUT}: the tables have no {pattern}")
            failures += 1
    print(f"{len(items)} items, {without} of them left out, {failures} not as they should be")
    return failures


def write_program(folder, items, functions):
    """One source with all headers: it takes the address of every function and runs the checks of run time."""
    headers = dict.fromkeys(item.header for item in items)
    counts = collections.Counter()
    for item in items:
        counts[item.kind] += item.assertions
    source = "".join(f'#include "{header}"\n' for header in headers)
    source += (FOLDER / "program.h").read_text()
    source += "static const void *const functions[] = {\n"
    source += "".join(f"\t(const void *)&{name},\n" for name in functions)
    source += "};\n\nint\nmain(void)\n{\n\tcheck_addresses(functions, sizeof(functions) / sizeof(functions[0]));\n"
    source += "".join(f"\t{item.at_run_time}\n" for item in items if item.at_run_time)
    source += "".join(f'\tprintf("%6d assertions on {kind}s\\n", {count});\n' for kind, count in sorted(counts.items()))
    source += f'\tprintf("%6d assertions, {len(functions)} functions linked\\n", {sum(counts.values())});\n'
    source += "\treturn wrong != 0;\n}\n"
    path = Path(folder) / "interface.c"
    path.write_text(source)
    return path


def build_and_run(headers, items, library, options):
    """Returns the number of failures."""
    functions = sorted({item.name for item in items if item.kind == "function"})
    with tempfile.TemporaryDirectory() as folder:
        source = write_program(folder, items, functions)
        program = Path(folder) / "interface"
        directory = str(Path(library).resolve().parent)
        command = [*headers.compiler, *C_FLAGS, "-Wno-overflow", *options, *headers.includes, "-o", program, source, library,
                   f"-Wl,-rpath,{directory}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if result.returncode:
            print(f"The program does not build:\n{result.stderr}")
            return 1
        result = subprocess.run([program], capture_output=True, text=True, timeout=60)
        print(result.stdout, end="")
        print(result.stderr, end="")
        return int(result.returncode != 0)


def main():
    root, library, compiler, *options = sys.argv[1:]
    headers = Headers(Path(root).resolve(), compiler.split())
    tables = FOLDER / "tables"
    items = checks.read_items(tables)
    groups = collections.defaultdict(list)
    for item in items:
        groups[item.header].append(item)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check_header, headers, header, group) for header, group in groups.items()]
        items += check_includes(headers, tables)
        for job in jobs:
            job.result()
    symbols = exported(library)
    for item in items:
        if item.exported and not item.complaint and item.name not in symbols:
            item.complaint = "declared, but not exported by the library"
    failures = judge(items, headers.root)
    failures += build_and_run(headers, [item for item in items if not item.complaint], library, options)
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
