#!/usr/bin/env python3
"""What tcpstates, tcpretrans, tcpsynbl, tcp_perf_observer and tcp_connection_analyzer say about traffic with known
events, beside what tcpperfd says and what was true.

    ./dev build && tests/vm/parity_events.py --kernel 6.1 [--bcc] [--everoute FOLDER] [--raw]

See parity.py, which does the same for other tools. --everoute is the folder of tcp_connection_analyzer.py, which reads
ss, and of tcp_perf_observer.py, which is compiled when started and so needs --bcc too; no distribution has them.
"""
import argparse
import json
import os
import pathlib
import platform
import tempfile
import time

import analyzer
import comparison
import event_tables
import event_tools
import events_workload
import tools
from events_workload import FAR, STATES
from tools import BCC, NEW, OLD, harness
from workload import CLIENT_V4, CLIENT_V6, SERVER_V4, SERVER_V6

NEAR_MS, FAR_MS = 20, 80
PERCENT_OF_BULK_LOST, PERCENT_OF_SHORT_LOST = 4, 15
# Of segments without a socket no process is known.
GROUP_BY = ["service_port", "role"]
OTHER_GROUP_BY = {"state": [*GROUP_BY, "pid"], "listener": ["local_ip", "local_port", "process"]}
# Without a filter, and with two that leave one flow or the near flows of IPv4.
OBSERVER_RUNS = ((), ("--mode", "summary", "--rport", str(event_tables.OBSERVED.port)),
                 ("--mode", "summary", "--laddr", CLIENT_V4, "--raddr", SERVER_V4[0]))
LOSSES = f"""
table inet losses {{
  chain to_server {{
    type filter hook input priority 0;
    tcp dport 6006 counter drop
    tcp dport 6101 tcp flags & syn == 0 numgen random mod 100 < {PERCENT_OF_BULK_LOST} counter drop
    tcp dport 6102 tcp flags & syn == 0 numgen random mod 100 < {PERCENT_OF_SHORT_LOST} counter drop
  }}
  chain from_server {{
    type filter hook output priority 0;
    tcp sport 6103 tcp flags & (syn | ack) == syn | ack numgen inc mod 2 == 0 counter drop
  }}
}}
"""


def kernel_counters(side):
    """The counters of TCP in the side's network namespace, by name."""
    counters = {}
    text = harness.run("ip", "netns", "exec", side, "cat", "/proc/net/snmp", "/proc/net/netstat").stdout
    lines = [line.split() for line in text.splitlines() if line.startswith(("Tcp:", "TcpExt:"))]
    for names, values in zip(lines[::2], lines[1::2]):
        counters.update(zip(names[1:], map(int, values[1:])))
    return counters


def dropped_packets():
    """Of each rule of LOSSES, in order."""
    rules = json.loads(harness.run("ip", "netns", "exec", "server", "nft", "-j", "list", "ruleset").stdout)
    return [word["counter"]["packets"] for entry in rules["nftables"] if "rule" in entry
            for word in entry["rule"]["expr"] if "counter" in word]


class Run:
    """One run of everything; what is left is to read."""

    def __init__(self, with_bcc, everoute, folder):
        comparison.build_network((CLIENT_V4, CLIENT_V6), SERVER_V4 + SERVER_V6)
        comparison.delay_from_server(NEAR_MS, FAR_MS, (FAR,))
        harness.run("ip", "netns", "exec", "server", "nft", "-f", "-", input=LOSSES)
        daemon = self._start_daemon(folder)
        before = daemon.scrape()
        kernel_before = {side: kernel_counters(side) for side in ("client", "server")}

        # Before the workload, so that the listeners' own states are seen.
        self.tools = event_tools.all_tools(with_bcc, everoute if with_bcc else None, OBSERVER_RUNS, STATES[0].port)
        tools.start_all(self.tools, (event_tools.BPFTRACE, event_tools.EVEROUTE, BCC, NEW, OLD))
        self.server = comparison.start_side(events_workload.__file__, "server")
        comparison.one_line(self.server)
        self.client = comparison.start_side(events_workload.__file__, "client")
        comparison.one_line(self.client)

        self.did = {}
        for part in ("states", "loss", "listeners"):
            self._do(part)
        self.queued = comparison.Ours(before, daemon.scrape())
        comparison.tell(self.server, "accept")
        comparison.one_line(self.server)
        self._do("accepted")
        self.analyzed = []
        if everoute:
            self._do("connections")
            self.analyzed = analyzer.run_all(everoute)
            self._do("broken off")  # so that nothing is sent between one count and the next
        time.sleep(event_tools.OBSERVER_SECONDS + 2)  # one more of its summaries, and the last FIN exchange

        tools.end_all(self.tools)
        self.ours = comparison.Ours(before, daemon.scrape())
        self.kernel = {side: {name: value - kernel_before[side][name] for name, value in kernel_counters(side).items()}
                       for side in ("client", "server")}
        self.dropped = dropped_packets()
        daemon.end()
        for side, word in ((self.client, "end"), (self.server, "")):
            side.communicate(word + "\n", timeout=60)

    def _start_daemon(self, folder):
        names = {"rtt", "handshake", "retransmit", "state", "drop", "reset", "life", "time", "listener"}
        probes = {name: {"group_by": OTHER_GROUP_BY.get(name, GROUP_BY), "series_budget": 128}
                  for name in names & comparison.known_probes()}
        probes["rtt"]["sample_interval"] = "0s"
        daemon = comparison.start_daemon(folder, probes)
        self.not_measuring = comparison.not_measuring(daemon)
        return daemon

    def _do(self, part):
        comparison.tell(self.client, part)
        self.did.update({name: events_workload.Did(**did)
                         for name, did in json.loads(comparison.one_line(self.client)).items()})

    def tool(self, kind, package, *options):
        return tools.find(self.tools, kind, package, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", help="run in a virtual machine with this kernel, see boot")
    parser.add_argument("--bcc", action="store_true", help="also the tools of bpfcc-tools; slow")
    parser.add_argument("--everoute", type=pathlib.Path, metavar="FOLDER", help="also the tools in it")
    parser.add_argument("--raw", action="store_true", help="also print what the tools printed")
    arguments = parser.parse_args()
    if arguments.kernel:
        words = [word for word in ("--bcc", "--raw") if getattr(arguments, word[2:])]
        if arguments.everoute:
            words += ["--everoute", str(arguments.everoute.resolve())]
        comparison.run_in_machine(__file__, arguments.kernel, words)
    if os.geteuid() != 0:
        parser.error("needs root")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(arguments.bcc, arguments.everoute, pathlib.Path(folder))
    print(f"Linux {platform.release()}")
    for line in run.not_measuring:
        print(f"tcpperfd does not measure {line}")
    event_tables.print_all(run, OBSERVER_RUNS)
    for one in run.analyzed:
        print(f"\n==== {one.title}\n{one.text}")
    if arguments.raw:
        comparison.print_raw(run.tools)


if __name__ == "__main__":
    main()
