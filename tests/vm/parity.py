#!/usr/bin/env python3
"""What tcptop, tcplife and tcprtt say about traffic with known numbers, beside what tcpperfd says and what was true.

    ./dev build && tests/vm/parity.py --kernel 6.1 [--bcc] [--inflight FOLDER] [--raw]

Runs itself in a virtual machine, as root on a host of its own, because the tools see all of it; without --kernel on
this machine. All tools and tcpperfd watch the same traffic at the same time: those of Debian 12 and, fetched into
build/vm/tools, libbpf-tools of Debian 13. --bcc adds the ones that are compiled when started, which takes minutes in a
virtual machine; --inflight two more of those, see inflight.py. --raw also prints what the tools printed. TCPPERFD names
another daemon than build/bin/tcpperfd.
"""
import argparse
import json
import os
import pathlib
import platform
import tempfile
import time

import comparison
import inflight
import tools
import workload
from comparison import number, of_rows, table
from tools import BCC, NEW, OLD
from workload import CLIENT_V4, CLIENT_V6, FLOWS, SERVER_V4, SERVER_V6

# The way back from the servers takes this long; all else is fast.
NEAR_MS, FAR_MS = 20, 80
FAR = (SERVER_V4[1], SERVER_V6[1])

# ---- our side: what a column of the tables is, in metrics and labels -------------------------------------------------

GROUP_BY = ["service_port", "role", "local_ip", "remote_ip", "process", "pid"]
# Quantity of a flow -> metric, labels; "{port}" is the flow's.
OURS = {
    "sent": ("tcpperf_sent_bytes_total", {"service_port": "{port}", "role": "client"}),
    "acked": ("tcpperf_acked_bytes_total", {"service_port": "{port}", "role": "client"}),
    "resent": ("tcpperf_resent_bytes_total", {"service_port": "{port}", "role": "client"}),
    "received": ("tcpperf_received_bytes_total", {"service_port": "{port}", "role": "client"}),
    "server sent": ("tcpperf_sent_bytes_total", {"service_port": "{port}", "role": "server"}),
    "server received": ("tcpperf_received_bytes_total", {"service_port": "{port}", "role": "server"}),
    "lives": ("tcpperf_connection_duration_seconds", {"service_port": "{port}", "role": "client"}),
    "server lives": ("tcpperf_connection_duration_seconds", {"service_port": "{port}", "role": "server"}),
    "life sent": ("tcpperf_connection_sent_bytes", {"service_port": "{port}", "role": "client"}),
    "life received": ("tcpperf_connection_received_bytes", {"service_port": "{port}", "role": "client"}),
    "life of the process": ("tcpperf_connection_duration_seconds",
                            {"service_port": "{port}", "role": "client", "pid": "{client_pid}"}),
    "server life of the process": ("tcpperf_connection_duration_seconds",
                                   {"service_port": "{port}", "role": "server", "pid": "{server_pid}"}),
    "open": ("tcpperf_open_connections", {"service_port": "{port}", "role": "client"}),
}
# A run of tcprtt -> labels of tcpperf_rtt_seconds and tcpperf_smoothed_rtt_seconds; "{address}" is the section's.
OUR_RTT = {
    (): {},
    ("-m",): {},
    ("-b",): {"local_ip": "{address}"},
    ("-B",): {"remote_ip": "{address}"},
    ("-p", "5001"): {"service_port": "5001", "role": "server"},
    ("-P", "5001"): {"service_port": "5001", "role": "client"},
    ("-a", CLIENT_V4): {"local_ip": CLIENT_V4},
    ("-A", FAR[0]): {"remote_ip": FAR[0]},
    ("-A", FAR[1]): {"remote_ip": FAR[1]},
}
PACKAGES = (OLD, NEW, BCC)


def of_flow(ours, quantity, **words):
    """A number, or for a histogram a Histogram."""
    name, labels = OURS[quantity]
    labels = {key: value.format(**words) for key, value in labels.items()}
    if name == "tcpperf_open_connections":
        return ours.now(name, **labels)
    if ours.is_histogram(name):
        return ours.histogram(name, **labels)
    return ours.increase(name, **labels)


# ---- the network and the run -----------------------------------------------------------------------------------------

def start_tcpperfd(folder):
    """Everything is grouped alike, and the windows are sampled at every segment."""
    names = ("rtt", "handshake", "retransmit", "throughput", "life", "window", "state", "drop", "reset")
    probes = {name: {"group_by": GROUP_BY, "series_budget": 256} for name in names}
    probes["window"].update(perspective="both", sample_interval="0s")
    return comparison.start_daemon(folder, probes)


class Run:
    """One run of everything; what is left is to read."""

    def __init__(self, with_bcc, inflight_folder, folder):
        comparison.build_network((CLIENT_V4, CLIENT_V6), SERVER_V4 + SERVER_V6)
        comparison.delay_from_server(NEAR_MS, FAR_MS, FAR)
        self.server = comparison.start_side(workload.__file__, "server")
        comparison.one_line(self.server)
        self.client = comparison.start_side(workload.__file__, "client")
        comparison.one_line(self.client)

        daemon = start_tcpperfd(folder)
        self.not_measuring = comparison.not_measuring(daemon)
        before = daemon.scrape()
        self.tools = tools.all_tools(with_bcc, tools.rtt_runs(FLOWS[0].port, CLIENT_V4, *FAR))
        if inflight_folder:
            self.tools += inflight.all_tools(inflight_folder)
        tools.start_all(self.tools, (inflight.PACKAGE, BCC, NEW, OLD))  # first those that take minutes
        comparison.tell(self.client, "go")
        self.did = {name: workload.Did(**did)
                    for name, did in json.loads(comparison.one_line(self.client)).items()}
        time.sleep(1)  # the last connection's FIN exchange takes a round trip
        tools.end_all(self.tools)
        self.ours = comparison.Ours(before, daemon.scrape())
        daemon.end()
        for side in (self.client, self.server):
            side.communicate("end\n", timeout=60)

    def tool(self, kind, package, options=()):
        return tools.find(self.tools, kind, package, options)


# ---- tables ----------------------------------------------------------------------------------------------------------

def bytes_table(run):
    rows = []
    for flow in FLOWS:
        did = run.did[flow.name]

        def kb(rows):
            return f"{len(rows)} rows, {sum(row.sent_kb for row in rows):,.0f} / " \
                   f"{sum(row.received_kb for row in rows):,.0f} KB"
        ours = [of_flow(run.ours, name, port=flow.port) for name in ("sent", "received")]
        rows.append([f"{flow.name}: {flow.about}", did.connections,
                     f"{did.sent:,} / {did.received:,}", f"{did.sent / 1024:,.1f} / {did.received / 1024:,.1f} KB",
                     f"{did.requested:,}" + (f" ({did.would_block} EAGAIN)" if did.would_block else ""),
                     *(of_rows(run.tool("tcptop", package), lambda row: row.remote_port == flow.port, kb)
                       for package in PACKAGES),
                     " / ".join(number(value) for value in ours)])
    table("tcptop: bytes sent / received by the client",
          ["Flow", "Connections", "Application: bytes", "the same in KB", "bytes in its write calls", *PACKAGES,
           "tcpperfd: bytes"], rows)


def lives_of(rows):
    if not rows:
        return "0 rows"
    return f"{len(rows)} rows, {sum(row.sent_kb for row in rows):,.2f} / " \
           f"{sum(row.received_kb for row in rows):,.2f} KB, {sum(row.ms for row in rows) / len(rows):,.1f} ms"


def life_table(run):
    rows = []
    for flow in FLOWS:
        did = run.did[flow.name]
        truth = f"{did.connections}, {(did.sent_before + did.sent) / 1024:,.2f} / " \
                f"{(did.received_before + did.received) / 1024:,.2f} KB"
        if did.seconds:
            truth += f", {sum(did.seconds) / len(did.seconds) * 1000:,.1f} ms"
        lives, sent, received = (of_flow(run.ours, name, port=flow.port)
                                 for name in ("lives", "life sent", "life received"))
        ours = "not there" if lives is None else "0"
        if lives and sent and received and lives.count:
            ours = f"{lives.count}, {sent.mean * sent.count / 1024:,.2f} / " \
                   f"{received.mean * received.count / 1024:,.2f} KB, {lives.mean * 1000:,.1f} ms"
        rows.append([f"{flow.name}: {flow.about}", truth,
                     *(of_rows(run.tool("tcplife", package), lambda row: row.remote_port == flow.port, lives_of)
                       for package in PACKAGES),
                     ours, number(of_flow(run.ours, "open", port=flow.port))])
    table("tcplife: ended connections of the client, bytes sent / received, mean duration",
          ["Flow", "Application (from connect until its FIN is acknowledged)", *PACKAGES, "tcpperfd",
           "tcpperfd: open now"], rows)
    connects = [number(run.ours.increase("tcpperf_connects_total", role=role)) for role in ("client", "server")]
    print(f"\nConnections made, by the application: "
          f"{sum(did.connections for did in run.did.values()) - run.did['old'].connections}, and 1 by the last scrape; "
          f"tcpperf_connects_total: {connects[0]} (client), {connects[1]} (server)")


def process_table(run):
    rows = []
    for flow in FLOWS:
        for side, pid, field, quantity, whole in (
                ("client", run.client.pid, "remote_port", "life of the process", "lives"),
                ("server", run.server.pid, "local_port", "server life of the process", "server lives")):
            def right(found, pid=pid):
                wrong = sorted({f"{row.pid} {row.comm}" for row in found if row.pid != pid})
                return f"{sum(row.pid == pid for row in found)} of {len(found)}" + (
                    f"; else {', '.join(wrong[:3])}" if wrong else "")
            its, all_of_flow = (of_flow(run.ours, name, port=flow.port, client_pid=run.client.pid,
                                        server_pid=run.server.pid) for name in (quantity, whole))
            rows.append([flow.name, f"{side}, pid {pid}",
                         *(of_rows(run.tool("tcplife", package), lambda row: getattr(row, field) == flow.port, right)
                           for package in PACKAGES),
                         f"{its.count if its else 0} of {all_of_flow.count}" if all_of_flow else "not there"])
    table("tcplife: whose connection was it", ["Flow", "Process", *(f"{package}: rows with it" for package in PACKAGES),
                                               "tcpperfd: connections with it"], rows)


def names_table(run):
    rows = []
    for package in PACKAGES:
        rows.append([package, of_rows(
            run.tool("tcptop", package), lambda row: row.remote_port == 5005,
            lambda found: ", ".join(f"{row.comm} {row.sent_kb:.0f} KB" for row in found))])
    table("tcptop: one connection of one thread that takes seven names (flow renamed)", ["Tool", "Rows"], rows)


def ms(value):
    return "?" if value is None else f"{value * 1000:,.1f}"


def histogram_cell(histogram):
    if histogram is None or not histogram.count:
        return "0 samples"
    low, high = histogram.quantile(0.5)
    lowest = next(low for low, _, count in histogram.buckets if count)
    highest = max(high for _, high, count in histogram.buckets if count)
    return f"{histogram.count:,} samples, mean {ms(histogram.mean)}, median in {ms(low)}..{ms(high)}, " \
           f"all in {ms(lowest)}..{ms(highest)}"


def way(address):
    if address in FAR:
        return FAR_MS
    return NEAR_MS if address in SERVER_V4 + SERVER_V6 else f"{NEAR_MS} and {FAR_MS}"


def plain(address):
    return address.removeprefix("::ffff:")


def rtt_table(run):
    rows = []
    for options in OUR_RTT:
        theirs = [run.tool("tcprtt", package, options) for package in PACKAGES]
        by_address = options in (("-b",), ("-B",))
        sections = sorted({address for tool in theirs if tool and tool.parsed for address in tool.parsed}, key=plain)
        for address in sections or [""]:
            labels = {key: value.format(address=plain(address)) for key, value in OUR_RTT[options].items()}
            rows.append([
                f"`{' '.join(('tcprtt', *options))}`", address if by_address else "all",
                way(plain(address)) if by_address else way(options[-1]) if options[:1] == ("-A",) else
                NEAR_MS if options[:1] in (("-p",), ("-P",)) else way(""),
                *("not run" if tool is None else tool.problem or histogram_cell(tool.parsed.get(address))
                  for tool in theirs),
                *(histogram_cell(run.ours.histogram(name, **labels))
                  for name in ("tcpperf_rtt_seconds", "tcpperf_smoothed_rtt_seconds"))])
    table(f"tcprtt: all in milliseconds; netem delays {NEAR_MS}, for {' and '.join(FAR)} {FAR_MS}",
          ["Run", "Section", "Way", *PACKAGES, "tcpperf_rtt_seconds", "tcpperf_smoothed_rtt_seconds"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", help="run in a virtual machine with this kernel, see boot")
    parser.add_argument("--bcc", action="store_true", help="also the tools of bpfcc-tools; slow")
    parser.add_argument("--inflight", type=pathlib.Path, metavar="FOLDER", help="also the tools in it, see inflight.py")
    parser.add_argument("--raw", action="store_true", help="also print what the tools printed")
    arguments = parser.parse_args()
    if arguments.kernel:
        words = [word for word in ("--bcc", "--raw") if getattr(arguments, word[2:])]
        if arguments.inflight:
            words += ["--inflight", str(arguments.inflight.resolve())]
        comparison.run_in_machine(__file__, arguments.kernel, words)
    if os.geteuid() != 0:
        parser.error("needs root")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(arguments.bcc, arguments.inflight, pathlib.Path(folder))
    print(f"Linux {platform.release()}; groups: {number(run.ours.now('tcpperf_groups'))}, "
          f"overflows: {number(run.ours.increase('tcpperf_group_overflow_total'))}")
    for line in run.not_measuring:
        print(f"tcpperfd does not measure {line}")
    bytes_table(run)
    life_table(run)
    process_table(run)
    names_table(run)
    rtt_table(run)
    if arguments.inflight:
        table(f"windows of the flow {inflight.FLOW.name}: samples, mean, median; RTT in microseconds",
              ["Side, perspective", "Quantity", "Tool", "tcpperfd"], inflight.rows(run))
    if arguments.raw:
        comparison.print_raw(run.tools)


if __name__ == "__main__":
    main()
