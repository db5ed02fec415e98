"""After everything: the daemon's own comparison of its events with the kernel's counters, of the first host."""
from loss import MISSED_PART

COUNTERS = ("TcpActiveOpens", "TcpEstabResets", "TcpRetransSegs", "TcpExtTCPSynRetrans", "TcpOutRsts")


def run(lab, checks):
    now = lab.scrape()
    name = "tcpperf_reconciliation_events_total"
    for counter in COUNTERS:
        if not now.has(name, counter=counter):
            checks.equal(f"events of {counter}", None, "a number", "the reconciliation probe")
            continue
        ours, kernel = (now.total(name, counter=counter, source=source) for source in ("tcpperf", "kernel"))
        least = kernel - max(1, kernel // MISSED_PART) if counter == "TcpRetransSegs" else kernel
        checks.within(f"events of {counter}", ours, max(least, 1), kernel, "the kernel's counter")
