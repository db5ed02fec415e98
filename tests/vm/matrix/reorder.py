"""Reordering: the probe's counters against the kernel's of either end."""
import traffic

CONNECTIONS, SIZE = 3, 400_009
DELAY_MS, OVERTAKE_PERCENT = 10, 20


def run(lab, checks):
    lab.way.shape(delay_ms=DELAY_MS, overtake_percent=OVERTAKE_PERCENT)
    with lab.measured() as result:
        port = traffic.bulk(lab.a, lab.b, CONNECTIONS, SIZE)
    ours, a, b = result.ours, result.a, result.b
    seen = a["TcpExtTCPSACKReorder"] + a["TcpExtTCPTSReorder"] + a["TcpExtTCPRenoReorder"]
    checks.within("reordering seen by the kernel", seen, 1, None, "the workload: something was overtaken")
    checks.equal("reordering of what is sent", ours.increase("tcpperf_reordering_events_total", service_port=port,
                                                             role="client"),
                 seen, "TcpExtTCPSACKReorder + TCPTSReorder + TCPRenoReorder")
    # The kernel counts packets; what waited for the socket's lock can be one packet of several segments.
    checks.within("segments received out of order",
                  ours.increase("tcpperf_out_of_order_segments_received_total", service_port=port, role="server"),
                  b["TcpExtTCPOFOQueue"], b["TcpExtTCPOFOQueue"] + b["TcpExtTCPBacklogCoalesce"],
                  "TcpExtTCPOFOQueue of the receiving host, and its TCPBacklogCoalesce")
    checks.equal("segments reported as duplicates",
                 ours.increase("tcpperf_dsack_duplicate_segments_total", service_port=port, role="client"),
                 a["TcpExtTCPDSACKRecvSegs"], "TcpExtTCPDSACKRecvSegs")
