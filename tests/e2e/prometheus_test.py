#!/usr/bin/env python3
"""A real Prometheus scrapes the daemon while real traffic has every trouble there is, and every query of the dashboard
finds something."""
import json
import math
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from harness import ROOT, EndToEndTest, free_port, measure_bpf_programs, quiet_config, run, wait_until
from network import Chatter, Pair, Server, connect_and_reset, connect_refused

DASHBOARD = ROOT / "dashboards/grafana/tcpperf.json"
CHECKER = ROOT / "tests/tools/check_dashboard.py"
# As in the shipped configuration; the dashboard's queries must do with both kinds of probes.
GROUPED = {"group_by": ["service_port", "role"]}
GROUPED_PROBES = ("rtt", "handshake", "retransmit", "throughput")


class Prometheus:
    """Prometheus' HTTP API."""

    def __init__(self, test, target, how=None, name="prometheus", flags=()):
        """`how`: more of the scrape configuration, such as tls_config. `name`: of one among several in the test."""
        config = test.folder / f"{name}.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "tcpperf", "static_configs": [{"targets": [target]}],
                                **(how or {})}]}))
        arguments = (f"--config.file={config}", f"--storage.tsdb.path={test.folder / name}", *flags)
        # Somebody else may have got the port in the meantime.
        while not self._start(test, f"127.0.0.1:{free_port()}", arguments):
            pass

    def _start(self, test, address, arguments):
        """False when the address is taken."""
        self.url = f"http://{address}"
        self.program = test.start_program("prometheus", f"--web.listen-address={address}", *arguments)
        wait_until(lambda: self._is_ready() or self._has_ended(), "Prometheus is ready", 60)
        if not self._has_ended():
            return True
        self.program.wait()
        if self.program.count("address already in use") == 0:
            raise AssertionError(f"prometheus ended:\n{self.program.said()}")
        return False

    def _has_ended(self):
        return self.program.process.poll() is not None

    def _is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=10) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def scraped(self, expression, what):
        """Waits until a scrape has brought what the expression asks for."""
        wait_until(lambda: self.query(expression), what, 60)

    def query(self, expression):
        """Values of the resulting series."""
        return [float(result["value"][1]) for result in self.ask("/api/v1/query", query=expression)["result"]]

    def target(self):
        return self.ask("/api/v1/targets")["activeTargets"][0]


# There with a budget only, which hides what the kernel's own timing of all runs shows.
OF_A_BUDGET = ("tcpperf_bpf_cpu_seconds_total", "tcpperf_cpu_budget_ratio")


class PrometheusTest(EndToEndTest):
    @classmethod
    def dashboard_queries(cls):
        return json.loads(run("python3", "-B", CHECKER, DASHBOARD, "--queries").stdout)

    def make_trouble(self, pair, server):
        with Chatter(pair.a, server):
            for _ in range(10):
                connect_refused(pair.a, pair.b.v4)
                connect_and_reset(pair.a, server.address)
                time.sleep(0.3)

    def test_with_a_cpu_budget_its_queries_return_data(self):
        daemon = self.start(quiet_config(tick="200ms", cpu_budget="50%"))
        host, port = daemon.addresses()[0]
        prometheus = Prometheus(self, f"{host}:{port}")
        for query in self.dashboard_queries():
            if any(name in query["expr"] for name in OF_A_BUDGET):
                wait_until(lambda: prometheus.query(query["expr"]), query["expr"])

    def test_every_query_of_the_dashboard_returns_data(self):
        measure_bpf_programs(self)
        pair = Pair()
        self.addCleanup(pair.close)
        daemon = self.start({
            "tick": "200ms", "filter": pair.filter(), "probes": {probe: GROUPED for probe in GROUPED_PROBES},
            "alerts": [{"name": "losses", "condition": "retransmit_rate > 0", "window": "1s"}],
            "sinks": {"syslog": False, "file": {"path": str(self.folder / "alerts.jsonl")}}})
        host, port = daemon.addresses()[0]
        prometheus = Prometheus(self, f"{host}:{port}")
        # Counters whose first sample is not zero have no increase: all are there before anything happens.
        prometheus.scraped('count_over_time(up{job="tcpperf"}[1m]) >= 2', "two scrapes")
        with Server(pair.b) as server:
            pair.lose(server.port, percent=10)
            self.make_trouble(pair, server)
            last = daemon.scrape().total("tcpperf_connects_total")
            wait_until(lambda: sum(prometheus.query("tcpperf_connects_total")) >= last, "the last of it is scraped")

        for query in self.dashboard_queries():
            if any(name in query["expr"] for name in OF_A_BUDGET):
                continue
            with self.subTest(panel=query["title"], ref=query["ref"]):
                values = prometheus.query(query["expr"])
                self.assertTrue(values, query["expr"])
                self.assertTrue(any(math.isfinite(value) for value in values), query["expr"])

        with self.subTest("scrapes went well"):
            self.assertEqual(prometheus.query('min_over_time(up{job="tcpperf"}[5m])'), [1])
            target = prometheus.target()
            self.assertEqual((target["health"], target["lastError"]), ("up", ""))
            self.assertEqual(prometheus.program.count("level=(warn|error).*scrape"), 0, prometheus.program.said())

        with self.subTest("numbers are plausible"):
            # Between the shortest way through a veth pair and a delayed acknowledgement on a busy machine.
            median, = prometheus.query("histogram_quantile(0.5, sum by (le) (rate(tcpperf_rtt_seconds_bucket[1m])))")
            self.assertGreater(median, 1e-6)
            self.assertLess(median, 0.1)
            ratio, = prometheus.query(
                'sum(increase(tcpperf_retransmitted_segments_total{kind!~"syn|synack"}[1m]))'
                " / sum(increase(tcpperf_sent_segments_total[1m]))")
            self.assertGreater(ratio, 0.02)  # of 10 % of one direction
            self.assertLess(ratio, 0.4)
            dropped, = prometheus.query('increase(tcpperf_drops_total{reason="NETFILTER_DROP"}[1m])')
            self.assertGreater(dropped, 10)

    def test_a_retired_group_is_no_burst(self):
        pair = Pair()
        self.addCleanup(pair.close)
        daemon = self.start(quiet_config(
            filter=pair.filter(), tick="200ms", groups={"idle_after": "10s"}, probes={"rtt": GROUPED}))
        host, port = daemon.addresses()[0]
        prometheus = Prometheus(self, f"{host}:{port}")
        prometheus.scraped('count_over_time(up{job="tcpperf"}[1m]) >= 2', "two scrapes")
        with Server(pair.b) as server, Chatter(pair.a, server):
            time.sleep(5)
        prometheus.scraped('sum(tcpperf_groups{job="tcpperf", of="connections"}) == 0', "all groups are retired")

        measured = daemon.scrape().total("tcpperf_rtt_seconds_count")
        heatmap = next(query for query in self.dashboard_queries() if query["title"] == "Round-trip time")
        shown = max(prometheus.query(heatmap["expr"]))  # of the last border, which is the count
        self.assertGreater(shown, 0.5 * measured)
        self.assertLess(shown, 1.3 * measured)
        with self.subTest("without the care that the dashboard takes it is one"):
            twice, = prometheus.query("sum(increase(tcpperf_rtt_seconds_count[1m]))")
            self.assertGreater(twice, 1.4 * measured)


if __name__ == "__main__":
    unittest.main(verbosity=2)
