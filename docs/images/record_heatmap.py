#!/usr/bin/env python3
"""Records what docs/images/draw_heatmap.py draws: real traffic, measured by the real daemon, kept by Prometheus.

Two network namespaces with a cable between them play client and server; a third holds tcpperfd and Prometheus. Three
phases: quiet requests; with bulk transfers that keep up a queue in front of a slow link; with packets lost as well.
Needs root, iproute2, nftables, curl and Debian's prometheus; takes about three and a half minutes.

usage: record_heatmap.py FOLDER [TCPPERFD]

Writes to FOLDER: rtt.json and loss.json (Prometheus' answers), phases.json, metrics-1.txt to metrics-3.txt (the scrape
page at the end of each phase), tcpperfd.log.
"""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENT, SERVER, MONITOR = "tcpperf-doc-client", "tcpperf-doc-server", "tcpperf-doc-monitor"
CLIENT_IP, SERVER_IP = "10.88.0.1", "10.88.0.2"
REQUESTS_PORT, BULK_PORT, CLOSED_PORT = 8080, 5001, 8081
STEP_S = 2
# Name, seconds, and what happens to the cable when the phase begins.
PHASES = (
    ("quiet requests", 50, ()),
    ("bulk over 20 Mbit/s", 50, (f"nsenter --net=/run/netns/{CLIENT} tc qdisc add dev cable root tbf "
                                 "rate 20mbit burst 32kb latency 200ms",)),
    ("and 3 % of packets lost", 110, (f"nsenter --net=/run/netns/{SERVER} nft add table inet lossy",
                          f"nsenter --net=/run/netns/{SERVER} nft add chain inet lossy in "
                          "{ type filter hook input priority 0 ; }",
                          f"nsenter --net=/run/netns/{SERVER} nft add rule inet lossy in "
                          "numgen random mod 100 < 3 drop")),
)
SCRAPE = """
scrape_configs:
  - job_name: tcpperf
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [{targets: ['localhost:9435']}]
"""


def run(command):
    subprocess.run(command.split(), check=True)


def make_network():
    for name in (CLIENT, SERVER, MONITOR):
        run(f"ip netns add {name}")
        run(f"ip -n {name} link set lo up")
    run(f"ip -n {CLIENT} link add cable type veth peer name cable netns {SERVER}")
    for name, address in ((CLIENT, CLIENT_IP), (SERVER, SERVER_IP)):
        run(f"ip -n {name} address add {address}/24 dev cable")
        run(f"ip -n {name} link set cable up")


def remove_network():
    for name in (CLIENT, SERVER, MONITOR):
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


# ---- traffic: these run as processes of their own, inside a namespace ----------------------------------------------

def serve():
    """A request of 200 bytes is answered with 4000; whatever comes to the bulk port is read."""
    def answer(peer):
        while peer.recv(200, socket.MSG_WAITALL):
            peer.sendall(b"x" * 4000)
        peer.close()

    def sink(peer):
        while peer.recv(1 << 20):
            pass

    def listen(port, handler):
        listener = socket.create_server((SERVER_IP, port), backlog=256)
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=handler, args=(peer,), daemon=True).start()

    threading.Thread(target=listen, args=(BULK_PORT, sink), daemon=True).start()
    listen(REQUESTS_PORT, answer)


def request():
    """Eight clients, each about 20 requests a second, a new connection now and then."""
    def client():
        while True:
            with socket.create_connection((SERVER_IP, REQUESTS_PORT)) as peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(random.randint(20, 60)):
                    peer.sendall(b"x" * 200)
                    peer.recv(4000, socket.MSG_WAITALL)
                    time.sleep(random.uniform(0.02, 0.08))
            if random.random() < 0.02:
                socket.socket().connect_ex((SERVER_IP, CLOSED_PORT))

    for _ in range(8):
        threading.Thread(target=client, daemon=True).start()
    signal.pause()


def bulk():
    """Three transfers without end, with CUBIC: it takes what room a queue has."""
    def transfer():
        peer = socket.socket()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        peer.connect((SERVER_IP, BULK_PORT))
        while True:
            peer.sendall(b"x" * 65536)

    for _ in range(3):
        threading.Thread(target=transfer, daemon=True).start()
    signal.pause()


# ---- the recording --------------------------------------------------------------------------------------------------

class Recording:
    def __init__(self, folder, daemon):
        self.folder = folder
        self.daemon = daemon
        self.processes = []

    def start(self, namespace, *command, log=None):
        out = open(self.folder / log, "w") if log else subprocess.DEVNULL
        self.processes.append(subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", *command],
                                               stdout=out, stderr=subprocess.STDOUT))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()

    def fetch(self, url):
        command = ["nsenter", f"--net=/run/netns/{MONITOR}", "curl", "-fsS", "--retry", "20", "--retry-connrefused",
                   "--retry-delay", "1", url]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def query(self, expression, begin, end, file):
        parameters = urllib.parse.urlencode({"query": expression, "start": begin, "end": end, "step": STEP_S})
        (self.folder / file).write_bytes(self.fetch(f"http://localhost:9090/api/v1/query_range?{parameters}"))

    def start_measuring(self):
        shipped = (ROOT / "config/tcpperf.yaml").read_text()
        config = shipped.replace("local_ip: []", f"local_ip: [{CLIENT_IP}]")
        config = config.replace("buckets_per_power_of_two: 1", "buckets_per_power_of_two: 4")
        assert config.count(CLIENT_IP) == 1 and "two: 4" in config
        (self.folder / "tcpperf.yaml").write_text(config)
        (self.folder / "prometheus.yml").write_text(SCRAPE)
        self.start(MONITOR, self.daemon, f"--config.file={self.folder}/tcpperf.yaml", log="tcpperfd.log")
        self.fetch("http://localhost:9435/-/ready")
        self.start(MONITOR, "prometheus", f"--config.file={self.folder}/prometheus.yml",
                   f"--storage.tsdb.path={self.folder}/data", log="prometheus.log")
        self.fetch("http://localhost:9090/-/ready")

    def run(self):
        me = [sys.executable, str(pathlib.Path(__file__).resolve())]
        self.start_measuring()
        self.start(SERVER, *me, "--serve")
        time.sleep(1)
        self.start(CLIENT, *me, "--request")
        time.sleep(5)
        phases, begin = [], time.time()
        for name, seconds, commands in PHASES:
            for command in commands:
                run(command)
            if commands and len(phases) == 1:
                self.start(CLIENT, *me, "--bulk")
            phases.append({"name": name, "begin": time.time()})
            print(f"{name}: {seconds} s", flush=True)
            time.sleep(seconds)
            (self.folder / f"metrics-{len(phases)}.txt").write_bytes(self.fetch("http://localhost:9435/metrics"))
        end = time.time()
        (self.folder / "phases.json").write_text(json.dumps({"phases": phases, "begin": begin, "end": end}))
        self.query("sum by (le) (increase(tcpperf_rtt_seconds_bucket[4s]))", begin, end, "rtt.json")
        self.query('sum(rate(tcpperf_retransmitted_segments_total{kind!~"syn|synack"}[4s]))'
                   " / sum(rate(tcpperf_sent_segments_total[4s]))", begin, end, "loss.json")


def main():
    traffic = {"--serve": serve, "--request": request, "--bulk": bulk}
    if len(sys.argv) > 1 and sys.argv[1] in traffic:
        return traffic[sys.argv[1]]()
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    daemon = os.path.abspath(sys.argv[2]) if len(sys.argv) == 3 else str(ROOT / "build/bin/tcpperfd")
    remove_network()
    recording = Recording(folder, daemon)
    try:
        make_network()
        recording.run()
    finally:
        recording.stop()
        remove_network()
    return 0


if __name__ == "__main__":
    sys.exit(main())
