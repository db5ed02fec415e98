"""The tools that tcpperf is compared with: how each is started, when it listens, and what its output says."""
import collections
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402

FOREVER = "3600"
# Of Debian 12; of Debian 13, see parity.py; of Debian 12.
OLD, NEW, BCC = "libbpf-tools 0.26", "libbpf-tools 0.31", "bpfcc-tools 0.26"
# The files of Debian 13's libbpf-tools and of the libraries they need.
NEW_ROOT = harness.ROOT / "build/vm/tools"


@dataclasses.dataclass
class Tool:
    """`options` follow the command and are what tells runs of a tool apart. `begun`: what it says once it is attached;
    None: it says nothing until its end, and has this many hooks."""
    kind: str
    package: str
    command: tuple
    options: tuple = ()
    begun: str = None
    hooks: int = 0
    parsed: object = None
    problem: str = ""

    def start(self):
        program = [shutil.which(self.command[0], path=harness.TOOL_PATH)]
        if self.package == NEW:
            libraries = NEW_ROOT / "usr/lib/x86_64-linux-gnu"
            program = [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries,
                       NEW_ROOT / f"usr/sbin/{self.command[0]}-libbpf"]
        if not program[-1] or not pathlib.Path(program[-1]).exists():
            self.problem = "not installed"
            return
        self.program = harness.Program(harness.tool("stdbuf"), "-oL", *program, *self.command[1:], *self.options,
                                       environment={"PYTHONUNBUFFERED": "1"})

    def wait_until_attached(self, seconds):
        if self.problem:
            return
        try:
            if self.begun:
                self.program.wait_for_line(self.begun, seconds)
            else:
                harness.wait_until(lambda: self._hooks() >= self.hooks or self.program.process.poll() is not None,
                                   f"{self.hooks} hooks", seconds)
        except AssertionError:
            pass
        if self.program.process.poll() is not None or (not self.begun and self._hooks() < self.hooks) or (
                self.begun and not self.program.count(self.begun)):
            said = [line for line in self.program.lines if "rror" in line or "fail" in line] or self.program.lines
            self.problem = "did not start: " + (said[0].strip()[:110] if said else "said nothing")
            self.program.end()

    def _hooks(self):
        """Open perf events and BPF links: what a BPF program hangs on."""
        folder, found = pathlib.Path("/proc", str(self.program.pid), "fd"), 0
        for entry in os.listdir(folder) if folder.exists() else ():
            try:
                found += bool(re.search(r"bpf.link|perf_event", os.readlink(folder / entry)))
            except FileNotFoundError:
                pass
        return found

    def interrupt(self):
        if not self.problem:
            self.program.signal(signal.SIGINT)

    def collect(self):
        if self.problem:
            return
        self.program.wait(60)
        self.parsed = PARSERS[self.kind](self.program.lines)


def start_all(found, packages):
    """Package by package, each when the ones before are attached."""
    for package in packages:
        started = [tool for tool in found if tool.package == package]
        for tool in started:
            tool.start()
        for tool in started:
            tool.wait_until_attached(900)


def end_all(found):
    for tool in found:
        tool.interrupt()
    for tool in found:
        tool.collect()


def find(found, kind, package, options=()):
    """None where it was not asked for."""
    for tool in found:
        if (tool.kind, tool.package, tool.options) == (kind, package, options):
            return tool
    return None


ENDLESS = ("-i", FOREVER, "-d", FOREVER, "-e")


def rtt_runs(short_port, client, far, far_v6):
    """The options of tcprtt that are compared: plain, in milliseconds, by address, filtered by port and by address."""
    return ((), ("-m",), ("-b",), ("-B",), ("-p", str(short_port)), ("-P", str(short_port)), ("-a", client),
            ("-A", far), ("-A", far_v6))


def all_tools(with_bcc, runs):
    """All of them, not started. `runs` are those of tcprtt."""
    found = []
    for package in (OLD, NEW):
        found += [Tool("tcprtt", package, ("tcprtt", *ENDLESS), run, begun=r"^Tracing TCP RTT") for run in runs]
        found.append(Tool("tcptop", package, ("tcptop", "-C", "-S", "-r", "1000", FOREVER, "1"), hooks=2))
        found.append(Tool("tcplife", package, ("tcplife", "-w"), begun=r"^PID +COMM"))
    if with_bcc:
        found.append(Tool("tcptop", BCC, ("tcptop-bpfcc", "-C", "-S", FOREVER, "1"), begun=r"^Tracing\.\.\."))
        found.append(Tool("tcplife", BCC, ("tcplife-bpfcc", "-w"), begun=r"^PID +COMM"))
        found.append(Tool("tcprtt", BCC, ("tcprtt-bpfcc", *ENDLESS), begun=r"^Tracing TCP RTT"))
    return found


# ---- what they print -------------------------------------------------------------------------------------------------

Top = collections.namedtuple("Top", "pid comm local_port remote_ip remote_port received_kb sent_kb")
Life = collections.namedtuple("Life", "pid comm local_port remote_ip remote_port sent_kb received_kb ms")


def parse_tcptop(lines):
    rows = []
    for line in lines:
        words = line.split()
        if len(words) == 6 and words[0].isdigit():
            (_, local_port), (remote_ip, remote_port) = words[2].rsplit(":", 1), words[3].rsplit(":", 1)
            rows.append(Top(int(words[0]), words[1], int(local_port), remote_ip, int(remote_port), float(words[4]),
                            float(words[5])))
    return rows


def parse_tcplife(lines):
    rows = []
    for line in lines:
        words = line.split()
        if len(words) == 10 and words[2] in ("4", "6"):  # bcc -w has the IP version
            del words[2]
        # Of a kernel thread's name such as swapper/0 the words stay together; a row has nine.
        if len(words) == 9 and words[0].isdigit():
            rows.append(Life(int(words[0]), words[1], int(words[3]), words[4], int(words[5]), float(words[6]),
                             float(words[7]), float(words[8])))
    return rows


@dataclasses.dataclass
class Histogram:
    """`buckets`: (low, high, count) in seconds, ascending."""
    buckets: list
    mean: float = None

    @property
    def count(self):
        return sum(count for _, _, count in self.buckets)

    def quantile(self, q):
        """(low, high) of the bucket that holds the quantile."""
        before = 0
        for low, high, count in self.buckets:
            before += count
            if count and before >= q * self.count:
                return low, high
        return None


def parse_tcprtt(lines):
    """By address, as printed."""
    sections, unit = {}, 1e-6
    for line in lines:
        section = re.match(r"^\s*(?:All Addresses|Local Addres\w*|Remote Addres\w*)\s*[=:]\s*(\S+)(?:\s*\[AVG (\d+))?",
                           line)
        row = re.match(r"^\s*(\d+)\s*->\s*(\d+)\s*:\s*(\d+)", line)
        if section:
            current = sections.setdefault(section[1], Histogram([]))
            current.mean = float(section[2]) if section[2] else None
        elif re.search(r"\bmsecs\b", line):
            unit = 1e-3
        elif row and sections:
            current.buckets.append((int(row[1]) * unit, (int(row[2]) + 1) * unit, int(row[3])))
    for histogram in sections.values():
        if histogram.mean is not None:
            histogram.mean *= unit
    return sections


PARSERS = {"tcptop": parse_tcptop, "tcplife": parse_tcplife, "tcprtt": parse_tcprtt}
