#!/usr/bin/env python3
"""The shipped configuration under steady traffic for some minutes: connections that last, connections that come and go,
losses, scrapes. Memory, descriptors and maps stay where they are, no counter goes back, and what the application did is
what was counted.

usage: soak.py MINUTES [--json FILE]
"""
import argparse
import json
import pathlib
import statistics
import sys
import threading
import time
import unittest

import metrics
from harness import ROOT, EndToEndTest, is_sanitized, wait_until
from network import Chatter, Pair, Server, connect_and_close

CONNECTS_PER_SECOND = 50
LOSS_PERCENT = 1
RELOADS = 10
# The readings that rules look back on are kept for five minutes, but never more than 64: at one tick a second they are
# as many as they will be after so long.
TICK, HISTORY_SECONDS = "1s", 75
# From the first fifth of the readings to the last, one each second: of three minutes a leak of 8 KiB per scrape shows,
# of an hour one of 400 bytes. Pages that come and go are none.
RSS_GROWTH_BYTES = 1 << 20
RSS_BYTES = 32 << 20  # after the start, which takes more for a moment
# Of all segments, and of all samples.
SKIPPED_PART, UNDERIVED_PART = 1e-4, 1e-3
MINUTES = 3
REPORT = None


def resident_bytes(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def open_descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


class Churn:
    """Connections that are opened and closed at a steady rate. Context manager."""

    def __init__(self, side, address):
        self.connections = 0
        self._side, self._address = side, address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)

    def _run(self):
        while not self._stop.wait(1 / CONNECTS_PER_SECOND):
            connect_and_close(self._side, self._address)
            self.connections += 1


class Soak(EndToEndTest):
    def reading(self, daemon):
        page = daemon.scrape()
        return {"page": page, "rss": resident_bytes(daemon.pid), "fds": open_descriptors(daemon.pid),
                "maps": {dict(key)["map"]: value for key, value in page.select("tcpperf_map_entries").items()}}

    def watch(self, daemon, seconds, what, progress):
        """A reading each second, and the counters that went back from one to the next."""
        readings, went_back = [], []
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            time.sleep(1)
            readings.append(self.reading(daemon))
            if len(readings) > 1:
                went_back += metrics.went_back(readings[-2]["page"], readings[-1]["page"])
            if len(readings) % 10 == 0:
                now = readings[-1]
                print(f"soak: {what} {time.monotonic() - start:4.0f} s of {seconds:.0f}: {now['rss'] / 2**20:.1f} MiB, "
                      f"{now['fds']} descriptors, {len(now['page'].series)} series, {progress()}", flush=True)
        return readings, went_back

    def test_nothing_grows_and_everything_is_counted(self):
        pair = Pair()
        self.addCleanup(pair.close)
        (self.folder / "rules").symlink_to(ROOT / "config/rules")
        shipped = (ROOT / "config/tcpperf.yaml").read_text()
        # Only what the test does, so that it can be counted; nothing goes to the machine's own log.
        networks = json.dumps(pair.networks)
        for old, new in (("  syslog: true", "  syslog: false"), ("\n  local_ip: []", f"\n  local_ip: {networks}"),
                         ("\ntick: 5s", f"\ntick: {TICK}")):
            self.assertIn(old, shipped)
            shipped = shipped.replace(old, new)
        self.assertIn("sample_interval: 1ms", shipped)
        daemon = self.start(shipped)
        with Server(pair.b) as server, Chatter(pair.a, server, connections=8) as chatter:
            pair.lose(server.port, LOSS_PERCENT)
            # New sets of programs first: what they leave behind would be there from now on.
            for number in range(RELOADS):
                daemon.reload(shipped.replace("sample_interval: 1ms", f"sample_interval: {1 + number % 2}ms"))
            wait_until(lambda: chatter.exchanges > 100, "the connections that last")
            before = daemon.scrape()
            with Churn(pair.a, server.address) as churn:
                progress = lambda: f"{chatter.exchanges} exchanges, {churn.connections} connections"
                _, went_back = self.watch(daemon, HISTORY_SECONDS, "warming up", progress)
                readings, more = self.watch(daemon, MINUTES * 60, "measuring", progress)
            last = daemon.scrape()
        with self.subTest("counters"):
            self.assertEqual(went_back + more, [])
        self.judge(readings, last)
        self.judge_losses(before, last, churn.connections)
        if REPORT:
            self.report(readings)

    def judge(self, readings, last):
        part = max(5, len(readings) // 5)
        first, final = readings[:part], readings[-part:]
        if not is_sanitized():  # memory that is freed stays with a sanitizer, which looks for leaks itself
            with self.subTest("memory"):
                before, after = (statistics.median(r["rss"] for r in rs) for rs in (first, final))
                print(f"soak: {(after - before) / 1024:+.0f} KiB in {len(readings) - part} s", flush=True)
                self.assertLess(after - before, RSS_GROWTH_BYTES, "resident memory grows")
                self.assertLess(max(r["rss"] for r in readings), RSS_BYTES, "resident memory")
        with self.subTest("descriptors"):  # a scrape has a connection of its own
            self.assertLessEqual(max(r["fds"] for r in final), max(r["fds"] for r in first) + 1, "descriptors leak")
        for name in readings[0]["maps"]:
            with self.subTest(map=name):
                before, after = (statistics.median(r["maps"][name] for r in rs) for rs in (first, final))
                self.assertLessEqual(after, before * 1.05 + 8, "it fills up")
                self.assertLessEqual(after, last.total("tcpperf_map_capacity", map=name))

    def judge_losses(self, before, last, connections):
        """The kernel skips a program whose event interrupts the same program on that CPU: then an event is missed, and
        perhaps the sample that its successor was to give. Both are rare and counted; nothing else is lost."""
        def gained(name, **labels):
            return last.total(name, **labels) - before.total(name, **labels)
        name = "tcpperf_lost_updates_total"
        lost = {dict(key)["reason"]: value - before.select(name)[key] for key, value in last.select(name).items()}
        skipped, underived = lost.pop("program_recursion"), lost.pop("rtt_sample")
        segments = gained("tcpperf_sent_segments_total") + gained("tcpperf_received_segments_total")
        self.assertLess(skipped, SKIPPED_PART * segments)
        self.assertLess(underived, UNDERIVED_PART * gained("tcpperf_rtt_seconds_count"))
        self.assertEqual({reason: number for reason, number in lost.items() if number}, {})
        self.assertEqual(last.total("tcpperf_collect_failures_total"), 0)
        for role in ("client", "server"):
            counted = gained("tcpperf_connects_total", role=role)
            self.assertLessEqual(abs(connections - counted), skipped, f"{role}: {counted} of {connections}")

    @staticmethod
    def report(readings):
        REPORT.write_text(json.dumps({
            "minutes": MINUTES, "scrapes": len(readings), "series": len(readings[-1]["page"].series),
            "rss_mib": [round(r["rss"] / 2**20, 1) for r in (readings[0], readings[-1])],
            "fds": [readings[0]["fds"], readings[-1]["fds"]]}) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How the daemon fares under steady traffic.")
    parser.add_argument("minutes", type=float, nargs="?", default=MINUTES)
    parser.add_argument("--json", type=pathlib.Path, help="write a summary there")
    arguments = parser.parse_args()
    MINUTES, REPORT = arguments.minutes, arguments.json
    unittest.main(verbosity=2, argv=sys.argv[:1])
