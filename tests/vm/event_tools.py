"""The tools that show events and states: how each is started and what its output says. See tools.py."""
import collections
import dataclasses
import re

import tools
from tools import BCC, NEW, OLD, Histogram, Tool

# Of Debian 12.
BPFTRACE = "bpftrace 0.17"
EVEROUTE = "everoute"
RETRANSMIT_RUNS = ((), ("-l",), ("-c",))
OBSERVER_SECONDS = 2  # between its summaries; it prints none at its end

State = collections.namedtuple("State", "pid comm local_port remote_port old new ms")
# `kind` is R or L as the tool prints it; `count` more than one with -c.
Retransmission = collections.namedtuple("Retransmission", "local_port remote_port kind state count")


@dataclasses.dataclass
class Observed:
    """The sum of the histograms of all summaries, the counters of the last, and the lines of single events by kind."""
    rtt: Histogram
    connect: Histogram
    retransmissions: int
    drops: int
    states: dict
    events: collections.Counter


def all_tools(with_bcc, folder, observer_runs, port):
    """All of them, not started."""
    found = [Tool("tcpretrans", BPFTRACE, ("bpftrace", "-B", "line", "/usr/sbin/tcpretrans.bt"),
                  begun=r"^Tracing tcp retransmits")]
    for package in (OLD, NEW):
        for options in ((), ("-L", str(port)), ("-D", str(port))):
            found.append(Tool("tcpstates", package, ("tcpstates", "-w"), options, begun=r"^SKADDR"))
        found.append(Tool("tcpsynbl", package, ("tcpsynbl",), begun=r"^Tracing SYN backlog"))
    if with_bcc:
        found.append(Tool("tcpstates", BCC, ("tcpstates-bpfcc", "-w"), begun=r"^SKADDR"))
        found.append(Tool("tcpsynbl", BCC, ("tcpsynbl-bpfcc",), begun=r"^Tracing SYN backlog"))
        found += [Tool("tcpretrans", BCC, ("tcpretrans-bpfcc",), options, begun=r"^Tracing retransmits")
                  for options in RETRANSMIT_RUNS]
    if folder:
        found += [Tool("observer", EVEROUTE, ("python3", folder / "tcp_perf_observer.py", "--interval",
                                              str(OBSERVER_SECONDS)), options, begun=r"^tcp_perf_observer started")
                  for options in observer_runs]
    return found


# ---- what they print -------------------------------------------------------------------------------------------------

_STATE = re.compile(r"^[0-9a-f]+\s+(\d+)\s+(\S.*?)\s+(?:[46]\s+)?[\d.:a-f]+\s+(\d+)\s+[\d.:a-f]+\s+(\d+)\s+"
                    r"([A-Z_0-9]+)\s*->\s*([A-Z_0-9]+)\s+([\d.]+)$")
_BCC_RETRANSMISSION = re.compile(r"^[\d:]+\s+\d+\s+[46]\s+\S+:(\d+)\s+([RL])>\s+\S+:(\d+)\s+(\S+)")
_BCC_COUNT = re.compile(r"^\[\S+\]#(\d+)\s+<->\s+\[\S+\]#(\d+)\s+(\d+)$")
_BT_RETRANSMISSION = re.compile(r"^[\d:]+\s+\d+\s+\S+:(\d+)\s+\S+:(\d+)\s+([A-Z_0-9]+)")
_BUCKET = re.compile(r"^\s*(\d+)\s*->\s*(\d+)\s*:\s*(\d+)")


def parse_tcpstates(lines):
    rows = []
    for line in lines:
        found = _STATE.match(line.strip())
        if found:
            pid, comm, local_port, remote_port, old, new, ms = found.groups()
            rows.append(State(int(pid), comm, int(local_port), int(remote_port), old.lower(), new.lower(), float(ms)))
    return rows


def parse_tcpretrans(lines):
    rows = []
    for line in lines:
        bcc, count, bt = (pattern.match(line.strip())
                          for pattern in (_BCC_RETRANSMISSION, _BCC_COUNT, _BT_RETRANSMISSION))
        if bcc:
            rows.append(Retransmission(int(bcc[1]), int(bcc[3]), bcc[2], bcc[4], 1))
        elif count:
            rows.append(Retransmission(int(count[1]), int(count[2]), "R", "", int(count[3])))
        elif bt:
            rows.append(Retransmission(int(bt[1]), int(bt[2]), "R", bt[3], 1))
    return rows


def parse_tcpsynbl(lines):
    """By the listener's limit."""
    sections = {}
    for line in lines:
        section, row = re.search(r"backlog_max\D*(\d+)", line), _BUCKET.match(line)
        if section:
            current = sections.setdefault(int(section[1]), Histogram([]))
        elif row and sections:
            current.buckets.append(tuple(int(number) for number in row.groups()))
    return sections


def parse_observer(lines):
    histograms = {"RTT (us)": collections.Counter(), "ConnSetup (us)": collections.Counter()}
    said = Observed(None, None, 0, 0, {}, collections.Counter())
    current = collections.Counter()
    for line in lines:
        title, row = re.match(r"^\[(.*)\]$", line), _BUCKET.match(line)
        counters = re.match(r"^retrans: (\d+) +drops: (\d+)", line)
        event = re.match(r"^[\d.]+s ev=(\w+) ", line)
        if title:
            current = histograms[title[1]]
        elif row:
            current[int(row[1]), int(row[2])] += int(row[3])
        elif counters:
            said.retransmissions, said.drops = int(counters[1]), int(counters[2])
        elif line.startswith("states: "):
            said.states = {name.lower(): int(count) for name, count in
                           (word.split(":") for word in line.split()[1:])}
        elif event:
            said.events[event[1]] += 1
    said.rtt, said.connect = (Histogram([(low * 1e-6, (high + 1) * 1e-6, count)
                                         for (low, high), count in sorted(counts.items())])
                              for counts in histograms.values())
    return said


tools.PARSERS.update(tcpstates=parse_tcpstates, tcpretrans=parse_tcpretrans, tcpsynbl=parse_tcpsynbl,
                     observer=parse_observer)
