# SPDX-License-Identifier: BSD-3-Clause
"""Metrics, as the programs of Prometheus itself read them."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import nbd
import pytest

from conftest import BUILD, PATIENCE, ROOT, RpcError, run

MODULE = BUILD / "module/metrics/metrics.so"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason="built without libmicrohttpd")


def program(name):
    """Of the package of Prometheus, which is unpacked and not installed."""
    path = shutil.which(name, path=f"{ROOT / 'build-tools/usr/bin'}:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"there is no {name}: scripts/unpack-packages.sh gets it")
    return path


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def get(path, url="/metrics", method="GET", body=None, accept=None):
    connection = UnixConnection(path)
    connection.request(method, url, body, {"Accept": accept} if accept else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def samples(text):
    """{'name{labels}': value}"""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}


@pytest.fixture
def served(target, tmp_path):
    server = target("--metrics", f"unix:{tmp_path / 'metrics.sock'}", "malloc:16M")
    server.metrics_path = tmp_path / "metrics.sock"
    return server


def read(server, name, count=16):
    client = nbd.NBD()
    client.connect_uri(f"nbd+unix:///{name}?socket={server.nbd_path}")
    for number in range(count):
        client.pread(4096, number * 4096)
    client.shutdown()


def test_counted(served):
    before = samples(get(served.metrics_path)[1])
    read(served, "malloc")
    read(served, "malloc")
    after = samples(get(served.metrics_path)[1])

    def more(name):
        return after[name] - before[name]

    assert more('bdevkit_bdev_ios_total{bdev="malloc",type="read"}') == 32
    assert more('bdevkit_bdev_bytes_total{bdev="malloc",type="read"}') == 32 * 4096
    assert more('bdevkit_bdev_io_seconds_total{bdev="malloc",type="read"}') > 0
    # Of clients that have gone, too.
    assert more('bdevkit_bdev_latency_seconds_count{bdev="malloc"}') >= 32
    assert after['bdevkit_bdev_latency_seconds_bucket{bdev="malloc",le="+Inf"}'] == \
        after['bdevkit_bdev_latency_seconds_count{bdev="malloc"}']
    assert after['bdevkit_bdev_size_bytes{bdev="malloc"}'] == 16 << 20
    assert after['bdevkit_bdev_errors_total{bdev="malloc"}'] == 0
    # One is that of the connection.
    assert abs(after['process_open_fds'] - len(os.listdir(f"/proc/{served.process.pid}/fd"))) <= 1
    assert abs(after['process_start_time_seconds'] - os.stat(f"/proc/{served.process.pid}").st_ctime) < 60
    assert served.stop() == 0


def test_errors_are_counted(served):
    served.rpc("bdev_error_create", base_name="malloc")
    served.rpc("bdev_error_inject_error", name="EE_malloc", io_type="read", error_type="failure", num=1)
    with pytest.raises(nbd.Error):
        read(served, "EE_malloc", 1)
    assert samples(get(served.metrics_path)[1])['bdevkit_bdev_errors_total{bdev="EE_malloc"}'] == 1


def test_raid(served, tmp_path):
    for number in range(3):
        served.rpc("bdev_malloc_create", name=f"m{number}", num_blocks=16384, block_size=512)
    served.rpc("bdev_raid_create", name="array", raid_level="raid1", base_bdevs=["m0", "m1", "m2"])
    now = samples(get(served.metrics_path)[1])
    assert now['bdevkit_raid_info{bdev="array",level="raid1",state="online"}'] == 1
    assert now['bdevkit_raid_members{bdev="array"}'] == 3 and now['bdevkit_raid_working_members{bdev="array"}'] == 3
    served.rpc("bdev_raid_remove_base_bdev", name="m1")
    now = samples(get(served.metrics_path)[1])
    assert now['bdevkit_raid_members{bdev="array"}'] == 3 and now['bdevkit_raid_working_members{bdev="array"}'] == 2


def test_both_formats(served):
    answer, text = get(served.metrics_path)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE bdevkit_bdev_ios_total counter" in text and "# EOF" not in text
    answer, text = get(served.metrics_path, accept=OPENMETRICS)
    assert answer.headers["Content-Type"].startswith(OPENMETRICS)
    assert "# TYPE bdevkit_bdev_ios counter" in text and text.endswith("# EOF\n")
    # A HEAD has the length and no text.
    answer, text = get(served.metrics_path, method="HEAD")
    assert answer.status == 200 and text == "" and int(answer.headers["Content-Length"]) > 1000


def test_promtool(served):
    """Names, types, units and help texts, by Prometheus's own rules."""
    served.rpc("bdev_raid_create", name="array", raid_level="concat", strip_size_kb=4, base_bdevs=["malloc"])
    _, text = get(served.metrics_path)
    result = run(program("promtool"), "check", "metrics", input=text)
    assert result.stdout + result.stderr == ""


def test_what_is_no_request_for_metrics(served):
    assert get(served.metrics_path, url="/")[0].status == 404
    answer, _ = get(served.metrics_path, method="POST", body="x" * 100000)
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
    for data in (b"\0\1\2\3\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET " + b"x" * 100000, b"GET /metrics"):
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(str(served.metrics_path))
        try:
            raw.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        raw.close()
    assert get(served.metrics_path)[0].status == 200
    assert served.stop() == 0


def test_clients_that_do_not_read(served):
    """More than may connect, none of which reads its answer: I/O goes on, and the target ends."""
    idle = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for raw in idle:
        raw.setblocking(False)
        try:
            raw.connect(str(served.metrics_path))
            raw.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        except (BlockingIOError, BrokenPipeError):
            pass
    read(served, "malloc")
    assert served.stop() == 0
    for raw in idle:
        raw.close()


def test_while_bdevs_come_and_go(served):
    stop = threading.Event()
    statuses = []

    def scrape():
        while not stop.is_set():
            statuses.append(get(served.metrics_path)[0].status)

    threads = [threading.Thread(target=scrape) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        served.rpc("bdev_malloc_create", name="m", num_blocks=128, block_size=512)
        served.rpc("bdev_malloc_delete", name="m")
    stop.set()
    for thread in threads:
        thread.join()
    assert statuses and set(statuses) == {200}


def test_switched_on_and_off(target, tmp_path):
    server = target("malloc:16M")
    with pytest.raises(RpcError, match="not found"):
        server.rpc("metrics_start")
    server.rpc("module_load", module=str(MODULE))
    path = tmp_path / "metrics.sock"
    assert server.rpc("metrics_start", address=f"unix:{path}", latency=False) == f"unix:{path}"
    text = get(path)[1]
    assert "bdevkit_bdev_ios_total" in text and "bdevkit_bdev_latency_seconds_bucket" not in text
    with pytest.raises(RpcError, match="already"):
        server.rpc("metrics_start")
    assert server.rpc("metrics_stop") is True
    assert not path.exists()
    with pytest.raises(RpcError, match="are not served"):
        server.rpc("metrics_stop")
    for address, what in (("udp:1", "an address is tcp:PORT"), ("tcp:", "comes PORT"), ("tcp:no.such.host.invalid:1", "comes PORT"),
                          ("unix:", "107 bytes"), (f"unix:{tmp_path}/no/such", "No such file"), (f"unix:{tmp_path}", "in use"),
                          ("tcp:192.0.2.1:1", "assign")):
        with pytest.raises(RpcError, match=what):
            server.rpc("metrics_start", address=address)
    bound = server.rpc("metrics_start", address="tcp:0")
    port = int(re.fullmatch(r"tcp:127\.0\.0\.1:(\d+)", bound).group(1))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        assert b"bdevkit_bdev_latency_seconds_bucket" in answer.read()
    saved = json.dumps(server.rpc("save_config"))
    assert '"metrics_start", "params": {"address": "tcp:0", "latency": true}' in saved
    # Histograms that only serve metrics are not part of it.
    assert "bdev_enable_histogram" not in saved
    # It can be unloaded, also while metrics are served.
    assert server.rpc("module_unload", name="metrics") is True
    assert server.stop() == 0


def test_saved_and_loaded(target, tmp_path):
    path = tmp_path / "metrics.sock"
    server = target("--metrics", f"unix:{path}", "malloc:16M")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(server.rpc("save_config")))
    assert server.stop() == 0
    server = target("--json", config)
    assert 'bdev="malloc"' in get(path)[1]
    assert server.stop() == 0


def test_asked_for_where_it_cannot_be(tmp_path):
    result = subprocess.run([BUILD / "app/bdevkit/bdevkit", "serve", "-r", tmp_path / "rpc.sock", "--nbd",
                             f"unix:{tmp_path / 'nbd.sock'}", "--metrics", "tcp:nonsense"],
                            capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 1 and "tcp:nonsense" in result.stderr, result.stderr


@pytest.fixture
def prometheus(tmp_path):
    """prometheus(port) scrapes that port, and returns a function that asks it."""
    processes = []

    def start(port):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            own = probe.getsockname()[1]
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: bdevkit, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n")
        processes.append(subprocess.Popen(
            [program("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{own}"], stdout=subprocess.DEVNULL, stderr=(tmp_path / "prometheus.log").open("w")))

        def ask(query):
            """The values by bdev; none as long as it does not answer."""
            url = f"http://127.0.0.1:{own}/api/v1/query?" + urllib.parse.urlencode({"query": query})
            try:
                with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                    result = json.load(answer)["data"]["result"]
            except OSError:
                return {}
            return {item["metric"].get("bdev"): float(item["value"][1]) for item in result}

        return ask

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def test_prometheus_answers(target, prometheus):
    """What an operator asks: I/Os per second of each bdev, and the latency that 99 of 100 stay below."""
    server = target("--module", MODULE, "malloc:16M", "delay(malloc:16M,avg_read_latency=3000,p99_read_latency=3000,"
                    "avg_write_latency=0,p99_write_latency=0)")
    ask = prometheus(server.rpc("metrics_start", address="tcp:0").rpartition(":")[2])
    slow = next(bdev["name"] for bdev in server.rpc("bdev_get_bdevs") if bdev["product_name"] == "delay")
    deadline = time.monotonic() + 2 * PATIENCE
    rates, tails = {}, {}
    while not (rates.get(slow, 0) > 0 and rates.get("malloc", 0) > 0 and 0 < tails.get(slow, 0)):
        assert time.monotonic() < deadline, (rates, tails)
        read(server, slow, 20)
        read(server, "malloc", 20)
        rates = ask('sum by (bdev) (rate(bdevkit_bdev_ios_total[1m]))')
        tails = ask('histogram_quantile(0.99, sum by (bdev, le) (rate(bdevkit_bdev_latency_seconds_bucket[1m])))')
        tails = {name: value for name, value in tails.items() if value == value}
    # Each of its reads takes at least 3 ms, so the bucket is that up to 5 ms, or a later one.
    assert tails[slow] > 0.002, tails
    assert ask("up") == {None: 1.0}
    assert server.stop() == 0


def test_documented(served):
    """The table of doc/metrics.md has what there is, and nothing else."""
    served.rpc("bdev_raid_create", name="array", raid_level="concat", strip_size_kb=4, base_bdevs=["malloc"])
    page = (ROOT / "doc/metrics.md").read_text(encoding="utf-8")
    documented = {(name, kind) for name, kind in re.findall(r"^\| `(\w+)[^`]*` \| (\w+)", page, re.M)}
    families = set(re.findall(r"^# TYPE (\w+) (\w+)$", get(served.metrics_path)[1], re.M))
    assert documented == families
