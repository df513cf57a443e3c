#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks what a compiler does not: the layer rule, who may ask the operating system, the house form, clang-tidy.

Prints file:line: what for each fault; exits with 1 if there is one.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Lowest first. A folder may include private headers of its own folder and of those before it.
LAYERS = [
    "lib/env", "lib/util", "lib/log", "lib/conf", "lib/dma", "lib/dif", "lib/json", "lib/rpc", "lib/trace", "lib/strict", "lib/thread",
    "lib/notify", "lib/accel", "lib/bdev", "lib/loader", "lib/event", "lib/embed", "module/accel", "module/bdev", "module/metrics", "export", "app",
]

# Only lib/env asks the operating system for these, so that everything above can run under a virtual clock.
FORBIDDEN = re.compile(
    r"\b(clock_gettime|gettimeofday|nanosleep|usleep|sleep|rand|random|srand|time|pthread_\w+|sched_\w+)\s*\(")


def tracked(*patterns):
    output = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return output.stdout.split()


def layer_of(path):
    return next((number for number, folder in enumerate(LAYERS) if path.startswith(folder + "/")), None)


def without_comments(text):
    """Blanks comments and strings, keeping line numbers."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"', re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def check_layers():
    faults = []
    for path in tracked("lib/*.[ch]", "module/*.[ch]", "export/*.[ch]", "app/*.[ch]"):
        own = layer_of(path)
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"((?:lib|module|export|app)/[^"]+)"', line)
            if not match:
                continue
            other = layer_of(match.group(1))
            sideways = other == own and LAYERS[own] in ("module/bdev", "export") \
                and match.group(1).rsplit("/", 1)[0] not in (path.rsplit("/", 1)[0], "module/bdev/common")
            if other is None or own is None or other > own or sideways:
                faults.append(f"{path}:{number}: {path.rsplit('/', 1)[0]} must not include {match.group(1)}")
    return faults


def check_operating_system():
    faults = []
    for path in tracked("lib/*.c", "module/*.c", "export/*.c"):
        if path.startswith("lib/env/"):
            continue
        for number, line in enumerate(without_comments((ROOT / path).read_text()).splitlines(), 1):
            match = FORBIDDEN.search(line)
            if match:
                faults.append(f"{path}:{number}: {match.group(1)}() belongs to lib/env")
    return faults


def check_form():
    files = tracked("app/*.[ch]", "examples/*.c", "examples/*.cc", "export/*.[ch]", "include/*.h", "lib/*.[ch]", "module/*.[ch]", "test/*.[ch]")
    result = subprocess.run(["clang-format", "--dry-run", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    faults = sorted(set(re.findall(r"^(\S+:\d+):\d+: warning", result.stderr, re.M)))
    if result.returncode != 0:
        faults.append(result.stderr.strip().splitlines()[0])
    return [fault + ": not in the house form (make format)" for fault in faults]


def check_licence():
    faults = []
    for path in tracked("*.c", "*.h", "*.py", "*.sh", "Makefile"):
        if "SPDX-License-Identifier: BSD-3-Clause" not in "\n".join((ROOT / path).read_text().splitlines()[:3]):
            faults.append(f"{path}:1: no SPDX line")
    return faults


def check_placeholders():
    """@LIKE_THIS@ in a text is a place that somebody meant to fill."""
    return [f"{path}:{number}: a place that is not filled"
            for path in tracked("*.md") for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
            if re.search(r"@[A-Z_]+@", line)]


def check_leavings():
    """What fio writes into its working directory while it verifies."""
    return [f"{path}: fio left it behind" for path in tracked("*-verify.state", "*-verify-*.state")]


def check_tidy(build):
    files = tracked("lib/*.c", "module/*.c", "export/*.c", "app/*.c")
    known = (ROOT / build / "compile_commands.json").read_text()
    files = [file for file in files if file in known]
    result = subprocess.run(["clang-tidy", "--quiet", "-p", build, *files], cwd=ROOT, capture_output=True, text=True,
                            check=False)
    return sorted(set(re.findall(r"^\S+: (?:warning|error): .*$", result.stdout, re.M)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without clang-tidy, which takes minutes")
    parser.add_argument("--build", default="build-asan", help="configured build folder that clang-tidy reads")
    options = parser.parse_args()
    faults = check_layers() + check_operating_system() + check_form() + check_licence() + check_placeholders() + \
        check_leavings()
    if not options.quick:
        if not (ROOT / options.build / "compile_commands.json").exists():
            subprocess.run(["meson", "setup", options.build, "-Dbuildtype=debug", "-Db_sanitize=address,undefined",
                            "-Db_lundef=false"], cwd=ROOT, check=True)
        faults += check_tidy(options.build)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
