"""A narrow way: the delay of its queue, what fq_codel makes of it, and marks of congestion."""
import traffic
from path import has_qdisc, setting
from ping import pinging

RATE, RATE_BYTES = "4mbit", 500_000
QUEUE_BYTES = 100_000  # 200 ms
SIZE = 1_500_007
ECN_CONNECTIONS = 3


def run(lab, checks):
    # Which slows down only when something is lost; others find a queue of their own making too long before.
    lab.a.congestion_control = "reno"
    try:
        measure(lab, checks)
    finally:
        lab.a.congestion_control = None


def measure(lab, checks):
    full = QUEUE_BYTES / RATE_BYTES
    lab.way.bottleneck(RATE, QUEUE_BYTES)
    plain, pings = transfer(lab)
    truth = f"tbf {RATE} with a queue of {full * 1000:.0f} ms, which one connection fills by half or more; ping at the " \
            f"most {pings[-1] * 1000:.0f} ms"
    fifo = plain.quantile(0.5) if plain and plain.count else None
    checks.within("median of tcpperf_rtt_seconds behind a FIFO, seconds", fifo and fifo[1], full / 2,
                  max(full, pings[-1]) * 2 ** (1 / 8), truth)
    if not has_qdisc("fq_codel"):
        for name in ("median of tcpperf_rtt_seconds behind fq_codel, seconds", "marks of congestion"):
            checks.not_here(name, "this kernel has no fq_codel")
        return
    lab.way.bottleneck(RATE, QUEUE_BYTES, "fq_codel", "noecn")
    managed, pings = transfer(lab)
    codel = managed.quantile(0.5) if managed and managed.count else None
    checks.within("median of tcpperf_rtt_seconds behind fq_codel, seconds", codel and codel[1], None,
                  fifo[0] / 2 if fifo else 0, "less than half of that behind a FIFO of the same rate")
    marks(lab, checks)


def transfer(lab):
    with lab.measured() as result, pinging(lab) as seconds:
        port = traffic.bulk(lab.a, lab.b, 1, SIZE)
    return result.ours.histogram("tcpperf_rtt_seconds", service_port=port, role="client"), seconds


def marks(lab, checks):
    for side in (lab.a, lab.b):
        setting(side, "net.ipv4.tcp_ecn", 1)
    lab.way.bottleneck(RATE, QUEUE_BYTES, "fq_codel", "ecn")
    with lab.measured() as result:
        port = traffic.bulk(lab.a, lab.b, ECN_CONNECTIONS, SIZE // ECN_CONNECTIONS)
        marked = next(qdisc["ecn_mark"] for qdisc in lab.way.qdiscs() if qdisc["kind"] == "fq_codel")
    for side in (lab.a, lab.b):
        setting(side, "net.ipv4.tcp_ecn", 2)
    ours = result.ours
    checks.within("packets marked", marked, 1, None, "the workload: fq_codel had something to mark")
    checks.equal("packets marked, as they arrived", result.b.get("IpExtInCEPkts"), marked,
                 "ecn_mark of tc -s qdisc; measured by the kernel, not by us")
    received = "tcpperf_received_ce_packets_total"
    if ours.now(received) is None:
        checks.not_here(received, "this kernel does not count them")
    else:
        checks.equal(received, ours.increase(received, service_port=port, role="server"), marked,
                     "ecn_mark of tc -s qdisc")
    checks.equal("tcpperf_delivered_ce_packets_total",
                 ours.increase("tcpperf_delivered_ce_packets_total", service_port=port, role="client"),
                 result.a["TcpExtTCPDeliveredCE"], "TcpExtTCPDeliveredCE")
    for role in ("client", "server"):
        checks.equal(f"connections with classic ECN, {role}",
                     ours.increase("tcpperf_ecn_connections_total", mode="rfc3168", service_port=port, role=role),
                     ECN_CONNECTIONS, "the connections made")
