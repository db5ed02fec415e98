"""A narrow way: the delay of its queue, what fq_codel makes of it, and marks of congestion."""
import traffic
from path import has_qdisc, setting
from ping import pinging, quantile

RATE = "4mbit"
QUEUE_BYTES = 400_000  # nothing is lost of what fits into the sender's buffer
SEND_BYTES = 100_000
LEAST_QUEUE_SECONDS = 0.1
SIZE = 1_500_007
ECN_CONNECTIONS = 3
FQ_CODEL = "median of tcpperf_rtt_seconds behind fq_codel, seconds"
ECN = "connections with classic ECN, {role}"
MARKS = ("packets marked", "packets marked, as they arrived", "tcpperf_received_ce_packets_total",
         "tcpperf_delivered_ce_packets_total", *(ECN.format(role=role) for role in ("client", "server")))


def run(lab, checks):
    # Which slows down only when something is lost; others find a queue of their own making too long before.
    lab.a.congestion_control = "reno"
    try:
        lab.way.bottleneck(RATE, QUEUE_BYTES)
        fifo, pings = transfer(lab)
        behind_fifo(checks, fifo, quantile(pings, 0.5))
        if has_qdisc("fq_codel"):
            lab.way.bottleneck(RATE, QUEUE_BYTES, "fq_codel", "noecn")
            managed, _ = transfer(lab)
            behind_fq_codel(checks, managed, fifo)
            marks(lab, checks)
        else:
            for name in (FQ_CODEL, *MARKS):
                checks.not_here(name, "this kernel has no fq_codel")
    finally:
        lab.a.congestion_control = None


def transfer(lab):
    with lab.measured() as result, pinging(lab) as seconds:
        port = traffic.bulk(lab.a, lab.b, 1, SIZE, send_bytes=SEND_BYTES)
    return result.ours.histogram("tcpperf_rtt_seconds", service_port=port, role="client"), seconds


def behind_fifo(checks, fifo, ping):
    checks.within("seconds that ping waits behind a FIFO", ping, LEAST_QUEUE_SECONDS, None,
                  "the workload: there was a queue")
    checks.quantile("median of tcpperf_rtt_seconds behind a FIFO", fifo, 0.5, ping, ping,
                    f"ping through the same queue: {ping * 1000:.0f} ms")


def behind_fq_codel(checks, managed, fifo):
    ours = managed.quantile(0.5)[1] if managed and managed.count else None
    most = fifo.quantile(0.5)[0] / 2 if fifo and fifo.count else 0
    checks.within(FQ_CODEL, ours, None, most, "less than half of that behind a FIFO of the same rate")


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
    checks.within(MARKS[0], marked, 1, None, "the workload: fq_codel had something to mark")
    checks.equal(MARKS[1], result.b.get("IpExtInCEPkts"), marked,
                 "ecn_mark of tc -s qdisc; measured by the kernel, not by us")
    received = MARKS[2]
    if ours.now(received) is None:
        checks.not_here(received, "this kernel does not count them")
    else:
        checks.equal(received, ours.increase(received, service_port=port, role="server"), marked,
                     "ecn_mark of tc -s qdisc")
    checks.equal(MARKS[3],
                 ours.increase("tcpperf_delivered_ce_packets_total", service_port=port, role="client"),
                 result.a["TcpExtTCPDeliveredCE"], "TcpExtTCPDeliveredCE")
    for role in ("client", "server"):
        checks.equal(ECN.format(role=role),
                     ours.increase("tcpperf_ecn_connections_total", mode="rfc3168", service_port=port, role=role),
                     ECN_CONNECTIONS, "the connections made")
