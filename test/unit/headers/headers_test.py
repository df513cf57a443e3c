#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every public header compiles on its own, as C and as C++, and the library exports just what they declare.

usage: headers_test.py INCLUDE_DIR LIBRARY CC [CXX]
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]

# As modules are compiled: with the extensions of GNU.
C_FLAGS = ["-std=gnu11", "-Wstrict-prototypes", "-D_GNU_SOURCE"]
CXX_FLAGS = ["-std=gnu++17", "-D_GNU_SOURCE"]


def find_headers(include_dir):
    headers = []
    for directory, _, names in os.walk(include_dir):
        headers += [os.path.relpath(os.path.join(directory, name), include_dir)
                    for name in names if name.endswith(".h")]
    return sorted(headers)


def compile_headers(compiler, language, flags, include_dir, headers):
    """Compiles a source that includes these headers, twice, as a header must protect itself. Returns the complaints."""
    source = "".join(f'#include "{header}"\n' for header in headers * 2)
    command = [*compiler, "-x", language, *flags, *WARNINGS, "-I", include_dir, "-fsyntax-only", "-"]
    result = subprocess.run(command, input=source, capture_output=True, text=True, timeout=120)
    return result.stderr if result.returncode else ""


def check_alone(compiler, language, flags, include_dir, headers):
    """Each header as the only one of a source. Returns the number of those that cannot stand alone."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_headers, compiler, language, flags, include_dir, [header]) for header in headers]
        complaints = [job.result() for job in jobs]
    for header, text in zip(headers, complaints):
        if text:
            print(f"{header} does not compile alone as {language}:\n{text}")
    return sum(bool(text) for text in complaints)


def declared_functions(compiler, include_dir, headers):
    """Functions that the headers declare and do not define themselves. gcc writes down what it has seen."""
    with tempfile.TemporaryDirectory() as directory:
        info = os.path.join(directory, "info")
        source = os.path.join(directory, "all.c")
        with open(source, "w") as file:
            file.writelines(f'#include "{header}"\n' for header in headers)
        subprocess.run([*compiler, *C_FLAGS, "-I", include_dir, "-c", "-o", "/dev/null",
                        "-aux-info", info, source], check=True, timeout=60)
        with open(info) as file:
            lines = file.read().splitlines()
    names = set()
    for line in lines:
        match = re.match(r"/\* (\S+):\d+:\w+ \*/ extern .*?\b(_?(?:spdk|bdk)_\w+) \(", line)
        if match and os.path.realpath(match.group(1)).startswith(os.path.realpath(include_dir)):
            names.add(match.group(2))
    return names


def exported_names(library, kinds):
    """Of the letters that nm has for them: T and W are functions."""
    output = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True,
                            timeout=60).stdout
    return {line.split()[2].split("@")[0] for line in output.splitlines() if line.split()[1] in kinds}


def check_exports(compiler, include_dir, headers, library):
    declared = declared_functions(compiler, include_dir, headers)
    exported = exported_names(library, "TW")
    variables = exported_names(library, "BDRV")
    for name in sorted(declared - exported):
        print(f"{name} is declared but not in the library")
    for name in sorted(exported - declared):
        print(f"{name} is in the library but in no public header")
    text = "".join(Path(include_dir, header).read_text() for header in headers)
    foreign = {name for name in variables if not re.search(rf"^extern [^;(]*\b{name}\b", text, re.M)}
    for name in sorted(foreign):
        print(f"the variable {name} is in the library but in no public header")
    print(f"{len(headers)} headers, {len(declared)} functions declared, {len(exported)} exported")
    return len(declared ^ exported) + len(foreign) + (not declared)


def main():
    include_dir, library, cc, *cxx = sys.argv[1:]
    headers = find_headers(include_dir)
    failures = check_alone(cc.split(), "c", C_FLAGS, include_dir, headers)
    if cxx:
        failures += check_alone(cxx[0].split(), "c++", CXX_FLAGS, include_dir, headers)
    if failures == 0:
        failures = check_exports(cc.split(), include_dir, headers, library)
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
