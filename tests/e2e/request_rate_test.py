#!/usr/bin/env python3
"""More than ten thousand requests a second for /metrics, by clients that read and by clients that do not: memory stays
bounded, a scraper that comes each second gets its pages, all is counted, and afterwards everything is as before.
"""
import concurrent.futures
import re
import subprocess
import unittest

from attackers import CONNECTIONS, MIB, PER_CLIENT, AttackTest, Watch
from harness import allowed, is_sanitized, run, tool

RATE = 10_000  # requests a second
SECONDS = 10
LONG_SECONDS = 15  # longer than a connection may stand still
GZIP = "Accept-Encoding: gzip"
DEAF = {"ways": ["--deaf"], "pipelined": 1000}
# What the kernel may hold of one connection for the daemon: 64 KiB of requests, and pages that are not on their
# way, which are 128 KiB and what one call has added when there was still room.
KERNEL_BYTES = 512 * 1024


def kernel_memory(port):
    """Bytes in the buffers of the daemon's side of its connections."""
    # Received, kept for more, queued to be sent, options, backlog; the others are limits, or parts of these.
    sockets = run("ss", "-tmnH", f"sport = :{port}").stdout
    return sum(int(number) for number in re.findall(r"[(,](?:r|f|w|o|bl)(\d+)", sockets))


class Scraper(Watch):
    """Comes each second, and keeps its pages."""

    pause_seconds = 1

    def __init__(self, test, daemon, scrape):
        super().__init__(test, daemon, lambda: self.pages.append(scrape()) or self.pages[-1])
        self.pages = []
        self.port = daemon.addresses()[0][1]
        self.most_kernel_memory = 0

    def look(self):
        super().look()
        self.most_kernel_memory = max(self.most_kernel_memory, kernel_memory(self.port))


class RequestRate(AttackTest):
    def setUp(self):
        super().setUp()
        self.busy = allowed(1)  # with what was there before
        self.daemon, self.address, _ = self.start_plain()

    def flood(self, name, *loads, seconds=SECONDS):
        """The load makers together, while somebody scrapes: what each of them reports, and what the daemon has counted
        by counter and code. The scraper's own pages are among these."""
        scraper = Scraper(self, self.daemon, self.scraper(self.address))
        with scraper.attack(), concurrent.futures.ThreadPoolExecutor() as pool:
            before = self.counts(self.address)
            running = [pool.submit(self.load, self.address[1], "/metrics", *headers, seconds=seconds, **load)
                       for headers, load in loads]
            results = [each.result() for each in running]
        after = self.counts(self.address)
        sent = sum(each["requests"] for each in results)
        read = sum(sum(each["responses"].values()) for each in results)
        print(f"  {name}: {sent / seconds:.0f} requests/s, {read / seconds:.0f} answers/s read; for the daemon the "
              f"kernel held at most {scraper.most_kernel_memory / MIB:.1f} MiB", flush=True)
        self.assertGreater(scraper.scrapes, seconds / 2)
        if not is_sanitized():
            self.assertLess(scraper.slowest, self.busy, "the next scrape is due then")
        self.assertLess(scraper.most_kernel_memory, (CONNECTIONS + PER_CLIENT) * KERNEL_BYTES)
        promtool = tool("promtool")
        for page in scraper.pages:
            verdict = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, timeout=30)
            self.assertEqual((verdict.returncode, verdict.stdout + verdict.stderr), (0, b""))
        gained = {(name, dict(labels).get("code")): value - before.series[name, labels]
                  for (name, labels), value in after.series.items() if name.startswith("tcpperf_http_")}
        return results, gained, len(scraper.pages) + 1

    def check_rate(self, requests, seconds):
        if not is_sanitized():
            self.assertGreaterEqual(requests / seconds, RATE / self.busy)

    def test_all_requests_of_clients_that_read_are_answered_and_counted(self):
        for name, headers, ways, connections, clients in (
                ("pages, gzip, of three clients", [GZIP], [], 3 * PER_CLIENT, 3),
                ("pages of as many clients as there are places for", [], [], CONNECTIONS, 4),
                ("heads of pages of three clients", [], ["--head"], 3 * PER_CLIENT, 3)):
            with self.subTest(name):
                (got,), gained, scrapes = self.flood(name, (headers, {
                    "ways": ways, "connections": connections, "clients": clients, "pipelined": 32}))
                self.assertEqual(set(got["responses"]), {"200"})
                # Somebody has to make room for the scraper.
                self.assertLessEqual(got["closed"], 0 if connections < CONNECTIONS else CONNECTIONS // 2)
                answered = gained.pop(("tcpperf_http_responses_total", "200"))
                self.assertGreaterEqual(answered, got["responses"]["200"])
                self.assertLessEqual(answered, got["requests"] + scrapes)
                if headers or ways:  # without, each page is 160 KiB, which measures the machine's memory
                    self.check_rate(answered, got["seconds"])

    def test_clients_that_do_not_read_delay_nobody_and_each_of_their_connections_is_counted(self):
        (got,), gained, _ = self.flood("by clients that do not read", ([], {**DEAF, "connections": CONNECTIONS,
                                                                           "clients": 4}), seconds=LONG_SECONDS)
        self.check_rate(got["requests"], got["seconds"])
        self.check_losses(got, gained)

    def test_clients_that_do_not_read_take_nothing_from_those_that_do(self):
        readers = {"connections": 3 * PER_CLIENT, "clients": 3, "pipelined": 32}
        deaf = {**DEAF, "connections": PER_CLIENT - 8, "clients": 1, "first": 3}  # places are left for the scraper
        (got, lost), gained, _ = self.flood("by clients that read and one that does not", ([GZIP], readers), ([], deaf),
                                            seconds=LONG_SECONDS)
        self.assertEqual((set(got["responses"]), got["closed"]), ({"200"}, 0))
        self.check_rate(got["responses"]["200"], got["seconds"])
        self.check_losses(lost, gained)

    def check_losses(self, got, gained):
        """What the daemon did not read of a connection it cannot count; that it did not, it does."""
        self.assertGreater(got["closed"], 0)
        self.assertEqual(got["responses"], {})
        counted = sum(gained[f"tcpperf_http_{kind}_total", None] for kind in (
            "responses_unfinished", "connections_unanswered", "connections_refused"))
        # Those that were open at the end have been closed by their client, and are unfinished too.
        self.assertGreaterEqual(counted, got["closed"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
