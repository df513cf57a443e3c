# SPDX-License-Identifier: BSD-3-Clause
"""What the headers promise is in the library, and the library exports nothing else."""

import re
import subprocess

import pytest

from conftest import BUILD, ROOT, run

HEADERS = sorted(path.relative_to(ROOT / "include") for path in (ROOT / "include").rglob("*.h"))


def exported():
    output = run("nm", "-D", "--defined-only", BUILD / "libbdevkit.so").stdout
    return {line.split()[-1].split("@")[0] for line in output.splitlines()}


def declared(header):
    """Functions that a header of ours declares and does not define."""
    source = f'#include "{header}"\n'
    output = subprocess.run(["gcc", "-E", "-D_GNU_SOURCE", "-I", ROOT / "include", "-"], input=source, text=True,
                            capture_output=True, check=True).stdout
    ours, text = False, []
    for line in output.splitlines():
        if line.startswith("# "):
            ours = str(ROOT / "include") in line
        elif ours:
            text.append(line)
    found = set()
    for statement in re.split(r"[;{}]", " ".join(text)):
        match = re.search(r"\b((?:spdk|bdk)_\w+)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)\s*(?:__attribute__\s*\(\(.*\)\))?\s*$",
                          statement)
        if match and not re.search(r"\b(typedef|static|return)\b|=", statement):
            found.add(match.group(1))
    return found


def test_every_declared_function_is_exported():
    symbols = exported()
    missing = {name: str(header) for header in HEADERS for name in declared(header) if name not in symbols}
    assert not missing


def test_exports_only_its_own_names():
    foreign = {name for name in exported() if not re.match(r"(spdk|bdk)_", name)}
    assert not foreign


@pytest.mark.parametrize("language", ["c", "c++"])
def test_installed_headers_stand_alone(language, tmp_path):
    for header in HEADERS:
        source = f'#include "{header}"\n'
        result = subprocess.run(["gcc", "-x", language, "-fsyntax-only", "-Wall", "-Werror", "-I", ROOT / "include", "-"],
                                input=source, text=True, capture_output=True, check=False)
        assert result.returncode == 0, f"{header}: {result.stderr}"
