#!/usr/bin/env python3
"""What the daemon serves: pages, formats, and the same to everybody, whatever one client does."""
import contextlib
import gzip
import json
import re
import socket
import subprocess
import time
import unittest

import metrics
from harness import PROBES, EndToEndTest, allowed, free_port, health, quiet_config, tool

STALLED_CLIENTS = 8
HALF_A_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept"
WHOLE_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Http(EndToEndTest):
    def stalled_clients(self, address, request, count=STALLED_CLIENTS):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # little of an answer fits in it
            client.connect(address)
            client.sendall(request)

    def test_pages_say_how_the_daemon_is(self):
        daemon = self.start(quiet_config())
        self.assertEqual(daemon.ask("/-/healthy").status, 200)
        self.assertEqual(daemon.ask("/-/ready").status, 200)
        landing = daemon.ask("/")
        self.assertEqual(landing.status, 200)
        self.assertIn("text/html", landing.headers["Content-Type"])
        for path in ("/metrics", "/probes", "/-/healthy", "/-/ready"):
            self.assertIn(f'href="{path}"'.encode(), landing.body)
        self.assertEqual(daemon.ask("/nothing").status, 404)
        self.assertEqual(daemon.ask("/metrics", method="DELETE").status, 405)

    def test_probes_page_is_json_with_every_probe_and_its_programs(self):
        daemon = self.start(quiet_config())
        answer = daemon.ask("/probes")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        page = json.loads(answer.body)
        self.assertEqual([probe["name"] for probe in page], list(PROBES))
        for probe in page:
            self.assertEqual(health(probe), "ok", probe["name"])
            self.assertEqual(probe["reason"] == "", probe["status"] == "ok", probe["name"])
            self.assertEqual(bool(probe["programs"]), probe["name"] != "kernel", probe["name"])
            self.assertTrue(all(program["attached"] for program in probe["programs"]), probe["name"])
            self.assertTrue(probe["metrics"], probe["name"])

    def test_promtool_finds_nothing_to_complain_about(self):
        text = self.start(quiet_config()).ask().body
        verdict = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True, timeout=30)
        self.assertEqual((verdict.returncode, verdict.stdout + verdict.stderr), (0, b""))

    def test_openmetrics_is_served_to_who_asks_for_it_and_passes_a_strict_parser(self):
        try:
            from prometheus_client.openmetrics import parser
        except ImportError:
            self.fail("this test needs python3-prometheus-client")
        daemon = self.start(quiet_config())
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"  # as Prometheus asks
        answer = daemon.ask(headers={"Accept": accept})
        self.assertIn("application/openmetrics-text; version=1.0.0", answer.headers["Content-Type"])
        families = {family.name: family for family in parser.text_string_to_metric_families(answer.body.decode())}
        plain = daemon.scrape()
        self.assertEqual(families["tcpperf_connects"].type, "counter")
        self.assertEqual(families["tcpperf_rtt_seconds"].type, "histogram")
        samples = {sample.name for family in families.values() for sample in family.samples}
        self.assertEqual({name for name, _ in plain.series} - samples, set(), "in the text format only")
        self.assertIn("text/plain", daemon.ask(headers={"Accept": "text/plain"}).headers["Content-Type"])

    def test_head_tells_of_the_body_and_has_none(self):
        daemon = self.start(quiet_config())
        answer = daemon.ask(method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertIn("text/plain", answer.headers["Content-Type"])
        self.assertGreater(int(answer.headers["Content-Length"]), 1000)

    def test_gzip_is_for_who_accepts_it(self):
        daemon = self.start(quiet_config())
        packed = daemon.ask(headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        unpacked = gzip.decompress(packed.body)
        self.assertLess(len(packed.body), len(unpacked) / 2)
        names = {name for name, _ in metrics.parse(unpacked.decode()).series}
        self.assertEqual(names, {name for name, _ in daemon.scrape().series})
        self.assertNotIn("Content-Encoding", daemon.ask(headers={"Accept-Encoding": "identity"}).headers)

    def test_clients_that_stall_delay_nobody(self):
        daemon = self.start(quiet_config())
        address = daemon.addresses()[0]
        self.stalled_clients(address, HALF_A_REQUEST)
        self.stalled_clients(address, WHOLE_REQUEST)  # and never read the answer
        for _ in range(5):
            start = time.monotonic()
            self.assertEqual(daemon.ask().status, 200)
            self.assertLess(time.monotonic() - start, allowed(1))

    def test_two_addresses_serve_the_same_daemon(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6 here")
        daemon = self.start(quiet_config(), listen=("127.0.0.1:0", "[::1]:0"))
        addresses = daemon.addresses()
        self.assertEqual([host for host, _ in addresses], ["127.0.0.1", "::1"])
        starts = {metrics.parse(daemon.ask(address=address).body.decode()).total("process_start_time_seconds")
                  for address in addresses}
        self.assertEqual(len(starts), 1)

    def test_an_empty_host_serves_both_families(self):
        port = free_port()
        daemon = self.start(quiet_config(), listen=(f":{port}",), ready=False)
        daemon.wait_for_line("probes measuring")
        for host in ("127.0.0.1", "::1"):
            self.assertEqual(daemon.ask("/-/ready", address=(host, port)).status, 200, host)

    def test_a_taken_port_ends_the_start_with_one_line_that_names_it_and_its_holder(self):
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            daemon = self.start(quiet_config(), listen=(f"127.0.0.1:{port}",), ready=False)
            self.assertEqual(daemon.wait(), 1)
        # What this machine cannot measure is another matter.
        lines = [line for line in daemon.lines if " is degraded, going on: " not in line]
        self.assertEqual(len(lines), 1, daemon.said())
        self.assertRegex(lines[0], rf"listen on 127\.0\.0\.1:{port}: address already in use.*python3")

    def test_a_second_address_that_is_taken_leaves_the_first_unserved(self):
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            daemon = self.start(quiet_config(), listen=("127.0.0.1:0", f"127.0.0.1:{port}"), ready=False)
            self.assertEqual(daemon.wait(), 1)
        self.assertEqual(daemon.count(re.escape(f":{port}")), 1, daemon.said())
        self.assertEqual(daemon.count("serves"), 0, daemon.said())


if __name__ == "__main__":
    unittest.main(verbosity=2)
