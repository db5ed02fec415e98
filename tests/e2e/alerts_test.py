#!/usr/bin/env python3
"""From a fault on a real network to the line in the system log, the file and the webhook, and back."""
import http.server
import json
import pathlib
import threading
import unittest

from harness import EndToEndTest, tool, wait_until
from network import Chatter, Pair, Server

LOSS = {"name": "losses", "condition": "retransmit_ratio > 0.02", "window": "2s", "for": "1s", "minimum_samples": 50,
        "severity": "critical", "diagnosis": "Segments are lost.", "action": "Look at the path."}
SLOW = {"name": "slow_path", "condition": "rtt_p99 > 150ms", "window": "2s", "for": "500ms", "severity": "warning"}
SLOW_SETUP = {"name": "slow_setup", "condition": "handshake_client_p99 > 150ms", "window": "3s", "severity": "info"}
STEADY = {"name": "steady", "condition": "rtt_p99 > 60s", "window": "1s"}  # what never fires


class Webhook:
    """An HTTP server that keeps what is posted to it."""

    def __init__(self, test):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/hook"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)

    def events(self):
        return [body for _, _, body in list(self.received)]


class Rsyslog:
    """rsyslogd with a configuration of the test's own: a socket and a file. `prefix` lets a program have that socket as
    its /dev/log, in a mount namespace of its own; the machine's is not touched."""

    def __init__(self, test):
        self.log = test.folder / "messages"
        socket = test.folder / "log"
        config = test.folder / "rsyslog.conf"
        config.write_text(f"""
            module(load="imuxsock" SysSock.Use="off")
            input(type="imuxsock" Socket="{socket}" CreatePath="off" RateLimit.Interval="0")
            template(name="all" type="string" string="%pri-text% %syslogtag%%msg%\\n")
            action(type="omfile" file="{self.log}" template="all")
            """)
        test.start_program("rsyslogd", "-n", "-f", config, "-i", test.folder / "rsyslogd.pid")
        wait_until(socket.is_socket, "rsyslogd's socket")
        # Nothing of the machine's /dev but what every program may expect.
        script = f"""
            set -e
            old=$(mktemp -d)
            mount --bind /dev "$old"
            mount -t tmpfs none /dev
            for name in null zero urandom; do
              touch "/dev/$name"
              mount --bind "$old/$name" "/dev/$name"
            done
            umount "$old"
            rmdir "$old"
            ln -s "{socket}" /dev/log
            exec "$@"
            """
        self.prefix = (tool("unshare"), "--mount", "--propagation", "private", "sh", "-c", script, "sh")

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


class Alerts(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)
        self.rsyslog = Rsyslog(self)
        self.webhook = Webhook(self)
        self.file = self.folder / "alerts.jsonl"

    def config(self, *rules):
        return {"tick": "200ms", "filter": self.pair.filter(), "alerts": list(rules),
                "sinks": {"syslog": True, "file": {"path": str(self.file)}, "webhook": {"url": self.webhook.url}}}

    def start_watching(self, *rules):
        return self.start(self.config(*rules), prefix=self.rsyslog.prefix)

    @staticmethod
    def records(path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    def await_active(self, daemon, alert, active):
        wait_until(lambda: daemon.scrape().total("tcpperf_alert_active", alert=alert) == active,
                   f"tcpperf_alert_active of {alert} is {active}", 40)

    def await_syslog(self, words):
        def found():
            return [line for line in self.rsyslog.lines() if words in line]
        return wait_until(found, f"a line with {words!r} in the system log")

    def assert_deliveries(self, daemon, events):
        def delivered():
            now = daemon.scrape()
            return all(now.total("tcpperf_alert_deliveries_total", sink=sink, result="delivered") == events
                       for sink in ("syslog", "file", "webhook"))
        wait_until(delivered, f"{events} deliveries of every sink")
        now = daemon.scrape()
        for result in ("failed", "dropped"):
            self.assertEqual(now.total("tcpperf_alert_deliveries_total", result=result), 0)

    def test_losses_are_told_to_every_sink_and_so_is_their_end(self):
        daemon = self.start_watching(LOSS, STEADY)
        rotated = pathlib.Path(f"{self.file}.1")
        with Server(self.pair.b) as server, Chatter(self.pair.a, server):
            wait_until(lambda: daemon.scrape().total("tcpperf_alert_evaluable", alert="losses"), "the rule is judged")
            self.assertEqual(daemon.scrape().total("tcpperf_alert_active"), 0)
            self.assertEqual(self.rsyslog.lines(), [])

            self.pair.lose(server.port, percent=15)
            self.await_active(daemon, "losses", 1)
            self.await_syslog("FIRING critical losses")
            self.assert_deliveries(daemon, 1)

            # As logrotate does it; the alert stays active over the reload.
            self.file.rename(rotated)
            daemon.reload()
            self.assertTrue(self.file.exists())
            self.assertEqual(daemon.scrape().total("tcpperf_alert_active", alert="losses"), 1)

            self.pair.lose_nothing()
            self.await_active(daemon, "losses", 0)
            self.await_syslog("RESOLVED critical losses")
            self.assert_deliveries(daemon, 2)

        lines = self.rsyslog.lines()
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], rf"^daemon\.crit tcpperf\[{daemon.pid}\]: FIRING critical losses: "
                         r"retransmit_ratio > 0\.02 for 1s; retransmit_ratio=[\d.]+% samples=\d+\. "
                         r"Segments are lost\. Look at the path\.$")
        self.assertRegex(lines[1], rf"^daemon\.notice tcpperf\[{daemon.pid}\]: RESOLVED critical losses: "
                         r"retransmit_ratio > 0\.02, after [\d.]+m?s: the condition is false; ")

        fired, resolved = self.records(rotated), self.records(self.file)
        self.assertEqual([record["state"] for record in fired + resolved], ["firing", "resolved"])
        self.assertEqual(fired[0]["alert"], "losses")
        self.assertEqual(fired[0]["severity"], "critical")
        self.assertGreater(fired[0]["signals"]["retransmit_ratio"], 0.02)
        self.assertLess(resolved[0]["signals"]["retransmit_ratio"], 0.02)
        self.assertGreaterEqual(fired[0]["samples"], 50)
        self.assertGreaterEqual(fired[0]["active_seconds"], 1)

        self.assertEqual(self.webhook.events(), fired + resolved)
        self.assertEqual({(path, kind) for path, kind, _ in self.webhook.received}, {("/hook", "application/json")})

        now = daemon.scrape()
        self.assertEqual(now.total("tcpperf_alerts_total", alert="losses", severity="critical"), 1)
        self.assertEqual(now.total("tcpperf_alerts_total", alert="steady"), 0)
        self.assertEqual(daemon.count(r"warning: alert FIRING critical losses"), 1, daemon.said())
        self.assertEqual(daemon.count(r"info: alert RESOLVED critical losses"), 1, daemon.said())

    def test_a_slow_path_is_told(self):
        daemon = self.start_watching(SLOW, SLOW_SETUP)
        alerts = ("slow_path", "slow_setup")
        # One message fills the queue for longer than the conditions allow, and a SYN has to wait behind it.
        with Server(self.pair.b, message_bytes=40_000) as server:
            with Chatter(self.pair.a, server):
                wait_until(lambda: daemon.scrape().total("tcpperf_alert_evaluable", alert="slow_path"), "it is judged")
                self.assertEqual(daemon.scrape().total("tcpperf_alert_active"), 0)
                self.pair.slow_down("1mbit")
                self.await_active(daemon, "slow_path", 1)
                with Chatter(self.pair.a, server, connections=2):
                    self.await_active(daemon, "slow_setup", 1)
            self.pair.full_speed()
            with Chatter(self.pair.a, server):
                for alert in alerts:
                    self.await_active(daemon, alert, 0)

        # More than once is possible, as the queue fills and empties.
        self.assert_deliveries(daemon, len(self.records(self.file)))
        for alert in alerts:
            records = [record for record in self.records(self.file) if record["alert"] == alert]
            fired = int(daemon.scrape().total("tcpperf_alerts_total", alert=alert))
            self.assertEqual([record["state"] for record in records], ["firing", "resolved"] * fired)
            for record in records[::2]:
                self.assertGreater(record["signals"][record["condition"].split()[0]], 0.15)
            severity = records[0]["severity"]
            self.assertEqual(len(self.await_syslog(f"FIRING {severity} {alert}: ")), fired)
            self.assertEqual(len(self.await_syslog(f"RESOLVED {severity} {alert}: ")), fired)
        self.assertEqual(self.webhook.events(), self.records(self.file))

    def test_a_rule_that_is_taken_away_resolves_its_alert(self):
        always = {"name": "always", "condition": "connections_established >= 0", "window": "200ms"}
        daemon = self.start_watching(always)
        self.await_active(daemon, "always", 1)
        daemon.reload(self.config())
        self.await_syslog("RESOLVED warning always")
        self.assert_deliveries(daemon, 2)
        self.assertFalse(daemon.scrape().has("tcpperf_alert_active"))
        self.assertEqual(self.records(self.file)[-1]["reason"], "the rule was removed")

    def test_other_sinks_go_on_with_the_counts_of_those_before(self):
        always = {"name": "always", "condition": "connections_established >= 0", "window": "200ms"}
        daemon = self.start_watching(always)
        self.assert_deliveries(daemon, 1)
        self.file = self.folder / "others.jsonl"
        daemon.reload(self.config(always))
        self.assert_deliveries(daemon, 1)
        daemon.reload(self.config())
        self.assert_deliveries(daemon, 2)
        self.assertEqual([record["state"] for record in self.records(self.file)], ["resolved"])

    def test_a_sink_that_cannot_deliver_is_counted_and_told_and_the_others_get_the_event(self):
        config = self.config({"name": "always", "condition": "connections_established >= 0", "window": "200ms"})
        config["sinks"]["webhook"] = {"url": "http://127.0.0.1:9/", "attempts": 1}
        daemon = self.start(config, prefix=self.rsyslog.prefix)
        name = "tcpperf_alert_deliveries_total"
        wait_until(lambda: daemon.scrape().total(name, sink="webhook", result="failed") == 1, "a failed delivery")
        daemon.wait_for_line(r"warning: .*not delivered to webhook: 1, .*127\.0\.0\.1")
        self.assertEqual(daemon.scrape().total(name, sink="webhook", result="delivered"), 0)
        for sink in ("syslog", "file"):
            self.assertEqual(daemon.scrape().total(name, sink=sink, result="delivered"), 1)
        self.assertEqual(self.records(self.file)[0]["state"], "firing")


if __name__ == "__main__":
    unittest.main(verbosity=2)
