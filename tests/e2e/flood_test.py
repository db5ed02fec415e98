#!/usr/bin/env python3
"""The daemon on a host that is attacked and overrun: a SYN flood from very many addresses, and connections that come
and go as fast as the machine can. The shipped configuration; a scrape each second. Every scrape is answered and valid,
nothing grows or leaks, what can be compared with the kernel's own counters agrees, and what is lost is counted.

TCPPERF_CHURN_CONNECTIONS in the environment is how many connections come and go, instead of as many as there is time
for.
"""
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import threading
import time
import unittest

import metrics
from crash_test import KINDS, loaded, owned
from harness import ROOT, EndToEndTest, is_sanitized, run, tool, wait_until
from network import Pair, Server, connect_and_close
from soak import RSS_BYTES, RSS_GROWTH_BYTES, open_descriptors, resident_bytes

FLOOD_MAKER = os.environ.get("TCPPERF_FLOOD_MAKER",
                             pathlib.Path(__file__).parents[2] / "build/bin/tcpperf_flood_maker")
SECONDS = 40
CONNECTIONS = os.environ.get("TCPPERF_CHURN_CONNECTIONS")
# 262,144 addresses each. The first side has those that connect, and does not know those of the flood: what is sent to
# them is lost.
CONNECTING, FLOODING, ADDRESSES = "10.88.0.0", "10.92.0.0", 1 << 18
SYNS_AT_ONCE = 100_000
# The readings that rules look back on are kept for five minutes, but never more than 64: at this tick they are as many
# as they will be after so long.
TICK, HISTORY_SECONDS = "250ms", 20
# Of the changes of state: a program is skipped where it interrupts itself, and both CPUs have nothing else to do.
SKIPPED_PART = 1e-3
# Never emptied, but by handshakes that complete.
BOUNDED_ONLY = {"synack_sent_us"}
LOST = "tcpperf_lost_updates_total"


class Watch:
    """Scrapes each second, in the daemon's network namespace. Context manager."""

    def __init__(self, daemon, side):
        self.readings, self.failures = [], []
        self._daemon, self._side = daemon, side
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        with self._side.entered():
            while not self._stop.is_set():
                start = time.monotonic()
                try:
                    answer = self._daemon.ask()
                    text = answer.body.decode()
                    self.readings.append({"text": text, "page": metrics.parse(text), "status": answer.status,
                                          "seconds": time.monotonic() - start,
                                          "rss": resident_bytes(self._daemon.pid)})
                except Exception as error:  # whatever it is, the scrape has failed
                    self.failures.append(f"{error!r} after {time.monotonic() - start:.1f} s")
                self._stop.wait(max(0, start + 1 - time.monotonic()))


class Visitors:
    """Some who connect and close again and again. Context manager."""

    def __init__(self, side, address, number=8):
        self.failures = []
        self._made = []
        self._side, self._address = side, address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(number)]

    @property
    def connections(self):
        return len(self._made)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stop.wait(0.05):
            try:
                connect_and_close(self._side, self._address)
                self._made.append(time.monotonic())
            except OSError as error:
                self.failures.append(repr(error))


class Flood(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)
        a, b = self.pair.a, self.pair.b
        run("ip", "-n", a.name, "route", "add", "local", f"{CONNECTING}/14", "dev", "lo")
        run("ip", "-n", b.name, "route", "add", f"{CONNECTING}/13", "via", a.v4)
        # A handshake that nobody completes is given up after three seconds.
        run("ip", "netns", "exec", b.name, "sysctl", "-q", "net.ipv4.tcp_synack_retries=1")
        (self.folder / "rules").symlink_to(ROOT / "config/rules")
        shipped = (ROOT / "config/tcpperf.yaml").read_text()
        # Only what the test does, so that it can be counted; nothing goes to the machine's own log.
        networks = json.dumps([*self.pair.networks, f"{CONNECTING}/14"])
        for old, new in (("  syslog: true", "  syslog: false"), ("\n  local_ip: []", f"\n  local_ip: {networks}"),
                         ("\ntick: 5s", f"\ntick: {TICK}")):
            self.assertIn(old, shipped)
            shipped = shipped.replace(old, new)
        # On the host that is attacked.
        inside = (tool("nsenter"), f"--net=/run/netns/{b.name}", "--")
        with b.entered():
            self.daemon = self.start(shipped, prefix=inside)

    def scrape(self):
        with self.pair.b.entered():
            return self.daemon.scrape()

    def make(self, mode, port, first, *limits, seconds):
        return run("ip", "netns", "exec", self.pair.a.name, FLOOD_MAKER, mode, self.pair.b.v4, port, first, ADDRESSES,
                   *limits, seconds=seconds).stdout

    def acceptor(self):
        """The port of a server that is as fast as the flood, with a long queue."""
        side = self.pair.b
        program = self.start_program("ip", "netns", "exec", side.name, FLOOD_MAKER, "accept", side.v4, 4096)
        return int(program.wait_for_line(r"accepts on port (\d+)")[1])

    def descriptors(self):
        """Without those of scrapes."""
        return min(open_descriptors(self.daemon.pid) for _ in range(20) if time.sleep(0.02) is None)

    @contextlib.contextmanager
    def watched(self, port, open_connections=lambda: 0):
        """Once memory is what it will be. `self.before`, `self.after` and `self.watch` are for who judges. So many
        connections are open at the end, by the application's own count."""
        connect_and_close(self.pair.a, (self.pair.b.v4, port))  # groups of what is always there
        time.sleep(HISTORY_SECONDS)
        descriptors, self.before = self.descriptors(), self.scrape()
        self.kernel = [side.kernel_counters() for side in (self.pair.a, self.pair.b)]
        with Watch(self.daemon, self.pair.b) as self.watch:
            yield
        self.judge_scrapes(self.watch)
        wait_until(lambda: self.scrape().total("tcpperf_listener_syn_queue_connections") == 0, "no handshake waits", 60)
        wait_until(lambda: self.scrape().total("tcpperf_open_connections") == open_connections(),
                   "open connections are those of the application", 60)
        wait_until(lambda: self.descriptors() == descriptors, f"{descriptors} descriptors, as before")
        self.after = self.scrape()
        self.kernel = [{name: value - before[name] for name, value in side.kernel_counters().items()}
                       for side, before in zip((self.pair.a, self.pair.b), self.kernel)]
        self.judge_maps(self.watch)
        self.judge_kernel_counters()

    def gained(self, name, **labels):
        return self.after.total(name, **labels) - self.before.total(name, **labels)

    def skipped(self):
        """Events that the kernel gave to no program, because that was running on the CPU: rare, and counted."""
        return self.gained(LOST, reason="program_recursion")

    def assert_counted(self, name, expected, **labels):
        self.assertLessEqual(abs(self.gained(name, **labels) - expected), self.skipped(),
                             f"{name}{labels}: {self.gained(name, **labels):.0f} of {expected}")

    def judge_scrapes(self, watch):
        readings = watch.readings
        self.assertEqual(watch.failures, [], f"{len(watch.failures)} of {len(readings) + len(watch.failures)} scrapes")
        self.assertGreater(len(readings), 5)
        self.assertEqual({reading["status"] for reading in readings}, {200})
        for reading in readings:
            verdict = subprocess.run([tool("promtool"), "check", "metrics"], input=reading["text"].encode(),
                                     capture_output=True, timeout=30)
            self.assertEqual((verdict.returncode, verdict.stdout + verdict.stderr), (0, b""))
        for one, next_one in zip(readings, readings[1:]):
            self.assertEqual(metrics.went_back(one["page"], next_one["page"]), [])
        rss = [reading["rss"] for reading in readings]
        print(f"  [{len(readings)} scrapes, the slowest {max(r['seconds'] for r in readings):.2f} s; "
              f"{min(rss) / 2**20:.1f} to {max(rss) / 2**20:.1f} MiB]", flush=True)
        if is_sanitized():
            return
        part = max(3, len(rss) // 5)
        middle, end = rss[len(rss) // 2:][:part], rss[-part:]
        self.assertLess(statistics.median(end) - statistics.median(middle), RSS_GROWTH_BYTES, "resident memory grows")
        self.assertLess(max(rss), RSS_BYTES, "resident memory")

    def judge_maps(self, watch):
        pages = [reading["page"] for reading in watch.readings] + [self.after]
        capacity = self.after.select("tcpperf_map_capacity")
        for page in pages:
            for key, entries in page.select("tcpperf_map_entries").items():
                self.assertLessEqual(entries, capacity[key], dict(key))
        for key, before in self.before.select("tcpperf_map_entries").items():
            if dict(key)["map"] not in BOUNDED_ONLY:
                self.assertEqual(self.after.total("tcpperf_map_entries", **dict(key)), before, dict(key))
        for name in ("tcpperf_groups", "tcpperf_group_overflow_total"):
            self.assertEqual(self.after.select(name), self.before.select(name))

    def judge_kernel_counters(self):
        """What the daemon says of the kernel's counters is what they are; and our events agree with them."""
        name = "tcpperf_reconciliation_events_total"
        skipped = self.after.total(LOST, reason="program_recursion")
        kernels = self.after.select(name, source="kernel")
        self.assertEqual(len(kernels), 6)
        for key, kernel in kernels.items():
            counter = dict(key)["counter"]
            ours = self.after.total(name, counter=counter, source="tcpperf")
            # See reconciliation_test.py.
            unseen = max(1, kernel // 100) if counter == "TcpRetransSegs" else 0
            self.assertLessEqual(ours, kernel, counter)
            self.assertGreaterEqual(ours, kernel - unseen - skipped, counter)
        for _ in range(20):
            before, page, after = self.pair.b.kernel_counters(), self.scrape(), self.pair.b.kernel_counters()
            if before == after:
                break
        shown = page.select("tcpperf_kernel_events_total")
        self.assertEqual(len(shown), 19)
        for key, value in shown.items():
            counter = dict(key)["counter"]
            self.assertLessEqual(before[counter], value, counter)
            self.assertLessEqual(value, after[counter], counter)

    def judge_losses(self):
        """Only what cannot be helped, and rarely."""
        events = self.gained("tcpperf_state_transitions_total")
        lost = {dict(key)["reason"]: self.gained(LOST, **dict(key)) for key in self.after.select(LOST)}
        print(f"  [lost of {events:.0f} changes of state: "
              f"{ {reason: int(number) for reason, number in lost.items() if number} }]", flush=True)
        self.assertLess(lost.pop("program_recursion"), 1 + SKIPPED_PART * events)
        self.assertLess(lost.pop("rtt_sample"), 1 + SKIPPED_PART * events)
        self.assertEqual({reason: number for reason, number in lost.items() if number}, {})
        # Where the flood leaves no CPU for it, the count of sockets is given up after two seconds; nothing else fails.
        name = "tcpperf_collect_failures_total"
        self.assertEqual(self.after.total(name), self.after.total(name, source="tcp_states"))
        for page in (reading["page"] for reading in self.watch.readings):
            self.assertTrue(page.has("tcpperf_connections") or page.total(name, source="tcp_states") > 0)

    def judge_end(self):
        ids = owned(self.daemon.pid)
        for kind in KINDS:
            self.assertTrue(ids[kind])
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 0)
        for kind in KINDS:
            wait_until(lambda: not ids[kind] & loaded(kind).keys(), f"every {kind} is gone")

    def test_a_syn_flood_harms_nobody_and_leaves_nothing_behind(self):
        long_queue = self.acceptor()
        syns = 0
        with Server(self.pair.b) as server:
            # A SYN cookie can be used again. When the flood holds back the last acknowledgement of a connection until
            # the server has forgotten that, the server takes it for a new connection, and no client ever closes it.
            with self.watched(server.port, server.open_connections), \
                    Visitors(self.pair.a, server.address) as visitors:
                end = time.monotonic() + SECONDS / 2
                while time.monotonic() < end:
                    for port in (server.port, long_queue):
                        self.make("syns", port, FLOODING, SYNS_AT_ONCE, seconds=300)
                        syns += SYNS_AT_ONCE
            accepted = server.accepted - 1  # without the one before
        self.assertEqual(visitors.failures, [], "who connected during the flood")
        _, kernel = self.kernel
        print(f"  [{syns} SYNs; SYN cookies: {kernel['TcpExtSyncookiesSent']}; "
              f"{visitors.connections} connections meanwhile, by cookie {kernel['TcpExtSyncookiesRecv']}; "
              f"accepted {accepted}]", flush=True)
        pages = [reading["page"] for reading in self.watch.readings]
        for counter in ("TcpExtSyncookiesSent", "TcpExtTCPReqQFullDoCookies"):
            self.assertGreater(kernel[counter], 0, counter)
        self.assertGreater(max(page.total("tcpperf_listener_syn_cookie_sockets") for page in pages), 0)
        self.assertGreater(max(page.total("tcpperf_listener_syn_queue_connections") for page in pages), 1000)
        # So many handshakes were given up that the map of SYN-ACKs was full more than once.
        capacity = self.after.total("tcpperf_map_capacity", map="synack_sent_us")
        self.assertGreater(kernel["TcpExtTCPSynRetrans"], capacity)
        self.assert_counted("tcpperf_retransmitted_segments_total", kernel["TcpExtTCPSynRetrans"], kind="synack")
        self.assert_counted("tcpperf_connects_total", visitors.connections, role="client")
        self.assert_counted("tcpperf_connects_total", accepted, role="server")
        self.assert_counted("tcpperf_connect_failures_total", 0)
        self.judge_losses()
        self.judge_end()

    def test_connections_come_and_go_as_fast_as_can_be_and_each_is_counted(self):
        port = self.acceptor()
        # When the number is given, it takes as long as it takes.
        count, seconds = (CONNECTIONS, 3600) if CONNECTIONS else (10**9, SECONDS)
        with self.watched(port):
            start = time.monotonic()
            made = int(self.make("connect", port, CONNECTING, count, seconds, seconds=seconds + 60))
            took = time.monotonic() - start
        print(f"  [{made} connections in {took:.0f} s, {made / took:.0f} per second]", flush=True)
        client, server = self.kernel
        self.assertGreater(made, 1000)
        self.assertEqual(client["TcpActiveOpens"], made)
        self.assertGreaterEqual(server["TcpPassiveOpens"], made)  # the scrapes too
        self.assertEqual(server["TcpExtListenDrops"], 0)
        for role in ("client", "server"):
            self.assert_counted("tcpperf_connects_total", made, role=role)
        self.assert_counted("tcpperf_connect_failures_total", 0)
        self.assert_counted("tcpperf_connection_duration_seconds_count", 2 * made)
        self.assert_counted("tcpperf_state_transitions_total", 2 * made, to="close")
        self.assert_counted("tcpperf_resets_sent_total", client["TcpOutRsts"] + server["TcpOutRsts"])
        self.judge_losses()
        self.judge_end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
