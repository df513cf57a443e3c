# SPDX-License-Identifier: BSD-3-Clause
"""bdevkit dd: what comes out is what went in, between all kinds of ends; holes; refusals; ends that go away."""

import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from conftest import BDEVKIT, PATIENCE, requires, run

MIB = 1 << 20
SIZE = 24 * MIB


def dd(*words, code=0, **options):
    result = run(BDEVKIT, "dd", *words, check=False, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stderr


def dd_json(*words, code=0, **options):
    result = run(BDEVKIT, "dd", "--json-output", *words, check=False, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def make_disk(path, size=SIZE):
    """Data, zeroes that are written, holes, and an end that fills no block of 4 KiB."""
    noise = random.Random(str(path.name))
    with open(path, "wb") as disk:
        disk.write(noise.randbytes(2 * MIB + 512))
        disk.write(bytes(MIB))
        disk.seek(8 * MIB)
        disk.write(noise.randbytes(4096) + bytes(4096) + noise.randbytes(3 * MIB))
        disk.truncate(size - 512)
        disk.seek(size - 512)
        disk.write(noise.randbytes(512))
    return path.read_bytes()


def blocks(path):
    return os.stat(path).st_blocks * 512


class Kit:
    """nbdkit with a file, which may be killed."""

    def __init__(self, folder, path, *filters):
        requires("nbdkit")
        self.socket = folder / "kit.sock"
        self.uri = f"nbd+unix:///?socket={self.socket}"
        options = [word for word in filters if word.startswith("--")]
        parameters = [word for word in filters if not word.startswith("--")]
        self.command = ["nbdkit", "-f", "-U", str(self.socket), *options, "sh" if path.suffix == ".sh" else "file",
                        str(path), *parameters]
        self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not self.socket.exists():
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def kit(tmp_path):
    started = []

    def start(*arguments):
        started.append(Kit(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.kill()


# ---- from everything to everything ----

def test_file_to_file(tmp_path):
    data = make_disk(tmp_path / "a", SIZE + 100)
    summary = dd("a", "b", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == data
    # Holes stay holes, and zeroes that were written have become some.
    assert blocks(tmp_path / "b") < blocks(tmp_path / "a") - MIB // 2
    assert f"{SIZE + 100} bytes (24.0 MiB) copied" in summary


@pytest.mark.parametrize("flags", [["iflag=direct", "oflag=direct"], ["bs=4k", "-q", "64"], ["--sparse", "0"],
                                   ["bs=1000", "-q", "1"], ["oflag=sync"], ["-q", "256", "bs=64k"]])
def test_ways_to_copy(tmp_path, flags):
    data = make_disk(tmp_path / "a", SIZE + 100)
    dd("if=a", "of=b", *flags, cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == data


def test_file_to_export_and_back(target, tmp_path):
    data = make_disk(tmp_path / "a")
    one = target("malloc:24M(name=disk)")
    # What is there must not shine through the holes.
    dd("/dev/urandom", one.uri("disk"))
    dd("a", one.uri("disk"), cwd=tmp_path)
    dd(one.uri("disk"), "b", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == data
    assert blocks(tmp_path / "b") < 8 * MIB


def test_bdev_to_bdev_of_a_configuration(tmp_path):
    data = make_disk(tmp_path / "a")
    with open(tmp_path / "b", "wb") as disk:
        disk.write(b"x" * SIZE)
    shown = run(BDEVKIT, "show", "file:a", "passthru(file:b,name=over)", cwd=tmp_path)
    (tmp_path / "disks.json").write_text(shown.stdout)
    dd("--json", "disks.json", "a", "over", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == data
    dd("--json", "disks.json", "over", "raid1(malloc:24M,malloc:24M)", cwd=tmp_path)


@pytest.mark.parametrize("bdev", ["file:b", "crypto(file:b,cipher=AES_XTS,key=000102030405060708090a0b0c0d0e0f,"
                                  "key2=101112131415161718191a1b1c1d1e1f)", "raid0(file:b,file:c)", "delay(file:b,avg_read_latency=1,"
                                  "p99_read_latency=1,avg_write_latency=1,p99_write_latency=1)"])
def test_file_to_bdev_and_back(tmp_path, bdev):
    data = make_disk(tmp_path / "a")
    for name in "bc":
        (tmp_path / name).write_bytes(b"x" * SIZE)
    dd("a", bdev, cwd=tmp_path)
    dd(bdev, "d", f"count={SIZE}", "iflag=count_bytes", cwd=tmp_path)
    assert (tmp_path / "d").read_bytes() == data


def test_foreign_server(tmp_path, kit):
    data = make_disk(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"x" * SIZE)
    server = kit(tmp_path / "b")
    dd("a", server.uri, cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == data
    dd(server.uri, "c", cwd=tmp_path)
    assert (tmp_path / "c").read_bytes() == data


@pytest.mark.parametrize("filters", [["--filter=nozero"], ["--filter=noextents"], ["--filter=blocksize-policy",
                                     "blocksize-minimum=4096"], ["--filter=multi-conn", "multi-conn-mode=disable"]])
def test_servers_that_can_less(tmp_path, kit, filters):
    data = make_disk(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"x" * SIZE)
    server = kit(tmp_path / "b", *filters)
    dd("a", server.uri, cwd=tmp_path)
    dd(server.uri, "c", cwd=tmp_path)
    assert (tmp_path / "c").read_bytes() == data


def test_bdevs_of_a_running_target(target, tmp_path):
    data = make_disk(tmp_path / "a")
    one = target("malloc:24M(name=disk)", "malloc:24M(name=other)")
    dd("-r", one.rpc_path, "./a", "disk", cwd=tmp_path)
    dd("-r", one.rpc_path, "disk", "other", cwd=tmp_path)
    dd("-r", one.rpc_path, "other", "./b", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == data
    assert "exports no bdev nothing" in dd("-r", one.rpc_path, "nothing", "./b", code=1, cwd=tmp_path)


# ---- parts ----

def test_skip_seek_count(tmp_path):
    data = make_disk(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"y" * 8 * MIB)
    dd("if=a", "of=b", "bs=64k", "skip=3", "seek=2", "count=5", "conv=notrunc", cwd=tmp_path)
    result = (tmp_path / "b").read_bytes()
    part = data[3 * 65536:8 * 65536]
    assert result == b"y" * 2 * 65536 + part + b"y" * (8 * MIB - 7 * 65536)
    # Without notrunc it ends where the copy does, and what is in front stays.
    dd("if=a", "of=b", "bs=64k", "skip=3", "seek=2", "count=5", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == b"y" * 2 * 65536 + part
    dd("if=a", "of=c", "skip=1000", "count=100", "seek=7", "iflag=skip_bytes,count_bytes", "oflag=seek_bytes", cwd=tmp_path)
    assert (tmp_path / "c").read_bytes() == bytes(7) + data[1000:1100]
    dd("--if", "a", "--of", "d", "--bs", "512", "--count", "3", cwd=tmp_path)
    assert (tmp_path / "d").read_bytes() == data[:1536]


def test_zeroes_into_the_middle(tmp_path):
    (tmp_path / "b").write_bytes(b"z" * 4 * MIB)
    dd("if=/dev/zero", "of=b", "bs=1M", "count=1", "seek=2", "conv=notrunc", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == b"z" * 2 * MIB + bytes(MIB) + b"z" * MIB
    assert blocks(tmp_path / "b") <= 3 * MIB + 65536


def test_empty_file(tmp_path):
    (tmp_path / "a").touch()
    dd("a", "b", cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == b""


def test_json(tmp_path):
    make_disk(tmp_path / "a")
    said = dd_json("a", "b", cwd=tmp_path)
    assert said["complete"] and said["length"] == said["safe"] == SIZE == said["data_bytes"] + said["zero_bytes"]
    assert said["source"] == "a" and said["zero_bytes"] > SIZE // 2


# ---- refusals: nothing has been written then ----

@pytest.mark.parametrize("words, what", [
    (["a", "a"], "the same thing"), (["a", "link"], "the same thing"), (["a", "passthru(file:a)"], "the same thing"),
    (["file:a(name=x)", "file:a(name=y)"], "the same thing"),
    (["a", "malloc:1M"], "too small"), (["missing", "b"], "No such file"), (["a", "."], "Is a directory"),
    (["a", "b", "conv=nocreat"], "No such file"), (["a", "c", "conv=excl"], "File exists"),
    (["if=/dev/zero", "of=b"], "count="), (["a", "b", "skip=1G"], "leaves out more"),
    (["a", "malloc:32M", "seek=1", "bs=100"], "blocks of 512"), (["a", "split:2(malloc:64M)"], "one bdev"),
    (["a", "b", "--resume", "1G"], "--resume"), (["a", "zone_block(malloc:64M,zone_capacity=2048,optimal_open_zones=1)"], "zones")])
def test_refused(tmp_path, words, what):
    make_disk(tmp_path / "a")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "c").write_text("kept")
    before = (tmp_path / "a").read_bytes()
    assert what in dd(*words, code=1, cwd=tmp_path)
    assert (tmp_path / "a").read_bytes() == before and (tmp_path / "c").read_text() == "kept"
    # Nothing is left of a file that would have been made.
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("words", [["a"], ["a", "b", "c"], ["a", "-"], ["a", "b", "bs=0"], ["a", "b", "bs=x"], ["a", "b", "-q", "0"],
                                   ["a", "b", "oflag=what"], ["a", "b", "conv=swab"], ["a", "b", "status=what"],
                                   ["a", "b", "--what"], ["a", "b", "bs=1G", "-q", "8"]])
def test_wrong_usage(tmp_path, words):
    (tmp_path / "a").touch()
    assert "--help" in dd(*words, code=2, cwd=tmp_path)
    assert not (tmp_path / "b").exists()


def test_images_in_use(target, tmp_path):
    make_disk(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"x" * SIZE)
    target(tmp_path / "b")
    assert "in use" in dd("a", "./b", code=1, cwd=tmp_path)
    assert "in use" in dd("./b", "c", code=1, cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == b"x" * SIZE
    dd("--no-lock", "./b", "c", cwd=tmp_path)


# ---- ends that go away ----

PLACE = 12 * MIB
BLOCK = MIB // 4

# A server on a file. With a file "gate" beside it, what is read or written at PLACE or behind waits, and the file "reached" says so;
# a write waits until the second flush has come, so that the answer to the first one has arrived.
SERVER = """
cd %(folder)s
wait_at_gate() {
	[ -e gate ] && [ $1 -ge %(place)d ] || return 0
	[ $2 = read ] || while [ ! -e flushed.2 ] && [ -e /proc/$PPID ]; do sleep 0.05; done
	touch reached
	while [ -e gate ] && [ -e /proc/$PPID ]; do sleep 0.05; done
}
case $1 in
thread_model) echo parallel ;;
get_size) stat -c %%s %(file)s ;;
can_write | can_flush) ;;
pread)
	wait_at_gate $4 read
	dd if=%(file)s iflag=skip_bytes,count_bytes,fullblock skip=$4 count=$3 bs=1M status=none
	;;
pwrite)
	wait_at_gate $4 write
	dd of=%(file)s oflag=seek_bytes iflag=fullblock seek=$4 bs=1M conv=notrunc status=none
	;;
flush) if [ -e flushed.1 ]; then touch flushed.2; else touch flushed.1; fi ;;
*) exit 2 ;;
esac
"""


class Gate:
    """That server, stopped at PLACE."""

    def __init__(self, folder, kit, name):
        self.gate, self.reached = folder / "gate", folder / "reached"
        self.gate.touch()
        script = folder / "server.sh"
        script.write_text("#!/bin/bash" + SERVER % {"folder": folder, "place": PLACE, "file": name})
        script.chmod(0o755)
        self.server = kit(script)
        self.uri = self.server.uri

    def wait(self, process):
        deadline = time.monotonic() + PATIENCE
        while not self.reached.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self, process):
        """As soon as the copy has come to the gate, which is gone afterwards."""
        self.wait(process)
        self.server.kill()
        self.gate.unlink()

    def come_back(self):
        self.server.start()


@pytest.fixture
def noise(tmp_path):
    data = random.Random(7).randbytes(SIZE)
    (tmp_path / "a").write_bytes(data)
    return data


def copy(folder, *words):
    return subprocess.Popen([str(word) for word in [BDEVKIT, "dd", f"bs={BLOCK}", "-q", "1", *words]],
                            stderr=subprocess.PIPE, text=True, cwd=folder)


def place_of(said):
    found = re.search(r"(\d+) of \d+ bytes are safe on the target; the same command with --resume \1 goes on there", said)
    assert found, said
    return int(found[1])


def test_source_goes_away(tmp_path, kit, noise):
    gate = Gate(tmp_path, kit, "a")
    with copy(tmp_path, gate.uri, "b") as process:
        gate.kill(process)
        said = process.stderr.read()
        assert process.wait() == 1, said
    assert f"reading at byte {PLACE}: the server has hung up" in said
    assert place_of(said) == PLACE and (tmp_path / "b").read_bytes()[:PLACE] == noise[:PLACE]
    gate.come_back()
    said = dd_json(gate.uri, "b", f"bs={BLOCK}", "--resume", PLACE, cwd=tmp_path)
    assert said["resumed"] == PLACE and said["data_bytes"] == SIZE - PLACE and said["complete"]
    assert (tmp_path / "b").read_bytes() == noise


def test_target_goes_away(tmp_path, kit, noise):
    (tmp_path / "b").write_bytes(b"x" * SIZE)
    gate = Gate(tmp_path, kit, "b")
    with copy(tmp_path, "a", gate.uri, "--safe-every", BLOCK) as process:
        gate.kill(process)
        said = process.stderr.read()
        assert process.wait() == 1, said
    place = place_of(said)
    assert 0 < place <= PLACE and (tmp_path / "b").read_bytes()[:place] == noise[:place]
    gate.come_back()
    dd("a", gate.uri, f"bs={BLOCK}", "--resume", place, cwd=tmp_path)
    assert (tmp_path / "b").read_bytes() == noise


@pytest.mark.parametrize("end", ["source", "target"])
def test_retry(tmp_path, kit, noise, end):
    if end == "target":
        (tmp_path / "b").write_bytes(b"x" * SIZE)
    gate = Gate(tmp_path, kit, "a" if end == "source" else "b")
    ends = [gate.uri, "b"] if end == "source" else ["a", gate.uri]
    with copy(tmp_path, *ends, "--retry", "600", "--safe-every", BLOCK) as process:
        gate.kill(process)
        assert f"the {end} is gone at byte" in process.stderr.readline()
        gate.come_back()
        said = process.stderr.read()
        assert process.wait() == 0 and f"the {end} is back" in said, said
    assert (tmp_path / "b").read_bytes() == noise


def test_retry_in_vain(tmp_path, kit, noise):
    gate = Gate(tmp_path, kit, "a")
    with copy(tmp_path, gate.uri, "b", "--retry", "0.1") as process:
        gate.kill(process)
        said = process.stderr.read()
        assert process.wait() == 1 and "did not come back" in said
    assert place_of(said) == PLACE


def test_our_own_target_is_killed(target, tmp_path, noise):
    """With a bdev that holds what is written to it, so that the copy cannot have ended."""
    one = target("error(malloc:24M)")
    one.rpc("bdev_error_inject_error", name="EE_malloc", io_type="write", error_type="pending", num=1000000)
    with copy(tmp_path, "a", one.uri("EE_malloc"), "--progress") as process:
        assert "(0 %)" in process.stderr.readline()
        one.kill()
        said = process.stderr.read()
        assert process.wait() == 1
    assert "the server has hung up" in said and f"0 of {SIZE} bytes are safe on the target; begin anew" in said


def test_interrupted(tmp_path, kit, noise):
    gate = Gate(tmp_path, kit, "a")
    with copy(tmp_path, gate.uri, "b") as process:
        gate.wait(process)
        process.send_signal(signal.SIGINT)
        # What the server holds back does not hold up the end for ever.
        said = process.stderr.read()
        assert process.wait() == 1 and "interrupted, and an end does not answer" in said, said


def test_bdev_that_fails(tmp_path):
    make_disk(tmp_path / "a")
    config = json.loads(run(BDEVKIT, "show", "error(malloc:24M)").stdout)
    bdev = next(one for one in config["subsystems"] if one["subsystem"] == "bdev")["config"]
    bdev.append({"method": "bdev_error_inject_error",
                 "params": {"name": "EE_malloc", "io_type": "write", "error_type": "failure", "num": 1}})
    (tmp_path / "disks.json").write_text(json.dumps(config))
    said = dd("--json", "disks.json", "./a", "EE_malloc", code=1, cwd=tmp_path)
    assert "EE_malloc: writing at byte " in said and "safe on the target" in said


def test_server_that_is_not_there(tmp_path):
    said = dd(f"nbd+unix:///?socket={tmp_path}/none.sock", "b", code=1, cwd=tmp_path)
    assert "none.sock" in said and not (tmp_path / "b").exists()


def test_full_target(tmp_path):
    make_disk(tmp_path / "a")
    assert "No space left" in dd("a", "of=/dev/full", code=1, cwd=tmp_path)
