"""After everything: the daemon's own comparison of its events with the kernel's counters, of the first host."""
from loss import MISSED_PART

COUNTERS = ("TcpActiveOpens", "TcpEstabResets", "TcpRetransSegs", "TcpExtTCPSynRetrans", "TcpOutRsts")


def run(lab, checks):
    now, skipped = lab.scrape(), lab.skipped()
    name = "tcpperf_reconciliation_events_total"
    for counter in COUNTERS:
        if not now.has(name, counter=counter):
            checks.equal(f"events of {counter}", None, "a number", "the reconciliation probe")
            continue
        ours, kernel = (now.total(name, counter=counter, source=source) for source in ("tcpperf", "kernel"))
        missed = max(1, kernel // MISSED_PART) if counter == "TcpRetransSegs" else 0
        checks.within(f"events of {counter}", ours, max(kernel - missed - skipped, 1), kernel,
                      f"the kernel's counter; {skipped:.0f} programs were skipped in all")
