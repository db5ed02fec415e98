"""Delay: round-trip times and handshakes against what the way was told to do, and against ping at the same time: on a
machine with much to do both are late."""
import traffic
from ping import pinging, quantile as ping_quantile

FLAT_MS = 200
JITTER_MS = 100
CONNECTIONS = 7
# Connections, messages, bytes: of two segments, which are acknowledged as soon as they have arrived; and of one, which
# no other can overtake, and of which each of the first 16 is acknowledged at once.
FLAT = (CONNECTIONS, 23, 2 * 1448)
JITTERY = (17, 13, 1000)


def pinged(lab, jitter_ms, connections, messages, message_bytes):
    """What the exchanges do, and the round-trip times that ping has meanwhile, in ascending order."""
    lab.way.shape(delay_ms=FLAT_MS, jitter_ms=jitter_ms)
    with lab.measured() as result, pinging(lab) as seconds:
        port = traffic.exchanges(lab.a, lab.b, connections, messages, message_bytes, 1)

    def histogram(name, role):
        return result.ours.histogram(name, service_port=port, role=role)
    return histogram, seconds


def run(lab, checks):
    def quantile(name, histogram, q, told, seconds, q_of_ping=None):
        found = ping_quantile(seconds, q_of_ping or q)
        checks.quantile(name, histogram, q, told, max(told, found),
                        f"{lab.way.how}, {told * 1000:.0f} ms; ping {found * 1000:.1f} ms")

    told = FLAT_MS / 1000
    histogram, seconds = pinged(lab, 0, *FLAT)
    quantile("median of tcpperf_rtt_seconds", histogram("tcpperf_rtt_seconds", "client"), 0.5, told, seconds)
    # A smoothed value has some of the largest ones in it, and of a few handshakes half can be late.
    for name in ("tcpperf_smoothed_rtt_seconds", "tcpperf_path_rtt_seconds"):
        quantile(f"median of {name}", histogram(name, "client"), 0.5, told, seconds, q_of_ping=0.9)
    for role in ("client", "server"):
        handshakes = histogram("tcpperf_handshake_seconds", role)
        quantile(f"median of tcpperf_handshake_seconds, {role}", handshakes, 0.5, told, seconds, q_of_ping=0.9)
        checks.equal(f"handshakes, {role}", handshakes and handshakes.count, CONNECTIONS, "the connections made")
    rtt = histogram("tcpperf_rtt_seconds", "client")
    lowest = next((high for _, high, count in rtt.buckets if count), None) if rtt else None
    checks.within("upper border of the lowest tcpperf_rtt_seconds", lowest, told, seconds[0] * 2 ** (2 / 8),
                  f"{lab.way.how}, {FLAT_MS} ms; the lowest of ping, and two buckets")

    histogram, seconds = pinged(lab, JITTER_MS, *JITTERY)
    for q in (0.1, 0.5, 0.9):
        quantile(f"{q:.0%} quantile of tcpperf_rtt_seconds with {JITTER_MS} ms of jitter",
                 histogram("tcpperf_rtt_seconds", "client"), q, (FLAT_MS - JITTER_MS + 2 * JITTER_MS * q) / 1000,
                 seconds)
