#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Captures the screens of doc/watch.md and doc/trace.md: runs the commands in tmux on a target under load, and puts what is seen
into the pages.

Look at the result before it is committed: the figures are those of the moment.
"""

import argparse
import os
import re
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "doc/watch.md", ROOT / "doc/trace.md"
PATIENCE = 60
BDEVS = ["raid1(malloc:256M,passthru(malloc:256M,name=over),name=mirror)", "file:data.img",
         "delay(malloc:64M,name=slow,avg_read_latency=200,p99_read_latency=900,avg_write_latency=300,p99_write_latency=2000)"]


class Terminal:
    """A window of tmux, in which a shell has a prompt of its own."""

    def __init__(self, folder, program, size=(80, 24)):
        self.tmux = ["tmux", "-S", str(folder / f"tmux.{size[0]}.sock"), "-f", "/dev/null"]
        path = f"{program.parent}:{os.environ['PATH']}"
        environment = dict(os.environ, PATH=path, PS1="$ ", LC_ALL="C.UTF-8", TERM="screen-256color")
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(folder),
                        "bash", "--norc", "--noprofile", "-i"], env=environment, check=True)
        self.wait_for(r"^\$")

    def type(self, text):
        subprocess.run([*self.tmux, "send-keys", "-l", text], check=True)

    def press(self, *keys):
        subprocess.run([*self.tmux, "send-keys", *keys], check=True)

    def screen(self):
        seen = subprocess.run([*self.tmux, "capture-pane", "-p"], stdout=subprocess.PIPE, text=True, check=True)
        return seen.stdout.rstrip("\n")

    def wait_for(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.screen(), re.M):
            if time.monotonic() > deadline:
                raise SystemExit(f"no '{pattern}' on the screen:\n{self.screen()}")
            time.sleep(0.1)
        return self.screen()

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], check=False)


def command(terminal, words, end=r"\n\$ ?$"):
    """Runs a command on an empty screen; what is seen of it without the prompt behind it."""
    terminal.type("clear")
    terminal.press("Enter")
    terminal.wait_for(r"\A\$ *\Z")
    terminal.type(words)
    terminal.press("Enter")
    return re.sub(end, "", terminal.wait_for(end))


def capture_top(terminal, screens):
    terminal.type("clear; bdevkit top -r rpc.sock")
    terminal.press("Enter")
    terminal.wait_for(r"^mirror +[1-9]")
    time.sleep(2)
    screens["top"] = terminal.screen()
    terminal.press("3")
    # That of the delayed bdev: it says when the next I/O is due.
    terminal.wait_for(r"^poll_timer .*timed +[1-9]")
    screens["pollers"] = terminal.screen()
    terminal.press("1")
    terminal.wait_for(r"^data\.img")
    terminal.press("Down")
    terminal.press("Enter")
    terminal.wait_for(r"p99 \d")
    time.sleep(3)
    screens["bdev"] = terminal.screen()
    terminal.press("q")
    terminal.wait_for(r"\n\$ ?$|\A\$ ?")


def capture_dd(terminal, folder, screens):
    with open(folder / "disk.img", "wb") as disk:
        disk.write(os.urandom(64 << 20))
        disk.truncate(10 << 30)
        disk.seek(3 << 30)
        disk.write(os.urandom(64 << 20))
    uri = "nbd+unix:///?socket=kit.sock"
    server = ["nbdkit", "-f", "-U", "kit.sock", "--filter=rate", "file", "disk.img", "rate=320M"]
    with subprocess.Popen(server, cwd=folder) as kit:
        while not (folder / "kit.sock").exists():
            time.sleep(0.1)
        screens["dd"] = command(terminal, f"bdevkit dd '{uri}' backup.img")
        terminal.type(f"clear; bdevkit dd '{uri}' backup.img")
        terminal.press("Enter")
        terminal.wait_for(r"\([1-9]\d* %\)")
        kit.kill()
    seen = terminal.wait_for(r"--resume.*\n(.*\n)*\$ ?$")
    screens["gone"] = f"$ bdevkit dd '{uri}' backup.img\n" + re.sub(r"\n\$ ?$", "", seen).lstrip()


def set_limit(folder, program, ios):
    subprocess.run([program, "rpc", "-r", "rpc.sock", "bdev_set_qos_limit", "name=mirror", f"rw_ios_per_sec={ios}"], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL)


def capture_trace(folder, program, screens):
    """With a limit, so that something waits for it, and the target leaves the reader time on a machine with few CPUs."""
    set_limit(folder, program, 5000)
    terminal = Terminal(folder, program, (120, 40))
    try:
        screens["trace"] = command(terminal, "bdevkit trace -r rpc.sock")
        screens["slowest"] = command(terminal, "bdevkit trace -r rpc.sock --slowest=2 mirror")
    finally:
        terminal.close()
        set_limit(folder, program, 0)


def put(pages, screens):
    """Into whichever page has a place for it."""
    for name, text in screens.items():
        text = "\n".join(line.rstrip() for line in text.splitlines()).rstrip()
        block = f"<!-- screen: {name} -->\n```text\n{text}\n```\n<!-- end -->"
        places = 0
        for path, page in pages.items():
            pages[path], count = re.subn(rf"<!-- screen: {name} -->\n.*?<!-- end -->", lambda _, b=block: b, page, flags=re.S)
            places += count
        assert places == 1, name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build/app/bdevkit/bdevkit", help="the bdevkit to run")
    program = parser.parse_args().program.resolve()
    screens = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "data.img", "wb") as data:
            data.truncate(256 << 20)
        target = subprocess.Popen([program, "serve", "-r", "rpc.sock", "--nbd", "unix:nbd.sock", *BDEVS], cwd=folder,
                                  stdout=subprocess.PIPE, text=True)
        for line in target.stdout:
            if "Press Ctrl-C" in line:
                break
        loads = [subprocess.Popen([program, "perf", "-r", "rpc.sock", *shlex.split(words)], cwd=folder,
                                  stdout=subprocess.DEVNULL)
                 for words in ("-w randrw -M 70 -q 8 -t 300 --overwrite mirror slow",)]
        terminal = Terminal(folder, program)
        try:
            screens["stat"] = command(terminal, "bdevkit stat -r rpc.sock 1 2")
            subprocess.run([program, "rpc", "-r", "rpc.sock", "bdev_enable_histogram", "name=mirror", "enable=true"],
                           cwd=folder, check=True, stdout=subprocess.DEVNULL)
            screens["percentiles"] = command(terminal, "bdevkit stat -r rpc.sock -p mirror 1 2 | cut -c1-12,61-")
            capture_trace(folder, program, screens)
            capture_top(terminal, screens)
            capture_dd(terminal, folder, screens)
        finally:
            terminal.close()
            for load in loads:
                load.terminate()
            target.terminate()
            target.wait()
            for load in loads:
                load.wait()
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    put(pages, screens)
    for path, page in pages.items():
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
