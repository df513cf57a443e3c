# SPDX-License-Identifier: BSD-3-Clause
"""The READMEs' examples, run as they stand: every command must print what the text says."""

import fnmatch
import os
import re
import subprocess

import pytest

from conftest import BUILD, PATIENCE, ROOT, requires


def console_steps(path):
    """(command, expected lines) of all console blocks of a file, in order."""
    steps = []
    for block in re.findall(r"```console\n(.*?)```", path.read_text(), re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return steps


class Shell:
    """One bash for all steps, so that jobs and folders last from one to the next."""

    def __init__(self, folder):
        environment = dict(os.environ, PATH=f"{BUILD}/app/bdevkit:{os.environ['PATH']}", LC_ALL="C")
        self.process = subprocess.Popen(["bash"], cwd=folder, env=environment, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.run("set -m; shopt -s expand_aliases")

    def run(self, command):
        self.process.stdin.write(command + "\necho \"[$?]END\"\n")
        lines = []
        for line in self.process.stdout:
            match = re.fullmatch(r"(.*)\[(\d+)\]END\n", line)
            if match:
                return lines + ([match.group(1)] if match.group(1) else []), int(match.group(2))
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended in: {command}\n" + "\n".join(lines))

    def wait_for(self, command, last_line):
        """Starts a job in the background and reads up to its last expected line."""
        self.process.stdin.write(command + "\n")
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] == last_line:
                return lines
        raise AssertionError("\n".join(lines))

    def close(self):
        self.process.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def matches(lines, expected):
    """Whether output is as expected, '...' standing for anything."""
    pattern = "\n".join(expected).replace("[", "[[]").replace("...", "*")
    return fnmatch.fnmatchcase("\n".join(lines), pattern)


def follow(path, folder):
    """Runs all steps of a file and compares what they print."""
    steps = console_steps(path)
    shell = Shell(folder)
    try:
        for command, expected in steps:
            if command.endswith("&"):
                lines, code = shell.wait_for(command, expected[-1]), 0
            else:
                lines, code = shell.run(command)
            if code != 0:
                lines.append(f"[{code}]")
            assert matches(lines, expected), f"$ {command}\n" + "\n".join(lines)
    finally:
        shell.close()
    return len(steps)


def test_tour(tmp_path):
    for program in ("mkfs.ext4", "nbdinfo", "nbdcopy", "qemu-img"):
        requires(program)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    assert follow(ROOT / "README.md", tmp_path) > 10


@pytest.mark.parametrize("module", sorted(path.parent.name for path in (ROOT / "module/bdev").glob("*/README.md")))
def test_module(module, target, tmp_path):
    """A module's example, against a target that listens elsewhere than the example's default."""
    served = target()
    (tmp_path / "scripts").mkdir()
    wrapper = tmp_path / "scripts/rpc.py"
    wrapper.write_text(f'#!/bin/sh\nexec {ROOT}/scripts/rpc.py -s {served.rpc_path} "$@"\n')
    wrapper.chmod(0o755)
    assert follow(ROOT / "module/bdev" / module / "README.md", tmp_path) > 1
