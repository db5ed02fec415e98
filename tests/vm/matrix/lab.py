"""The daemon in the first host's network namespace, with all probes on and borders as close as they can be, and a way
to the second host. Its readings are taken in between: what was done since is told apart by service port."""
import contextlib
import pathlib
import sys

VM = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(VM), str(VM.parent / "e2e")]
import harness  # noqa: E402
import metrics  # noqa: E402
from comparison import Ours  # noqa: E402
from path import Way, is_quiet  # noqa: E402

# Of the groups no more than the subjects need, so that a page stays short.
CONFIG = harness.quiet_config(
    tick="5s", histograms={"buckets_per_power_of_two": 8}, alerts=[], group_by=["service_port", "role"],
    probes={"window": {"perspective": "both", "sample_interval": "0s"}, "stall": {"reads": True},
            "rtt": {"sample_interval": "0s"}, "listener": {"group_by": ["local_port"]}, "state": {"group_by": []},
            "congestion": {"group_by": []}, "socket": {"group_by": []}})
# Those whose buckets are looked at: to read all the others takes a virtual machine many seconds.
HISTOGRAMS = tuple(f"tcpperf_{name}_seconds_bucket" for name in (
    "rtt", "smoothed_rtt", "path_rtt", "handshake", "stall", "listener_accept_wait"))
READY_SECONDS = 300  # a virtual machine is slow


class Lab:
    def __init__(self, folder, stack):
        self.way = Way()
        stack.callback(self.way.close)
        self.a, self.b = self.way.a, self.way.b
        inside = (harness.tool("nsenter"), f"--net=/run/netns/{self.a.name}", "--")
        with self.a.entered():
            self.daemon = harness.Daemon(folder, {**CONFIG, "filter": self.way.filter()}, prefix=inside)
            stack.callback(self.daemon.end)
            self.daemon.wait_for_line(r"probes measuring", READY_SECONDS)
            self.daemon.wait_ready()
        self.last = None
        self.probes = self.ask(self.daemon.probes)

    def ask(self, question):
        with self.a.entered():
            return question()

    def scrape(self):
        answer = self.ask(self.daemon.ask)
        if answer.status != 200:
            raise AssertionError(f"/metrics answers {answer.status}: {answer.body[:500]}")
        return metrics.parse("\n".join(line for line in answer.body.decode().splitlines()
                                       if "_bucket{" not in line or line.startswith(HISTOGRAMS)))

    def measures(self, probe):
        return self.probes[probe]["status"] in ("ok", "degraded")

    def skipped(self):
        """Events that reached no program, because it was running on that CPU already; in total."""
        return self.scrape().total("tcpperf_lost_updates_total", reason="program_recursion")

    def attached(self, program):
        return any(p["attached"] for probe in self.probes.values() for p in probe["programs"] if p["name"] == program)

    @contextlib.contextmanager
    def measured(self):
        """What is done within, in numbers."""
        result = Result()
        before = self.last or self.scrape()
        started = self.kernel()
        yield result
        ended = self.kernel()
        self.last = harness.wait_until(self.without_connections, "no connection that tcpperfd calls open", 60)
        result.ours = Ours(before, self.last)
        result.a, result.b = ({name: value - old.get(name, 0) for name, value in new.items()}
                              for old, new in zip(started, ended))

    def without_connections(self):
        """A scrape, once the ends of all connections are in it: a processor can be stopped between the change of a
        state and its event."""
        now = self.scrape()
        name = "tcpperf_open_connections"
        return now if not now.has(name) or now.total(name) == 0 else None

    def kernel(self):
        """Its counters in both namespaces, once nothing moves: the scrapes, which go over the loopback device of the
        first, are not to be among what is counted."""
        for side in (self.a, self.b):
            harness.wait_until(lambda side=side: is_quiet(side), "the end of all connections", 120)
        return self.a.kernel_counters(), self.b.kernel_counters()


class Result:
    """`ours`: the daemon's series; `a`, `b`: the kernel's counters in the namespaces of the two hosts."""
    ours = a = b = None
