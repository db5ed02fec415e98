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
import subprocess
import tempfile
import time

import inflight
import tools
import workload
from tools import BCC, NEW, OLD, Histogram
from workload import CLIENT_V4, CLIENT_V6, FLOWS, SERVER_V4, SERVER_V6

import harness

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


class Ours:
    """The increase of tcpperfd's series between two scrapes. What is not there is None, never zero."""

    def __init__(self, before, after):
        self._before, self._after = before, after

    def increase(self, name, **labels):
        after = self._after.select(name, **labels)
        if not after:
            return None
        return sum(after.values()) - sum(self._before.select(name, **labels).values())

    def now(self, name, **labels):
        found = self._after.select(name, **labels)
        return sum(found.values()) if found else None

    def histogram(self, name, **labels):
        """None when there is no such series."""
        cumulative = {}
        for scrape, sign in ((self._after, 1), (self._before, -1)):
            for key, value in scrape.select(name + "_bucket", **labels).items():
                border = float(dict(key)["le"])
                cumulative[border] = cumulative.get(border, 0) + sign * value
        if not cumulative:
            return None
        buckets, low, below = [], 0.0, 0
        for border in sorted(cumulative):
            buckets.append((low, border, int(cumulative[border] - below)))
            low, below = border, cumulative[border]
        count = self.increase(name + "_count", **labels)
        mean = self.increase(name + "_sum", **labels) / count if count else None
        return Histogram(buckets, mean)

    def of_flow(self, quantity, **words):
        """A number, or for a histogram a Histogram."""
        name, labels = OURS[quantity]
        labels = {key: value.format(**words) for key, value in labels.items()}
        if name == "tcpperf_open_connections":
            return self.now(name, **labels)
        if self._after.has(name + "_count"):
            return self.histogram(name, **labels)
        return self.increase(name, **labels)


# ---- the network and the run -----------------------------------------------------------------------------------------

def build_network():
    run = harness.run
    for name in ("client", "server"):
        run("ip", "netns", "add", name)
    run("ip", "-n", "client", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", "server")
    for name, addresses in (("client", (CLIENT_V4, CLIENT_V6)), ("server", SERVER_V4 + SERVER_V6)):
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "set", "veth0", "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            run("ip", "-n", name, "addr", "add", address + ("/64" if nodad else "/24"), "dev", "veth0", *nodad)

    def tc(words):
        run("tc", "-n", "server", *words.split())
    tc("qdisc add dev veth0 root handle 1: prio bands 2 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0")
    tc(f"qdisc add dev veth0 parent 1:1 netem delay {NEAR_MS}ms limit 10000")
    tc(f"qdisc add dev veth0 parent 1:2 netem delay {FAR_MS}ms limit 10000")
    tc(f"filter add dev veth0 parent 1: protocol ip prio 1 u32 match ip src {FAR[0]}/32 flowid 1:2")
    tc(f"filter add dev veth0 parent 1: protocol ipv6 prio 2 u32 match ip6 src {FAR[1]}/128 flowid 1:2")


def start_side(side):
    return subprocess.Popen([harness.tool("ip"), "netns", "exec", side, "python3", workload.__file__, side],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start_daemon(folder):
    """Everything is grouped alike, and the windows are sampled at every segment."""
    names = ("rtt", "handshake", "retransmit", "throughput", "life", "window", "state", "drop", "reset")
    probes = {name: {"group_by": GROUP_BY, "series_budget": 256} for name in names}
    probes["window"].update(perspective="both", sample_interval="0s")
    config = harness.quiet_config(histograms={"buckets_per_power_of_two": 8}, alerts=[], probes=probes)
    return harness.Daemon(folder, config).wait_ready()


def one_line(process):
    line = process.stdout.readline()
    if not line:
        raise SystemExit("the workload ended early")
    return line


class Run:
    """One run of everything; what is left is to read."""

    def __init__(self, with_bcc, inflight_folder, folder):
        build_network()
        self.server = start_side("server")
        one_line(self.server)
        self.client = start_side("client")
        one_line(self.client)

        daemon = start_daemon(folder)
        self.not_measuring = [f"{name}: {probe['reason'] or probe['status']}" for name, probe in daemon.probes().items()
                              if probe["status"] != "ok"]
        before = daemon.scrape()
        self.tools = tools.all_tools(with_bcc, tools.rtt_runs(FLOWS[0].port, CLIENT_V4, *FAR))
        if inflight_folder:
            self.tools += inflight.all_tools(inflight_folder)
        for package in (inflight.PACKAGE, BCC, NEW, OLD):  # first those that take minutes
            started = [tool for tool in self.tools if tool.package == package]
            for tool in started:
                tool.start()
            for tool in started:
                tool.wait_until_attached(900)
        self.client.stdin.write("go\n")
        self.client.stdin.flush()
        self.did = {name: workload.Did(**did) for name, did in json.loads(one_line(self.client)).items()}
        time.sleep(1)  # the last connection's FIN exchange takes a round trip
        for tool in self.tools:
            tool.interrupt()
        for tool in self.tools:
            tool.collect()
        self.ours = Ours(before, daemon.scrape())
        daemon.end()
        for side in (self.client, self.server):
            side.communicate("end\n", timeout=60)

    def tool(self, kind, package, options=None):
        """None where it was not asked for."""
        for tool in self.tools:
            if (tool.kind, tool.package) == (kind, package) and (options is None or tool.command[6:] == options):
                return tool
        return None


# ---- tables ----------------------------------------------------------------------------------------------------------

def table(title, header, rows):
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def number(value):
    return "not there" if value is None else f"{value:,.0f}"


def of_rows(tool, select, show):
    if tool is None:
        return "not run"
    return tool.problem or show([row for row in tool.parsed if select(row)])


def bytes_table(run):
    rows = []
    for flow in FLOWS:
        did = run.did[flow.name]

        def kb(rows):
            return f"{len(rows)} rows, {sum(row.sent_kb for row in rows):,.0f} / " \
                   f"{sum(row.received_kb for row in rows):,.0f} KB"
        ours = [run.ours.of_flow(name, port=flow.port) for name in ("sent", "received")]
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
        lives, sent, received = (run.ours.of_flow(name, port=flow.port)
                                 for name in ("lives", "life sent", "life received"))
        ours = "not there" if lives is None else "0"
        if lives and sent and received and lives.count:
            ours = f"{lives.count}, {sent.mean * sent.count / 1024:,.2f} / " \
                   f"{received.mean * received.count / 1024:,.2f} KB, {lives.mean * 1000:,.1f} ms"
        rows.append([f"{flow.name}: {flow.about}", truth,
                     *(of_rows(run.tool("tcplife", package), lambda row: row.remote_port == flow.port, lives_of)
                       for package in PACKAGES),
                     ours, number(run.ours.of_flow("open", port=flow.port))])
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
            its, all_of_flow = (run.ours.of_flow(name, port=flow.port, client_pid=run.client.pid,
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


def run_in_machine(kernel, arguments):
    harness.run("bash", harness.ROOT / "tests/vm/fetch", "trixie", tools.NEW_ROOT, "libbpf-tools", "libc6",
                "libelf1t64", "libzstd1", "zlib1g", seconds=300)
    words = ["--time-limit", "2400", kernel, "--", "env", f"TCPPERFD={harness.TCPPERFD}", __file__, *arguments]
    os.execv(harness.ROOT / "dev", [str(harness.ROOT / "dev"), "vm", *words])


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
        run_in_machine(arguments.kernel, words)
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
        for tool in run.tools:
            print(f"\n==== {tool.package}: {' '.join(map(str, tool.command))}  {tool.problem}", flush=True)
            print("\n".join(tool.program.lines if hasattr(tool, "program") else []))


if __name__ == "__main__":
    main()
