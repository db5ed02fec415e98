"""What the comparisons share: the network and its sides, tcpperfd beside the tools, tables, the machine they run in."""
import os
import re
import subprocess

import tools
from tools import Histogram, harness


class Ours:
    """The increase of tcpperfd's series between two scrapes. What is not there is None, never zero."""

    def __init__(self, before, after):
        self._before, self._after = before, after

    def increase(self, name, **labels):
        after = self._after.select(name, **labels)
        if not after:
            return None
        return sum(after.values()) - sum(self._before.select(name, **labels).values())

    def increases(self, name):
        """Of each series, by its labels."""
        before = self._before.select(name)
        return {key: value - before.get(key, 0) for key, value in self._after.select(name).items()}

    def now(self, name, **labels):
        found = self._after.select(name, **labels)
        return sum(found.values()) if found else None

    def is_histogram(self, name):
        return self._after.has(name + "_count")

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


# ---- the network and the run -----------------------------------------------------------------------------------------

def build_network(client_addresses, server_addresses):
    """Two namespaces and a pair of devices between them."""
    run = harness.run
    for name in ("client", "server"):
        run("ip", "netns", "add", name)
    run("ip", "-n", "client", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", "server")
    for name, addresses in (("client", client_addresses), ("server", server_addresses)):
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "set", "veth0", "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            run("ip", "-n", name, "addr", "add", address + ("/64" if nodad else "/24"), "dev", "veth0", *nodad)


def delay_from_server(near_ms, far_ms, far):
    """What comes from the addresses `far` takes longer than all else."""
    def tc(words):
        harness.run("tc", "-n", "server", *words.split())
    tc("qdisc add dev veth0 root handle 1: prio bands 2 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0")
    tc(f"qdisc add dev veth0 parent 1:1 netem delay {near_ms}ms limit 10000")
    tc(f"qdisc add dev veth0 parent 1:2 netem delay {far_ms}ms limit 10000")
    for priority, address in enumerate(far, 1):
        words = f"protocol ipv6 prio {priority} u32 match ip6 src {address}/128" if ":" in address else \
            f"protocol ip prio {priority} u32 match ip src {address}/32"
        tc(f"filter add dev veth0 parent 1: {words} flowid 1:2")


def start_side(script, side):
    return subprocess.Popen([harness.tool("ip"), "netns", "exec", side, "python3", script, side],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def one_line(process):
    line = process.stdout.readline()
    if not line:
        raise SystemExit("the workload ended early")
    return line


def tell(process, word):
    process.stdin.write(word + "\n")
    process.stdin.flush()


def start_daemon(folder, probes):
    """`probes`: the configuration of each that matters. Borders are as close as they can be."""
    config = harness.quiet_config(histograms={"buckets_per_power_of_two": 8}, alerts=[], probes=probes)
    daemon = harness.Daemon(folder, config)
    daemon.wait_for_line(r"probes measuring", 300)  # its programs are loaded; a virtual machine is slow
    return daemon.wait_ready()


def known_probes():
    """The probes that the daemon has, from its own page about them."""
    page = harness.run(harness.TCPPERFD, "--docs.metrics").stdout
    return set(re.findall(r"^\| `tcpperf_(?:[^|]*\|){4} `(\w+)` \|", page, re.MULTILINE))


def not_measuring(daemon):
    return [f"{name}: {probe['reason'] or probe['status']}" for name, probe in daemon.probes().items()
            if probe["status"] != "ok"]


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


def print_raw(found):
    for tool in found:
        print(f"\n==== {tool.package}: {' '.join(map(str, tool.command))}  {tool.problem}", flush=True)
        print("\n".join(tool.program.lines if hasattr(tool, "program") else []))


# ---- the virtual machine ---------------------------------------------------------------------------------------------

def run_in_machine(script, kernel, arguments):
    """Does not return."""
    harness.run("bash", harness.ROOT / "tests/vm/fetch", "trixie", tools.NEW_ROOT, "libbpf-tools", "libc6",
                "libelf1t64", "libzstd1", "zlib1g", seconds=300)
    words = ["--time-limit", "2400", kernel, "--", "env", f"TCPPERFD={harness.TCPPERFD}", script, *arguments]
    os.execv(harness.ROOT / "dev", [str(harness.ROOT / "dev"), "vm", *words])
