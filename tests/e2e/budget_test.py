#!/usr/bin/env python3
"""cpu_budget: real traffic above it leads down, its end leads up again, and metrics, status and log say so."""
import contextlib
import socket
import threading
import time
import unittest

import metrics
from harness import EndToEndTest, quiet_config, wait_until
from network import Pair, Server, connect_and_close

# A segment costs some 80 ns, and one is sent for each 1,448 bytes: 30 MB/s are above this, and what else the machine
# does is below it.
TINY = "0.2%"
TINY_RATIO = 0.002
CHUNK = bytes(1 << 17)


class Flood:
    """Connections that carry much from one side to the other, and leave the machine some time. Context manager."""

    def __init__(self, pair, connections=8):
        self._pair, self._connections = pair, connections
        self._stop = threading.Event()
        self._failures = []

    def __enter__(self):
        self._open = contextlib.ExitStack()
        listener = self._open.enter_context(self._pair.b.listen())
        ends = []
        for _ in range(self._connections):
            sender = self._open.enter_context(self._pair.a.open_socket())
            sender.connect(listener.getsockname())
            receiver = self._open.enter_context(listener.accept()[0])
            receiver.settimeout(20)
            ends.append((sender, receiver))
        targets = [(self._send, sender) for sender, _ in ends] + [(self._receive, receiver) for _, receiver in ends]
        self._threads = [threading.Thread(target=target, args=(end,), daemon=True) for target, end in targets]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        self._open.close()
        if self._failures:
            raise self._failures[0]

    def _send(self, end):
        try:
            while not self._stop.is_set():
                end.sendall(CHUNK)
                self._stop.wait(0.01)
            end.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._failures.append(error)

    def _receive(self, end):
        try:
            while end.recv(len(CHUNK)):
                pass
        except OSError as error:
            self._failures.append(error)


class Budget(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)

    def config(self, **keys):
        return quiet_config(**{"filter": self.pair.filter(), "tick": "100ms", **keys})

    def wait_for(self, daemon, condition, what, seconds=60):
        """The first scrape of which the condition is true."""
        last = []

        def found():
            time.sleep(0.2)  # the daemon's own work is to be seen as little as may be
            last[:] = [daemon.scrape()]
            return condition(last[0])
        try:
            wait_until(found, what, seconds)
        except AssertionError as error:
            shown = {key: value for key, value in last[0].series.items()
                     if key[0].startswith(("tcpperf_cpu", "tcpperf_sampling", "tcpperf_bpf"))}
            raise AssertionError(f"{error}\n{shown}\ntcpperfd said:\n{daemon.said()}") from None
        return last[0]

    @staticmethod
    def ratio(scrape):
        return scrape.total("tcpperf_sampling_ratio")

    def test_traffic_leads_down_and_its_end_leads_up_again(self):
        daemon = self.start(self.config(cpu_budget=TINY))
        start = time.monotonic()
        before = daemon.scrape()
        self.assertEqual(self.ratio(before), 1)
        self.assertAlmostEqual(before.total("tcpperf_cpu_budget_ratio"), TINY_RATIO)
        self.wait_for(daemon, lambda scrape: scrape.has("tcpperf_cpu_cost_ratio", part="daemon"), "two measurements")
        with Flood(self.pair):
            during = self.wait_for(daemon, lambda scrape: self.ratio(scrape) < 1, "fewer connections are looked at")
            self.assertGreater(during.total("tcpperf_sampling_level"), 0)
            self.assertGreater(during.total("tcpperf_bpf_cpu_seconds_total"), 0)
            # To within the budget, or as far down as there is.
            self.wait_for(daemon, lambda scrape: scrape.total("tcpperf_cpu_cost_ratio", part="programs") <= TINY_RATIO
                          or self.ratio(scrape) == 0, "the budget is held")
            probe = daemon.probes()["time"]
            self.assertEqual(probe["status"], "degraded")
            self.assertIn("cpu_budget", probe["reason"])
            during = daemon.scrape()
        # Of the windows in which the daemon has the kernel time, and of no use to others.
        self.assertFalse(during.has("tcpperf_program_runs_total"))
        after = self.wait_for(daemon, lambda scrape: self.ratio(scrape) == 1, "every connection is looked at again")
        self.assertEqual(after.total("tcpperf_sampling_level"), 0)
        self.assertGreaterEqual(after.total("tcpperf_sampling_transitions_total", direction="down"), 1)
        self.assertGreaterEqual(after.total("tcpperf_sampling_transitions_total", direction="up"), 1)
        self.assertEqual(metrics.went_back(before, during) + metrics.went_back(during, after), [])
        # The first change is in the log, and not every one of those that follow at once.
        daemon.wait_for_line(r"BPF programs take .* % of a CPU, more than cpu_budget, 0\.2 %: .*look")
        self.assertLessEqual(daemon.count("BPF programs take"), 1 + (time.monotonic() - start) // 60, daemon.said())

    def test_what_every_event_tells_is_exact_while_few_connections_are_looked_at(self):
        daemon = self.start(self.config(cpu_budget=TINY))
        with Flood(self.pair) as _, Server(self.pair.b) as server:
            self.wait_for(daemon, lambda scrape: self.ratio(scrape) < 1, "fewer connections are looked at")
            before = daemon.scrape()
            for _ in range(101):
                connect_and_close(self.pair.a, server.address)
            wait_until(lambda: server.closed == 101, "all are closed")
            after = daemon.scrape()
        for role in ("client", "server"):
            self.assertEqual(after.total("tcpperf_connects_total", role=role)
                             - before.total("tcpperf_connects_total", role=role), 101)

    def test_a_reload_changes_the_budget(self):
        daemon = self.start(self.config())
        off = daemon.scrape()
        self.assertEqual(self.ratio(off), 1)
        for name in ("tcpperf_cpu_budget_ratio", "tcpperf_cpu_cost_ratio", "tcpperf_bpf_cpu_seconds_total"):
            self.assertFalse(off.has(name), name)
        with Flood(self.pair):
            daemon.reload(self.config(cpu_budget=TINY))
            self.wait_for(daemon, lambda scrape: self.ratio(scrape) < 1, "fewer connections are looked at")
            # Other programs go on at the level where the ones before them were.
            downs = daemon.scrape().total("tcpperf_sampling_transitions_total", direction="down")
            daemon.reload(self.config(cpu_budget=TINY, probes={"window": {"sample_interval": "2s"}}))
            scrape = daemon.scrape()
            self.assertLess(self.ratio(scrape), 1)
            self.assertGreaterEqual(scrape.total("tcpperf_sampling_transitions_total", direction="down"), downs)
            daemon.reload(self.config(cpu_budget="0.5"), good=False)
            self.assertEqual(daemon.count(r"cpu_budget: expected off or a percentage of one CPU from 0\.01% to 100%, "
                                          r"such as 0\.5%, found '0\.5'"), 1, daemon.said())
            self.assertAlmostEqual(daemon.scrape().total("tcpperf_cpu_budget_ratio"), TINY_RATIO)
            daemon.reload(self.config(cpu_budget="100%"))
            self.assertAlmostEqual(daemon.scrape().total("tcpperf_cpu_budget_ratio"), 1)
            self.wait_for(daemon, lambda scrape: self.ratio(scrape) == 1, "there is room for every connection")
            daemon.reload(self.config(cpu_budget=TINY))
            self.wait_for(daemon, lambda scrape: self.ratio(scrape) < 1, "fewer connections are looked at")
            daemon.reload(self.config(cpu_budget="off"))
            scrape = daemon.scrape()
            self.assertEqual(self.ratio(scrape), 1)
            self.assertFalse(scrape.has("tcpperf_cpu_budget_ratio"))
            self.assertEqual(daemon.probes()["time"]["status"], "ok")


if __name__ == "__main__":
    unittest.main(verbosity=2)
