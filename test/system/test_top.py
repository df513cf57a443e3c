# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit top: what it draws, in a real terminal and as text; how it leaves the terminal. Nothing here depends on speed."""

import re
import subprocess

import pytest

from conftest import BDEVKIT, requires, run
from terminal import Terminal

STACK = ["raid1(malloc:16M,passthru(malloc:16M,name=over),name=mirror)", "malloc:16M(name=alone)"]


@pytest.fixture
def stack(target):
    return target(*STACK)


@pytest.fixture
def terminal(tmp_path):
    requires("tmux")
    started = []

    def start(**options):
        started.append(Terminal(tmp_path, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def load(stack):
    """I/O on the mirror until the test ends."""
    command = [BDEVKIT, "perf", "-r", stack.rpc_path, "-w", "randrw", "-t", "3600", "-q", "2", "--overwrite", "mirror"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def top(target, *words, code=0, **options):
    result = run(BDEVKIT, "top", "-r", target.rpc_path, *words, check=False, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout if code == 0 else result.stderr


# ---- as text ----

def test_once_shows_the_stack_as_a_tree(stack):
    page = top(stack, "--once", "-d", "0.1", "-w", "80", env={"LC_ALL": "C.UTF-8"})
    assert all(len(line) <= 80 for line in page.splitlines()), page
    names = [line[:14].rstrip() for line in page.splitlines() if re.match(r"[├└│─ ]*(alone|mirror|malloc|over)", line)]
    assert names == ["alone", "mirror", "├─malloc", "└─over", "  └─malloc.1"]
    assert f"pid {stack.process.pid} " in page and re.search(r"^cpu \d+ +\[.*busy.*asleep", page, re.M)


def test_once_in_ascii(stack):
    page = top(stack, "--once", "-d", "0.1", env={"LC_ALL": "C"})
    assert "\n|-malloc " in page and "\n`-over " in page and "\n  `-malloc.1 " in page and page.isascii()


def test_batch_pages(stack):
    pages = top(stack, "--batch", "-n", "3", "-d", "0.1").split("\n\n")
    assert len(pages) == 3 and all("mirror" in page for page in pages)


def test_flat_and_sorted(stack, load):
    lines = top(stack, "--once", "--flat", "--sort", "iops", "-d", "1").splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("bdev "))
    assert "IOPS*" in lines[head]
    assert lines[-1].startswith("alone")
    assert {line.split()[0] for line in lines[head + 1:]} == {"mirror", "malloc", "over", "malloc.1", "alone"}


def test_idle_is_left_out(stack, load):
    page = top(stack, "--once", "-z", "-d", "1")
    assert "mirror" in page and "alone" not in page


@pytest.mark.parametrize("view, words", [("threads", ["app_thread", "nbd_0"]), ("pollers", ["poll_group", "active"])])
def test_other_views(stack, view, words):
    page = top(stack, "--once", "-d", "0.1", "-v", view)
    assert all(word in page for word in words), page


def test_one_bdev(stack):
    stack.rpc("bdev_enable_histogram", name="mirror", enable=True)
    page = top(stack, "--once", "-d", "0.1", "mirror", env={"LC_ALL": "C.UTF-8"})
    assert "mirror: Raid Volume, 16 MiB in blocks of 512 bytes" in page
    assert "└─malloc.1" in page and "p99.99" in page and "alone" not in page


def test_several_cpus(target):
    page = top(target("-m", "[0,1]", "malloc:16M"), "--once", "-d", "0.1")
    assert re.findall(r"^cpu (\d+)", page, re.M) == ["0", "1"]


@pytest.mark.parametrize("words, code, what", [
    (["--once", "-d", "0.1", "nothing"], 1, "no bdev 'nothing'"), (["-d", "x"], 2, "-d x"), (["-n", "0"], 2, "-n 0"),
    (["-v", "x"], 2, "-v x"), (["--sort", "x"], 2, "--sort x"), (["-w", "1"], 2, "-w 1"), (["a", "b"], 2, "one BDEV"),
    ([], 1, "no terminal")])
def test_refusals(stack, words, code, what):
    assert what in top(stack, *words, code=code, stdin=subprocess.DEVNULL)


def test_no_target(tmp_path):
    result = run(BDEVKIT, "top", "--once", "-r", tmp_path / "none.sock", check=False)
    assert result.returncode == 1 and "none.sock" in result.stderr and "is a target running there" in result.stderr


# ---- in a terminal ----

def test_views_and_keys(stack, load, terminal):
    window = terminal()
    window.run("bdevkit top -r rpc.sock -d 0.2")
    seen = window.wait_for(r"^mirror +[1-9]")
    assert "└─malloc.1" in seen and "q quit" in seen.splitlines()[23]
    window.press("2")
    assert "app_thread" in window.wait_for("^thread ")
    window.press("Tab")
    window.wait_for(r"^poll_group +nbd_0 +active")
    window.press("?")
    assert "Space" in window.wait_for("^Keys")
    window.press("Escape")
    window.wait_for("^poller ")
    window.press("1")
    window.wait_for(r"^bdev\*")
    window.press("s")
    # The one with I/O is the first now.
    window.wait_for(r"IOPS\*.*\nmirror")
    window.press("t")
    window.wait_until(lambda seen: "└─" not in seen, "no trees")
    window.press("n")
    window.press("z")
    window.wait_until(lambda seen: "alone" not in seen, "what is idle is left out")
    window.press("Space")
    window.wait_for("PAUSED")
    window.press("q")
    window.wait_for("^READY")


def test_look_into_a_bdev(stack, load, terminal):
    window = terminal()
    window.run("bdevkit top -r rpc.sock -d 0.2")
    window.wait_for(r"^mirror +[1-9]")
    window.press("End", "Up", "Up", "Up")
    window.press("Enter")
    window.wait_for(r"^mirror: Raid Volume")
    window.wait_for("h begins")
    window.press("h")
    window.wait_for(r"p50 \d.*p99.99 \d")
    assert stack.rpc("bdev_get_histogram", name="mirror")["histogram"]
    window.press("h")
    window.wait_for("h begins")
    window.press("BSpace")
    window.wait_for(r"^bdev\*")


def test_sizes(stack, terminal):
    window = terminal()
    window.run("bdevkit top -r rpc.sock -d 0.2")
    window.wait_for("malloc.1")
    window.resize(132, 40)
    seen = window.wait_until(lambda seen: "q quit" in (seen.splitlines() + [""] * 40)[39], "the footer in line 40")
    assert max(len(line) for line in seen.splitlines()) > 80
    window.resize(40, 8)
    seen = window.wait_until(lambda seen: len(seen.splitlines()) == 8 and "q quit" in seen.splitlines()[7], "eight lines")
    assert "malloc.1" not in seen
    # What does not fit is gone to.
    window.press("End")
    window.wait_for("malloc.1")
    window.resize(10, 2)
    window.resize(80, 24)
    window.wait_for("^alone.*")
    window.press("q")
    window.wait_for("^READY")


def test_bdevs_come_and_go(stack, terminal):
    window = terminal()
    window.run("bdevkit top -r rpc.sock -d 0.2")
    window.wait_for("^alone")
    stack.rpc("bdev_malloc_create", name="newcomer", num_blocks=2048, block_size=512)
    window.wait_for("^newcomer")
    stack.rpc("bdev_malloc_delete", name="newcomer")
    window.wait_until(lambda seen: "newcomer" not in seen, "newcomer is gone")


def test_target_goes_and_comes(target, terminal):
    first = target(*STACK)
    window = terminal()
    window.run("bdevkit top -r rpc.sock -d 0.2")
    window.wait_for(f"pid {first.process.pid} ")
    first.stop()
    window.wait_for("The target does not answer")
    second = target(*STACK)
    window.wait_for(f"pid {second.process.pid} ")
    window.wait_until(lambda seen: "does not answer" not in seen and "mirror" in seen, "it is back")


@pytest.mark.parametrize("how", ["q", "INT", "TERM", "HUP", "QUIT", "SEGV", "ABRT"])
def test_terminal_is_left_as_it_was(stack, terminal, how):
    window = terminal()
    window.run("stty -a > before.txt; bdevkit top -r rpc.sock -d 0.2")
    window.wait_for("^alone")
    # The state is that of tmux, which may lag behind the screen.
    window.wait_until(lambda _: window.state() == ["1", "0"], "the other screen without a cursor")
    if how == "q":
        window.press("q")
    else:
        shell = window.ask("display-message", "-p", "#{pane_pid}").strip()
        run("kill", f"-{how}", run("pgrep", "-P", shell).stdout.strip())
    window.wait_until(lambda _: window.state() == ["0", "1"], "the first screen with its cursor")
    window.wait_for(r"READY\s*\Z")
    window.run("stty -a | cmp - before.txt && echo as it was")
    window.wait_for("^as it was")


def test_unknown_terminal(stack, terminal):
    window = terminal()
    window.run("TERM=nonsense bdevkit top -r rpc.sock; echo code $?")
    assert "'nonsense' is not known" in window.wait_for("^code 1")
