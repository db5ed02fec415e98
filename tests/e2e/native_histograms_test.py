#!/usr/bin/env python3
"""Native histograms in a real Prometheus are what its twin makes of the classic ones of the same daemon; and who asks
for protobuf gets it."""
import gzip
import itertools
import math
import time
import unittest

import metrics
from harness import EndToEndTest, quiet_config, wait_until
from network import Chatter, Pair, Server, connect_and_close, connect_and_reset, connect_refused
from prometheus_test import GROUPED, GROUPED_PROBES, Prometheus

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
# As Prometheus 2.42 asks for native histograms.
ACCEPT = f"{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
WIDTH = 2 ** (1 / 8)  # of a bucket
# A border is read from text by one Prometheus and taken from a table by the other: they differ in the last digit.
ROUNDING = 1e-9


def histograms_in(page):
    return {key: value for key, value in page.series.items() if key[0].endswith(("_bucket", "_sum"))}


def family_names(page):
    """Of a page of length-delimited messages, whose first field is the name."""
    names = []
    at = 0
    while at < len(page):
        length = shift = 0
        while True:
            length |= (page[at] & 0x7F) << shift
            shift += 7
            at += 1
            if page[at - 1] < 0x80:
                break
        family, at = page[at:at + length], at + length
        names.append(family[2:2 + family[1]].decode())
    return names


class Native:
    """A native histogram of Prometheus' HTTP API."""

    def __init__(self, result):
        histogram = result["histogram"][1]
        self.count, self.sum = float(histogram["count"]), float(histogram["sum"])
        self.zero = 0.0
        self.buckets = []  # (lower, upper, observations)
        for _, lower, upper, observations in histogram.get("buckets", []):
            if float(lower) <= 0 <= float(upper):
                self.zero = float(observations)
            else:
                self.buckets.append((float(lower), float(upper), float(observations)))

    def up_to(self, border):
        return self.zero + sum(bucket[2] for bucket in self.buckets if bucket[1] <= border * (1 + ROUNDING))


class NativeHistogramsTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)

    def config(self, **histograms):
        return quiet_config(filter=self.pair.filter(), tick="200ms",
                            probes={probe: GROUPED for probe in GROUPED_PROBES}, histograms=histograms)

    def prometheus(self, daemon, name, *flags):
        host, port = daemon.addresses()[0]
        return Prometheus(self, f"{host}:{port}", name=name, flags=flags)

    def make_traffic(self):
        with Server(self.pair.b) as server:
            self.pair.lose(server.port, percent=5)
            with Chatter(self.pair.a, server):
                for _ in range(10):
                    connect_refused(self.pair.a, self.pair.b.v4)
                    connect_and_reset(self.pair.a, server.address)
                    connect_and_close(self.pair.a, server.address)
                    time.sleep(0.3)

    def rest(self, daemon, *servers):
        """Waits until all servers have scraped the same histograms, and returns them."""
        def at_rest():
            before = histograms_in(daemon.scrape())
            asked = time.time()
            for server in servers:
                server.scraped(f"timestamp(up) > {asked}", "a scrape")
            return before if histograms_in(daemon.scrape()) == before else None
        return wait_until(at_rest, "nothing is observed any more", 60)

    def results(self, prometheus, expression):
        """By name and labels, `le` apart: a list of what is left of the labels and the result."""
        found = {}
        for result in prometheus.ask("/api/v1/query", query=expression)["result"]:
            labels = {name: text for name, text in result["metric"].items() if name not in ("job", "instance")}
            border = labels.pop("le", None)
            name = labels.pop("__name__", "").removesuffix("_bucket")
            found.setdefault((name, frozenset(labels.items())), []).append((border, result))
        return found

    def selector(self, key, name=None):
        matchers = ",".join(f'{label}="{text}"' for label, text in key[1])
        return f"{key[0] if name is None else name}{{{matchers}}}"

    def compare(self, key, native, classic):
        """Count, sum and each bucket are the same, to the last observation."""
        classic = sorted((float(border), float(result["value"][1])) for border, result in classic)
        self.assertEqual(native.count, classic[-1][1], key)
        for border, count in classic[:-1]:
            self.assertEqual(native.up_to(border), count, f"{key}: observations up to {border}")
        borders = [border for border, _ in classic]
        for lower, upper, _ in native.buckets:
            self.assertAlmostEqual(upper / lower, WIDTH, delta=ROUNDING)
            if borders[0] * (1 + ROUNDING) < upper < borders[-2] * (1 + ROUNDING):
                self.assertTrue(any(math.isclose(border, upper, rel_tol=ROUNDING) for border in borders),
                                f"{key}: {upper} is no border of the classic histogram")

    def test_native_and_classic_histograms_are_the_same(self):
        daemon = self.start(self.config(buckets_per_power_of_two=8))
        native_server = self.prometheus(daemon, "native", "--enable-feature=native-histograms")
        classic_server = self.prometheus(daemon, "classic")
        for server in (native_server, classic_server):
            server.scraped('count_over_time(up{job="tcpperf"}[1m]) >= 2', "two scrapes")
        with self.subTest("histograms are native before anything is observed"):
            empty = self.results(native_server, '{__name__=~"tcpperf_.*"}')
            self.assertEqual([key for key in empty if key[0].endswith("_sum")], [])
            self.assertGreater(sum(1 for entries in empty.values() if "histogram" in entries[0][1]), 20)
        self.make_traffic()
        self.rest(daemon, native_server, classic_server)

        classic = self.results(classic_server, '{__name__=~"tcpperf_.*_bucket"}')
        names = "|".join(sorted({name for name, _ in classic}))
        native = {key: Native(entries[0][1])
                  for key, entries in self.results(native_server, f'{{__name__=~"{names}"}}').items()}
        with self.subTest("every histogram is there, those without observations too"):
            self.assertEqual(set(native), set(classic))
            self.assertGreater(sum(1 for histogram in native.values() if histogram.count == 0), 3)
            self.assertGreater(sum(1 for histogram in native.values() if histogram.zero > 0), 0)
            self.assertEqual(self.results(native_server, '{__name__=~"tcpperf_.*_bucket"}'), {})
        with self.subTest("the buckets have the same observations"):
            for key, histogram in native.items():
                self.compare(key, histogram, classic[key])
        with self.subTest("the sums are the same"):
            sums = self.results(classic_server, f'{{__name__=~"({names})_sum"}}')
            self.assertEqual({(key[0] + "_sum", key[1]): histogram.sum for key, histogram in native.items()},
                             {key: float(entries[0][1]["value"][1]) for key, entries in sums.items()})
        with self.subTest("a quantile in the zero bucket is as good as 0"):
            key = max(native, key=lambda key: native[key].zero)
            quantile, = native_server.query(
                f"histogram_quantile({native[key].zero / native[key].count / 2!r}, {self.selector(key)})")
            self.assertGreaterEqual(quantile, 0)
            self.assertLess(quantile, 1e-38)
        with self.subTest("both scrapes went well"):
            for server in (native_server, classic_server):
                self.assertEqual(server.query('min_over_time(up{job="tcpperf"}[5m])'), [1])
                self.assertEqual(server.program.count("level=(warn|error).*scrape"), 0, server.program.said())
        key = max((key for key in native if key[0] == "tcpperf_rtt_seconds"), key=lambda key: native[key].count)
        self.check_round_trips(native_server, classic_server, key, native[key],
                               least_border=min(float(border) for border, _ in classic[key]))

    def check_round_trips(self, native_server, classic_server, key, histogram, least_border):
        """Quantiles and fractions of a histogram with hundreds of observations. Below `least_border` the classic one
        has no buckets."""
        selector = self.selector(key, name="")
        self.assertGreater(histogram.count, 100)
        self.assertEqual(histogram.zero, 0)

        def quantiles(q, lower):
            found = native_server.query(f"histogram_quantile({q!r}, tcpperf_rtt_seconds{selector})")
            if lower >= least_border * (1 - ROUNDING):
                found += classic_server.query(f"histogram_quantile({q!r}, tcpperf_rtt_seconds_bucket{selector})")
            return found

        compared = 0
        interpolates_alike = native_server.ask("/api/v1/status/buildinfo")["version"].startswith("2.")
        below = 0
        # Where no observation lies between two buckets, a quantile at the border may be anywhere between them.
        for (lower, upper, observations), following in itertools.zip_longest(histogram.buckets, histogram.buckets[1:]):
            middle = quantiles((below + observations / 2) / histogram.count, lower)
            below += observations
            with self.subTest("a quantile inside of a bucket", upper=upper):
                for quantile in middle:
                    self.assertGreater(quantile, lower)
                    self.assertLess(quantile, upper)
                compared += len(middle) - 1
                if interpolates_alike:  # linearly; from 3.0 on along the logarithm in native histograms
                    self.assertAlmostEqual(middle[0] / middle[-1], 1, delta=ROUNDING)
            with self.subTest("a quantile at a border", upper=upper):
                for quantile in quantiles(below / histogram.count, lower):
                    self.assertGreater(quantile, upper * (1 - ROUNDING))
                    self.assertLess(quantile, (following[0] if following else upper) * (1 + ROUNDING))
            with self.subTest("the fraction up to a border", upper=upper):
                fraction, = native_server.query(f"histogram_fraction(0, {upper!r}, tcpperf_rtt_seconds{selector})")
                self.assertAlmostEqual(fraction, below / histogram.count, delta=ROUNDING)

        self.assertGreater(compared, 10)

        with self.subTest("rates of native histograms"):
            increase, = native_server.query(f"histogram_count(increase(tcpperf_rtt_seconds{selector}[5m]))")
            self.assertGreater(increase, 0.5 * histogram.count)
            self.assertLess(increase, 1.3 * histogram.count)

    def test_classic_histograms_alone_are_the_same_series_as_in_openmetrics(self):
        daemon = self.start(self.config(in_protobuf="classic"))
        server = self.prometheus(daemon, "native", "--enable-feature=native-histograms")
        self.make_traffic()
        self.rest(daemon, server)
        found = {(key[0] + "_bucket", key[1] | {("le", border)}): float(result["value"][1])
                 for key, entries in self.results(server, '{__name__=~"tcpperf_.*_bucket"}').items()
                 for border, result in entries}
        openmetrics = daemon.ask(headers={"Accept": "application/openmetrics-text"}).body.decode()
        wanted = {key: value for key, value in metrics.parse(openmetrics).series.items()
                  if key[0].endswith("_bucket")}
        self.assertEqual(found, wanted)

    def test_protobuf_is_served_to_who_asks_for_it(self):
        daemon = self.start(self.config())
        answer = daemon.ask(headers={"Accept": ACCEPT})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"],
                         "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
        self.assertIn("Accept", answer.headers.get_all("Vary"))
        plain = daemon.ask()
        self.assertIn("text/plain", plain.headers["Content-Type"])
        described = [line.split()[2] for line in plain.body.decode().splitlines() if line.startswith("# TYPE")]
        self.assertEqual(family_names(answer.body), described)

        packed = daemon.ask(headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(family_names(gzip.decompress(packed.body)), described)

        head = daemon.ask(method="HEAD", headers={"Accept": ACCEPT})
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Type"], answer.headers["Content-Type"])
        self.assertAlmostEqual(int(head.headers["Content-Length"]), len(answer.body), delta=1000)

    def test_a_reload_changes_what_protobuf_carries(self):
        daemon = self.start(self.config())

        def size():
            return len(daemon.ask(headers={"Accept": ACCEPT}).body)

        both = size()
        daemon.reload(self.config(in_protobuf="native"))
        native = size()
        daemon.reload(self.config(in_protobuf="classic"))
        classic = size()
        self.assertLess(native, classic)
        self.assertLess(classic, both)


if __name__ == "__main__":
    unittest.main(verbosity=2)
