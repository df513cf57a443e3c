#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures bdevkit beside its peers, in one run, and prints medians and ratios.

Each round runs every server in turn, so that a machine whose speed drifts treats them alike. Nothing here passes or
fails: the figures are for people.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = 256 << 20

# What is done, and the arguments that say so to nbd_bench and to fio.
WORKS = {
    "4 KiB random read, queue depth 32": ("read -b 4096 -q 32", "--rw=randread --bs=4k --iodepth=32"),
    "4 KiB random write, queue depth 32": ("write -b 4096 -q 32", "--rw=randwrite --bs=4k --iodepth=32"),
    "256 KiB sequential read, queue depth 8": ("read -b 262144 -q 8 -s", "--rw=read --bs=256k --iodepth=8"),
    "256 KiB sequential write, queue depth 8": ("write -b 262144 -q 8 -s", "--rw=write --bs=256k --iodepth=8"),
}


def wait_for_socket(path, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"{process.args[0]} does not listen on {path}")


class Server:
    """One that runs, and how to reach it."""

    def __init__(self, name, process, path, export):
        self.name = name
        self.process = process
        self.path = path
        self.export = export
        self.uri = f"nbd+unix:///{export}?socket={path}"


def start_bdevkit(build, folder, *arguments):
    path = folder / "bdevkit.sock"
    process = subprocess.Popen([build / "app/bdevkit/bdevkit", "serve", "-r", folder / "rpc.sock",
                                "--nbd", f"unix:{path}", *arguments], stdout=subprocess.DEVNULL)
    wait_for_socket(path, process)
    return process


def start_nbdkit(folder):
    path = folder / "nbdkit.sock"
    process = subprocess.Popen(["nbdkit", "-f", "-U", path, "memory", str(SIZE)], stderr=subprocess.DEVNULL)
    wait_for_socket(path, process)
    return process


def start_qemu_nbd(folder):
    path = folder / "qemu.sock"
    image = Path("/dev/shm") / f"bdevkit-bench-{os.getpid()}.img"
    image.touch()
    os.truncate(image, SIZE)
    process = subprocess.Popen(["qemu-nbd", "-t", "-e", "8", "-f", "raw", "-k", path, image],
                               stderr=subprocess.DEVNULL)
    wait_for_socket(path, process)
    image.unlink()
    return process


def run_fio(build, server, work, seconds):
    """fio spends some six system calls on each request, so with small ones it measures itself."""
    command = ["fio", "--name=bench", "--ioengine=nbd", f"--uri={server.uri}", f"--size={SIZE}", "--time_based",
               f"--runtime={seconds}", "--output-format=json", *WORKS[work][1].split()]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    job = json.loads(output[output.index("{"):])["jobs"][0]
    return job["read"]["iops"] + job["write"]["iops"]


def run_nbd_bench(build, server, work, seconds):
    """A client that sends and receives many requests in one system call, so that the server is what is measured."""
    command = [build / "test/bench/nbd_bench", server.path, server.export, *WORKS[work][0].split(), "-t", str(seconds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.split(" operations/s")[0].split()[-1])


def fill(server):
    """So that no server is measured while it takes memory for the first time."""
    subprocess.run(["fio", "--name=fill", "--ioengine=nbd", f"--uri={server.uri}", f"--size={SIZE}", "--rw=write",
                    "--bs=1M", "--iodepth=4"], check=True, capture_output=True)


def bench_nbd(build, rounds, seconds):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = [Server("bdevkit", start_bdevkit(build, folder), folder / "bdevkit.sock", "disk")]
        # Of the same size as the others'.
        rpc(folder / "rpc.sock", "bdev_malloc_create", name="disk", num_blocks=SIZE // 512, block_size=512)
        if shutil.which("nbdkit"):
            servers.append(Server("nbdkit memory", start_nbdkit(folder), folder / "nbdkit.sock", ""))
        if shutil.which("qemu-nbd"):
            servers.append(Server("qemu-nbd, file in tmpfs", start_qemu_nbd(folder), folder / "qemu.sock", ""))
        try:
            for server in servers:
                fill(server)
            for client, run in {"nbd_bench": run_nbd_bench, "fio": run_fio}.items():
                for work in WORKS:
                    results = {server.name: [] for server in servers}
                    for _ in range(rounds):
                        for server in servers:
                            results[server.name].append(run(build, server, work, seconds))
                    print(f"\nNBD over a Unix socket, {work}, client {client}, median of {rounds}:")
                    ours = statistics.median(results["bdevkit"])
                    for server, values in results.items():
                        median = statistics.median(values)
                        print(f"  {server:26} {median:10,.0f} /s  ({min(values):,.0f} to {max(values):,.0f})"
                              f"  bdevkit is {ours / median:.2f} times", flush=True)
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait()


def rpc(path, method, **params):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
                                      if params else {"jsonrpc": "2.0", "id": 1, "method": method}).encode())
        data = b""
        while not data.endswith(b"\n"):
            data += connection.recv(65536)
    return json.loads(data)["result"]


def first_reply_ms(build, folder):
    """From exec to the first reply on the RPC socket."""
    path = folder / "start.sock"
    start = time.monotonic()
    process = subprocess.Popen([build / "app/bdevkit/bdevkit", "serve", "-r", path, "--nbd", f"unix:{folder}/s.sock"],
                               stdout=subprocess.DEVNULL)
    while True:
        try:
            rpc(path, "spdk_get_version")
            break
        except OSError:
            time.sleep(0.0002)
    elapsed = time.monotonic() - start
    process.terminate()
    process.wait()
    return elapsed * 1000


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


def bench_idle(build, seconds):
    """100 bdevs and one connected client, nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = [first_reply_ms(build, folder) for _ in range(7)]
        print(f"\nExec to first RPC reply: {statistics.median(starts):.1f} ms ({min(starts):.1f} to {max(starts):.1f})")
        process = start_bdevkit(build, folder)
        try:
            for number in range(99):
                rpc(folder / "rpc.sock", "bdev_malloc_create", name=f"Malloc{number}", num_blocks=131072,
                    block_size=512)
            import nbd  # a client that connects and then only waits
            client = nbd.NBD()
            client.connect_uri(f"nbd+unix:///memory?socket={folder}/bdevkit.sock")
            client.pread(4096, 0)
            time.sleep(1)
            before = cpu_seconds(process.pid)
            switches = Path(f"/proc/{process.pid}/status").read_text()
            time.sleep(seconds)
            used = cpu_seconds(process.pid) - before
            wakes = [int(text.split("voluntary_ctxt_switches:")[1].split()[0])
                     for text in (switches, Path(f"/proc/{process.pid}/status").read_text())]
            print(f"Idle with 100 bdevs and a connected client, {seconds} s: {100 * used / seconds:.3f} % of a core, "
                  f"{wakes[1] - wakes[0]} wake-ups, {resident_mib(process.pid):.1f} MiB resident")
            client.shutdown()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def bench_null(build):
    """The layer's cost per I/O without a device behind it."""
    program = build / "test/bench/null_bench"
    if program.exists():
        print()
        subprocess.run([program], check=True)


def bench_dif(build):
    """Protection information, beside the bare loop over the CRC."""
    program = build / "test/bench/dif_bench"
    if program.exists():
        print()
        subprocess.run([program], check=True)


def bench_accel(build):
    """Operations on data, beside the bare loop over the library that carries them out."""
    program = build / "test/bench/accel_bench"
    if program.exists():
        print()
        subprocess.run([program], check=True)


def bench_crypto(build):
    """Encryption of a bdev, beside the bare loops over libgcrypt and OpenSSL."""
    program = build / "test/bench/crypto_bench"
    if program.exists():
        print()
        subprocess.run([program], check=True)


def run_uring_bench(build, module, path, kind, depth, seconds):
    """I/Os per second, and nanoseconds of CPU time for each."""
    command = [build / "test/bench/uring_bench", module, path, kind, "-q", str(depth), "-t", str(seconds)]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(words[0]), float(words[2])


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_fio_uring(path, kind, depth, seconds, start_cpu=0):
    """With all that makes it fast: registered buffers and file, 16 I/Os in a system call."""
    # Threads of the kernel that work for it are not in its own figures; ours of the whole process has them.
    before = children_cpu()
    command = ["fio", "--name=bench", "--thread", "--ioengine=io_uring", f"--filename={path}", "--direct=1",
               f"--rw=rand{kind}", "--bs=4k", f"--iodepth={depth}", "--iodepth_batch_submit=16",
               "--iodepth_batch_complete_max=16", "--fixedbufs=1", "--registerfiles=1", "--norandommap",
               "--randrepeat=0", "--time_based", f"--runtime={seconds}", "--output-format=json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu = children_cpu() - before - start_cpu
    job = json.loads(output[output.index("{"):])["jobs"][0]
    ios = job["read"]["total_ios"] + job["write"]["total_ios"]
    return job["read"]["iops"] + job["write"]["iops"], cpu * 1e9 / ios


def fio_start_cpu(path):
    """What fio takes before its first I/O."""
    before = children_cpu()
    subprocess.run(["fio", "--name=start", "--thread", "--ioengine=io_uring", f"--filename={path}", "--rw=read",
                    "--number_ios=1", "--fixedbufs=1", "--registerfiles=1", "--iodepth=128", "--output-format=json"],
                   check=True, capture_output=True)
    return children_cpu() - before


def bench_files(build, rounds, seconds):
    """Files: uring beside aio, and beside fio without a block-device layer; each in turn in each round."""
    for place in ("/dev/shm", "/var/tmp"):
        with tempfile.NamedTemporaryFile(dir=place, prefix="bdevkit-bench-") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            for kind in ("read", "write"):
                for depth in (32, 128):
                    runs = {"bdevkit uring": lambda: run_uring_bench(build, "uring", file.name, kind, depth, seconds),
                            "bdevkit aio": lambda: run_uring_bench(build, "aio", file.name, kind, depth, seconds)}
                    if shutil.which("fio"):
                        start_cpu = fio_start_cpu(file.name)
                        runs["fio io_uring"] = lambda: run_fio_uring(file.name, kind, depth, seconds, start_cpu)
                    results = {name: [] for name in runs}
                    for _ in range(rounds):
                        for name, run in runs.items():
                            results[name].append(run())
                    print(f"\nFile in {place}, 4 KiB random {kind}, queue depth {depth}, median of {rounds}:")
                    ours = statistics.median(rate for rate, _ in results["bdevkit uring"])
                    for name, values in results.items():
                        rates = [rate for rate, _ in values]
                        print(f"  {name:14} {statistics.median(rates):10,.0f} /s  ({min(rates):,.0f} to "
                              f"{max(rates):,.0f})  {statistics.median(cpu for _, cpu in values):6,.0f} ns of CPU each"
                              f"  uring is {ours / statistics.median(rates):.2f} times", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="release build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--idle-seconds", type=int, default=30)
    parser.add_argument("what", nargs="*", help="nbd, idle, null, dif, accel, crypto; default all")
    options = parser.parse_args()
    what = options.what or ["null", "dif", "accel", "crypto", "idle", "nbd"]
    if "null" in what:
        bench_null(options.build)
    if "dif" in what:
        bench_dif(options.build)
    if "accel" in what:
        bench_accel(options.build)
    if "crypto" in what:
        bench_crypto(options.build)
    if "files" in what:
        bench_files(options.build, options.rounds, options.seconds)
    if "idle" in what:
        bench_idle(options.build, options.idle_seconds)
    if "nbd" in what:
        bench_nbd(options.build, options.rounds, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
