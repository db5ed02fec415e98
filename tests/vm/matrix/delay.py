"""Delay: round-trip times and handshakes against what the way was told to do, and against ping at the same time: on a
machine with much to do both are late."""
import re

import traffic
from lab import harness

FLAT_MS = 100
JITTER_MS = 50
CONNECTIONS, MESSAGES = 7, 31
TWO_SEGMENTS = 2 * 1448  # are acknowledged as soon as they have arrived


def pinged(lab, jitter_ms):
    """What the exchanges do, and the round-trip times that ping has meanwhile, in ascending order."""
    lab.way.shape(delay_ms=FLAT_MS, jitter_ms=jitter_ms)
    ping = harness.Program(harness.tool("ip"), "netns", "exec", lab.a.name, harness.tool("ping"), "-n", "-i", "0.02",
                           lab.b.v4)
    try:
        with lab.measured() as result:
            port = traffic.exchanges(lab.a, lab.b, CONNECTIONS, MESSAGES, TWO_SEGMENTS, 1)
    finally:
        ping.end()
    seconds = sorted(float(found[1]) / 1000 for line in ping.lines if (found := re.search(r"time=([\d.]+) ms", line)))

    def histogram(name, role):
        return result.ours.histogram(name, service_port=port, role=role)
    return histogram, seconds


def run(lab, checks):
    def quantile(name, histogram, q, told, seconds):
        found = seconds[int(q * len(seconds))]
        checks.quantile(name, histogram, q, told, max(told, found),
                        f"{lab.way.how}, {told * 1000:.0f} ms; ping {found * 1000:.1f} ms")

    told = FLAT_MS / 1000
    histogram, seconds = pinged(lab, 0)
    for name in ("tcpperf_rtt_seconds", "tcpperf_smoothed_rtt_seconds", "tcpperf_path_rtt_seconds"):
        quantile(f"median of {name}", histogram(name, "client"), 0.5, told, seconds)
    for role in ("client", "server"):
        handshakes = histogram("tcpperf_handshake_seconds", role)
        quantile(f"median of tcpperf_handshake_seconds, {role}", handshakes, 0.5, told, seconds)
        checks.equal(f"handshakes, {role}", handshakes and handshakes.count, CONNECTIONS, "the connections made")
    rtt = histogram("tcpperf_rtt_seconds", "client")
    lowest = next((high for _, high, count in rtt.buckets if count), None) if rtt else None
    checks.within("upper border of the lowest tcpperf_rtt_seconds", lowest, told, seconds[0] * 1.1,
                  f"{lab.way.how}, {FLAT_MS} ms; the lowest of ping")

    histogram, seconds = pinged(lab, JITTER_MS)
    for q in (0.1, 0.5, 0.9):
        quantile(f"{q:.0%} quantile of tcpperf_rtt_seconds with {JITTER_MS} ms of jitter",
                 histogram("tcpperf_rtt_seconds", "client"), q, (FLAT_MS - JITTER_MS + 2 * JITTER_MS * q) / 1000,
                 seconds)
