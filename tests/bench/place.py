"""Where it is measured: a network namespace of its own with nothing but loopback, in which the daemon, its rivals and
the traffic are."""
import contextlib
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402

BIN = harness.TCPPERFD.parent
CLONE_NEWNET = 0x40000000
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

SHIPPED = (harness.ROOT / "config/tcpperf.yaml").read_text().replace("  syslog: true", "  syslog: false")
# Every probe with everything that can be switched on; the RTT of every segment.
ALL = harness.quiet_config(
    group_by=["service_port", "role"],
    probes={"window": {"perspective": "both", "sample_interval": "0s"}, "stall": {"reads": True},
            "rtt": {"sample_interval": "0s"}, "listener": {"group_by": ["local_port"]}, "state": {"group_by": []},
            "congestion": {"group_by": []}, "socket": {"group_by": []}})


def enter():
    """The calling process is in a fresh network namespace from here on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    harness.run("ip", "link", "set", "lo", "up")


@contextlib.contextmanager
def daemon(config):
    """A running tcpperfd."""
    with tempfile.TemporaryDirectory(prefix=f"{harness.PREFIX}{os.getpid()}-") as folder:
        folder = pathlib.Path(folder)
        (folder / "rules").symlink_to(harness.ROOT / "config/rules")
        running = harness.Daemon(folder, config)
        try:
            yield running.wait_ready()
        finally:
            running.end()


@contextlib.contextmanager
def bpftrace(script):
    """A rival: a one-liner of bpftrace, attached."""
    rival = harness.Program(harness.tool("bpftrace"), "-e", 'BEGIN { printf("attached\\n"); } ' + script)
    try:
        rival.wait_for_line("attached", 60)
        time.sleep(0.5)
        yield rival
    finally:
        rival.end()


@contextlib.contextmanager
def empty_programs(count):
    with subprocess.Popen([BIN / "tcpperf_bench_empty", str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        if holder.stdout.readline() != "ready\n":
            raise AssertionError("the empty programs cannot be attached")
        yield holder
        holder.stdin.close()


def iperf3(flows, seconds):
    """Bytes that were received, and in how many seconds."""
    port = str(harness.free_port())
    server = harness.Program(harness.tool("iperf3"), "-s", "-1", "-B", "127.0.0.1", "-p", port, "--forceflush")
    try:
        server.wait_for_line("Server listening")
        client = harness.run("iperf3", "-c", "127.0.0.1", "-p", port, "-P", flows, "-t", seconds, "-J")
    finally:
        server.end()
    received = json.loads(client.stdout)["end"]["sum_received"]
    return {"operations": received["bytes"], "seconds": received["seconds"]}


def traffic(kind, flows, seconds, cpus=None):
    """What bin/tcpperf_bench_traffic or iperf3 did, and `per_second`. On all CPUs, or on those of a list as taskset has
    it: where both ends share one, no wakeup of another CPU makes the time of an exchange restless."""
    if kind == "iperf3":
        done = iperf3(flows, seconds)
        return done | {"per_second": done["operations"] / done["seconds"]}
    place = ("taskset", "--cpu-list", cpus) if cpus else ()
    done = json.loads(harness.run(*place, BIN / "tcpperf_bench_traffic", kind, flows, seconds).stdout)
    done["per_second"] = done["operations"] / done["seconds"]
    return done


def cpu_seconds(pid):
    """User and system time of a process, of the threads that it has now."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def softirq_seconds():
    """Of all CPUs."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[7]) / TICKS_PER_SECOND
