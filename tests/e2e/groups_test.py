#!/usr/bin/env python3
"""For whom: connections told apart by who has them, in real processes, cgroups and namespaces."""
import os
import pathlib
import subprocess
import sys
import time
import unittest

from harness import PROBES, EndToEndTest, quiet_config, tool, wait_until
from network import Pair

WORKER = pathlib.Path(__file__).with_name("worker.py")
CONNECTIONS = 7
REQUEST_BYTES = 10_007
REPLY_BYTES = 101


class Worker:
    """A process with connections; see worker.py."""

    def __init__(self, side, name, cgroup=None):
        def enter():
            if cgroup is not None:
                (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        self.process = subprocess.Popen(
            [tool("setpriv"), "--pdeathsig", "KILL", "--", tool("ip"), "netns", "exec", side.name, sys.executable,
             WORKER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=enter)
        self.pid = self.process.pid

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        return self.answer()

    def begin(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")

    def answer(self):
        line = self.process.stdout.readline()
        if not line.startswith("ok"):
            raise AssertionError(f"the worker ended: {line!r}")
        return line[2:].strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def cgroup2_root():
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2":
            return pathlib.Path(words[1])
    return None


class Groups(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)

    def worker(self, side, name, cgroup=None):
        worker = Worker(side, name, cgroup)
        self.addCleanup(worker.end)
        return worker

    def exchange(self, client, server):
        """Connections are there; each carries a request and a reply."""
        client.begin("send", REQUEST_BYTES)
        server.do("receive", REQUEST_BYTES)
        client.answer()
        server.begin("send", REPLY_BYTES)
        client.do("receive", REPLY_BYTES)
        server.answer()
        time.sleep(0.01)  # where a segment has just arrived, one byte is left for later: it may be a FIN

    def connect(self, client, server, port):
        client.begin("connect", self.pair.b.v4, port, CONNECTIONS)
        server.do("accept", CONNECTIONS)
        client.answer()

    def scrape_exchanged(self, daemon):
        """Once one exchange is counted on both sides: where sampling is dear, not every scrape samples."""
        total = CONNECTIONS * (REQUEST_BYTES + REPLY_BYTES)
        wait_until(lambda: daemon.scrape().total("tcpperf_received_bytes_total") >= total, "all bytes are counted")
        return daemon.scrape()

    def values_of(self, metrics, name, label):
        return {dict(labels)[label] for labels in metrics.select(name)}

    def check_bytes(self, metrics, client, server):
        self.assertEqual(metrics.total("tcpperf_sent_bytes_total", **client), CONNECTIONS * REQUEST_BYTES)
        self.assertEqual(metrics.total("tcpperf_received_bytes_total", **client), CONNECTIONS * REPLY_BYTES)
        self.assertEqual(metrics.total("tcpperf_sent_bytes_total", **server), CONNECTIONS * REPLY_BYTES)
        self.assertEqual(metrics.total("tcpperf_received_bytes_total", **server), CONNECTIONS * REQUEST_BYTES)

    def test_a_process_has_its_connections_whatever_its_threads_are_called(self):
        daemon = self.start(quiet_config(filter=self.pair.filter(), group_by=["process", "role"]))
        server, client = self.worker(self.pair.b, "perf-server"), self.worker(self.pair.a, "perf-client")
        port = server.do("listen", self.pair.b.v4)
        self.connect(client, server, port)
        self.exchange(client, server)
        after = self.scrape_exchanged(daemon)
        self.check_bytes(after, {"process": "perf-client", "role": "client"},
                         {"process": "perf-server", "role": "server"})
        for process in ("perf-client", "perf-server"):
            self.assertEqual(after.total("tcpperf_open_connections", process=process), CONNECTIONS)
        # `role` of this metric is its own.
        self.assertEqual(after.total("tcpperf_connects_total", process="perf-server", role="server"), CONNECTIONS)
        self.assertEqual(after.total("tcpperf_connects_total", process="perf-client", role="client"), CONNECTIONS)
        for name in ("tcpperf_sent_bytes_total", "tcpperf_rtt_seconds_count", "tcpperf_connects_total"):
            self.assertLessEqual(self.values_of(after, name, "process"), {"perf-client", "perf-server", "other"}, name)

    def test_a_process_that_took_a_connection_over_has_it_from_its_first_read_on(self):
        daemon = self.start(quiet_config(filter=self.pair.filter(), group_by=["process", "pid"]))
        server, client = self.worker(self.pair.b, "perf-master"), self.worker(self.pair.a, "perf-client")
        port = server.do("listen", self.pair.b.v4)
        worker_pid = server.do("fork", "perf-worker")
        self.connect(client, server, port)
        self.exchange(client, server)
        after = self.scrape_exchanged(daemon)
        self.assertEqual(after.total("tcpperf_connects_total", process="perf-master", role="server"), CONNECTIONS)
        self.check_bytes(after, {"process": "perf-client"}, {"process": "perf-worker", "pid": worker_pid})
        self.assertEqual(after.total("tcpperf_sent_bytes_total"), CONNECTIONS * (REQUEST_BYTES + REPLY_BYTES))

    def test_a_process_that_only_reads_and_then_waits_keeps_its_slot(self):
        daemon = self.start(quiet_config(filter=self.pair.filter(), group_by="process", tick="1s",
                                         groups={"idle_after": "10s"}))
        server, client = self.worker(self.pair.b, "perf-master"), self.worker(self.pair.a, "perf-client")
        port = server.do("listen", "0.0.0.0")
        server.do("fork", "perf-worker")
        self.connect(client, server, port)
        client.begin("send", REQUEST_BYTES)
        server.do("receive", REQUEST_BYTES)
        client.answer()
        after = daemon.scrape()
        self.assertEqual(after.total("tcpperf_open_connections", process="perf-worker"), CONNECTIONS)
        self.assertEqual(after.total("tcpperf_connects_total", process="perf-master"), CONNECTIONS)
        wait_until(lambda: not daemon.scrape().has("tcpperf_connects_total", process="perf-master"),
                   "the group of the process without connections is retired")
        after = daemon.scrape()
        self.assertEqual(after.total("tcpperf_connects_total", process="other", role="server"), CONNECTIONS)
        self.assertEqual(after.total("tcpperf_open_connections", process="perf-worker"), CONNECTIONS)
        self.assertEqual(after.total("tcpperf_open_connections"), 2 * CONNECTIONS)

    def test_connections_and_listeners_older_than_the_daemon_have_their_owners(self):
        server, client = self.worker(self.pair.b, "perf-server"), self.worker(self.pair.a, "perf-client")
        port = server.do("listen", self.pair.b.v4)
        self.connect(client, server, port)
        daemon = self.start(quiet_config(filter=self.pair.filter(), group_by=["process", "service_port", "role"]))
        self.exchange(client, server)
        after = self.scrape_exchanged(daemon)
        self.check_bytes(after, {"process": "perf-client", "service_port": port, "role": "client"},
                         {"process": "perf-server", "service_port": port, "role": "server"})
        self.connect(client, server, port)
        self.assertEqual(daemon.scrape().total("tcpperf_connects_total", process="perf-server", role="server"),
                         CONNECTIONS)

    def test_a_cgroup_is_named_by_its_unit_also_when_it_is_gone(self):
        root = cgroup2_root()
        if root is None:
            self.skipTest("no cgroup2 hierarchy is mounted")
        unit = f"tcpperf-test-{os.getpid()}.service"
        folder = root / unit / "payload"
        folder.mkdir(parents=True)
        self.addCleanup(lambda: [path.rmdir() for path in (folder, folder.parent) if path.exists()])
        daemon = self.start(quiet_config(filter=self.pair.filter(), group_by="cgroup"))
        server = self.worker(self.pair.b, "perf-server")
        client = self.worker(self.pair.a, "perf-client", cgroup=folder)
        port = server.do("listen", self.pair.b.v4)
        self.connect(client, server, port)
        self.exchange(client, server)
        self.assertEqual(daemon.scrape().total("tcpperf_sent_bytes_total", cgroup=unit), CONNECTIONS * REQUEST_BYTES)
        client.end()
        wait_until(lambda: not (folder / "cgroup.procs").read_text(), "the cgroup is empty")
        folder.rmdir()
        folder.parent.rmdir()
        self.assertEqual(daemon.scrape().total("tcpperf_sent_bytes_total", cgroup=unit), CONNECTIONS * REQUEST_BYTES)

    def test_the_groups_in_use_and_the_overflow_are_said(self):
        daemon = self.start(quiet_config(filter={"local_ip": self.pair.a.v4}, group_by="local_port",
                                         probes={name: {"series_budget": 3} for name in PROBES
                                                 if name not in ("kernel", "reconciliation")}))
        server, client = self.worker(self.pair.b, "perf-server"), self.worker(self.pair.a, "perf-client")
        port = server.do("listen", self.pair.b.v4)
        self.connect(client, server, port)
        self.exchange(client, server)
        after = daemon.scrape()
        self.assertEqual(after.total("tcpperf_groups", group_by="local_port", of="connections"), 3)
        self.assertEqual(after.total("tcpperf_group_capacity", group_by="local_port", of="connections"), 3)
        self.assertEqual(after.total("tcpperf_group_overflow_total", group_by="local_port", of="connections"),
                         CONNECTIONS - 3)
        self.assertEqual(after.total("tcpperf_sent_bytes_total", local_port="other"), (CONNECTIONS - 3) * REQUEST_BYTES)
        self.assertEqual(after.total("tcpperf_sent_bytes_total"), CONNECTIONS * REQUEST_BYTES)

    def test_a_reload_that_changes_the_groups_begins_them_anew_and_leaves_the_rest(self):
        config = quiet_config(filter=self.pair.filter(), probes={"throughput": {"group_by": "role"}})
        daemon = self.start(config)
        server, client = self.worker(self.pair.b, "perf-server"), self.worker(self.pair.a, "perf-client")
        port = server.do("listen", self.pair.b.v4)
        self.connect(client, server, port)
        self.exchange(client, server)
        self.assertEqual(daemon.scrape().total("tcpperf_sent_bytes_total", role="client"), CONNECTIONS * REQUEST_BYTES)
        config["probes"]["throughput"]["group_by"] = ["role", "family"]
        daemon.reload(config)
        self.exchange(client, server)
        after = self.scrape_exchanged(daemon)
        self.check_bytes(after, {"role": "client", "family": "ipv4"}, {"role": "server", "family": "ipv4"})
        self.assertEqual(after.total("tcpperf_connects_total", role="client"), CONNECTIONS)


if __name__ == "__main__":
    unittest.main()
