#!/usr/bin/env python3
"""What the metrics say is what happened: numbers end to end, from real sockets to the scrape."""
import contextlib
import http.client
import re
import socket
import subprocess
import time
import unittest

from harness import EndToEndTest, quiet_config, tool, wait_until
from network import Pair, Server, connect_and_close, connect_and_reset, connect_refused

CONNECTIONS = 101


class Exactness(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)

    def test_every_connection_counts_once_on_each_side(self):
        daemon = self.start(quiet_config(filter=self.pair.filter()))
        for family in (socket.AF_INET, socket.AF_INET6):
            before = daemon.scrape()
            with Server(self.pair.b, family) as server:
                for _ in range(CONNECTIONS):
                    connect_and_close(self.pair.a, server.address, family)
                wait_until(lambda: server.closed == CONNECTIONS, "the server has closed all connections")
            after = daemon.scrape()
            for role in ("client", "server"):
                with self.subTest(family=family.name, role=role):
                    for name in ("tcpperf_connects_total", "tcpperf_handshake_seconds_count"):
                        grown = after.total(name, role=role) - before.total(name, role=role)
                        self.assertEqual(grown, CONNECTIONS, name)

    def test_a_scrape_shows_all_that_happened_before_it_was_asked_for(self):
        # Ticks read too, as often as they may: a scrape must not be content with a reading that began before it.
        daemon = self.start(quiet_config(tick="100ms", filter=self.pair.filter()))
        connection = http.client.HTTPConnection(*daemon.addresses()[0], timeout=20)
        self.addCleanup(connection.close)
        end = time.monotonic() + 3
        number = 0
        with Server(self.pair.b) as server:
            while time.monotonic() < end:
                number += 1
                with self.pair.a.open_socket() as client:
                    client.connect(server.address)
                    connection.request("GET", "/metrics")
                    text = connection.getresponse().read()
                found = re.search(rb'tcpperf_connects_total{role="client"} (\d+)', text)
                self.assertEqual(int(found[1]), number)

    def test_traffic_outside_the_filter_does_not_count(self):
        other = Pair()
        self.addCleanup(other.close)
        daemon = self.start(quiet_config(filter=self.pair.filter()))
        with Server(other.b) as server:
            for _ in range(CONNECTIONS):
                connect_and_close(other.a, server.address)
        self.assertEqual(daemon.scrape().total("tcpperf_connects_total"), 0)
        self.assertEqual(daemon.scrape().total("tcpperf_state_transitions_total"), 0)

    def test_resets_and_refused_connects(self):
        daemon = self.start(quiet_config(filter=self.pair.filter()))
        with Server(self.pair.b) as server:
            for _ in range(CONNECTIONS):
                connect_and_reset(self.pair.a, server.address)
            wait_until(lambda: server.closed == CONNECTIONS, "the server has seen all resets")
        for _ in range(CONNECTIONS):
            connect_refused(self.pair.a, self.pair.b.v4)
        after = daemon.scrape()
        self.assertEqual(after.total("tcpperf_connect_failures_total", reason="refused"), CONNECTIONS)
        self.assertEqual(after.total("tcpperf_connect_failures_total"), CONNECTIONS)
        self.assertEqual(after.total("tcpperf_resets_sent_total"), 2 * CONNECTIONS)
        self.assertEqual(after.total("tcpperf_resets_received_total"), 2 * CONNECTIONS)

    def test_open_connections_of_a_namespace_are_counted_once_however_many_see_it(self):
        # The namespace has a name and three processes.
        inside = [subprocess.Popen([tool("ip"), "netns", "exec", self.pair.b.name, tool("sleep"), "60"])
                  for _ in range(3)]
        with contextlib.ExitStack() as stack:
            for process in inside:
                stack.callback(process.wait)
                stack.callback(process.kill)
            daemon = self.start(quiet_config())
            listener = stack.enter_context(self.pair.b.listen(backlog=2 * CONNECTIONS))
            before = self.established(daemon)
            for _ in range(CONNECTIONS):
                stack.enter_context(self.pair.a.open_socket()).connect(listener.getsockname())
            # Other connections of the machine come and go meanwhile; a second count of one side would be 101 more.
            wait_until(lambda: abs(self.established(daemon) - before - 2 * CONNECTIONS) < CONNECTIONS // 2,
                       f"{2 * CONNECTIONS} established sockets more")

    @staticmethod
    def established(daemon):
        return daemon.scrape().total("tcpperf_connections", state="established")


if __name__ == "__main__":
    unittest.main(verbosity=2)
