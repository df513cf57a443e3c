# SPDX-License-Identifier: BSD-3-Clause
"""A terminal of its own for a program that draws: tmux, which is asked what a person would see."""

import os
import re
import subprocess
import time

from conftest import BUILD, PATIENCE


class Terminal:
    def __init__(self, folder, size=(80, 24), locale="C.UTF-8"):
        self.tmux = ["tmux", "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        environment = dict(os.environ, PATH=f"{BUILD}/app/bdevkit:{os.environ['PATH']}", PS1="READY ", LC_ALL=locale,
                           TERM="screen-256color")
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(folder),
                        "bash", "--norc", "--noprofile", "-i"], env=environment, check=True, timeout=PATIENCE)
        self.wait_for("^READY")

    def ask(self, *words):
        return subprocess.run([*self.tmux, *words], stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE).stdout

    def run(self, command):
        self.ask("send-keys", "-l", command)
        self.ask("send-keys", "Enter")

    def press(self, *keys):
        self.ask("send-keys", *keys)

    def resize(self, width, height):
        self.ask("resize-window", "-x", str(width), "-y", str(height))

    def screen(self):
        return self.ask("capture-pane", "-p")

    def wait_for(self, pattern):
        """What is seen as soon as the pattern is."""
        return self.wait_until(lambda seen: re.search(pattern, seen, re.M), pattern)

    def wait_until(self, check, what):
        deadline = time.monotonic() + PATIENCE
        while True:
            seen = self.screen()
            if check(seen):
                return seen
            assert time.monotonic() < deadline, f"not on the screen: {what}\n{seen}"
            time.sleep(0.05)

    def state(self):
        """Whether a program has the other screen, and whether there is a cursor."""
        return self.ask("display-message", "-p", "#{alternate_on} #{cursor_flag}").split()

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], check=False, timeout=PATIENCE)
