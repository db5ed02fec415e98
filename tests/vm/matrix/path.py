"""The way between two hosts: a - router - b, three network namespaces, and what is done to packets from the router to
b. By netem and by queueing disciplines where this kernel has them; where it has no netem, the router's device to b and
the device of b are TUN devices, and what passes between them is delayed, lost and overtaken in this process."""
import fcntl
import heapq
import json
import os
import pathlib
import random
import select
import struct
import sys
import threading
import time

from harness import run, wait_until
from network import NAMED, Pair, Side

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
UP, DOWN = "to_a", "to_b"  # the devices of the router


def has_qdisc(kind):
    """Whether this kernel knows a queueing discipline; its module is loaded for that."""
    name = f"tcpperf-try-{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        return run("tc", "-n", name, "qdisc", "add", "dev", "lo", "root", *kind.split(), check=False).returncode == 0
    finally:
        run("ip", "netns", "del", name)


class Way(Pair):
    """`how` says in words what delays and loses. The second pair of a process would have the router's addresses too."""

    def _build(self):
        self.line = None
        self.router = Side(self.a.name[:-2] + "-r", None, None)
        self.how = "netem" if has_qdisc("netem delay 1ms") else "a delay line between TUN devices"
        for side in (self.a, self.router, self.b):
            run("ip", "netns", "add", side.name)
            run("ip", "-n", side.name, "link", "set", "lo", "up")
        self._cable(self.a, "veth0", UP)
        if self.how == "netem":
            self._cable(self.b, "veth0", DOWN)
        else:
            self.line = Line(self.router, self.b)
        # Nothing but the test's packets: no neighbours to ask for, no link-local addresses.
        for side, peer in ((self.a, self.b), (self.b, self.a)):
            run("ip", "-n", side.name, "addr", "add", f"{side.v4}/32", "dev", "veth0")
            run("ip", "-n", side.name, "route", "add", f"{peer.v4}/32", "dev", "veth0")
        run("ip", "-n", self.router.name, "route", "add", f"{self.a.v4}/32", "dev", UP)
        run("ip", "-n", self.router.name, "route", "add", f"{self.b.v4}/32", "dev", DOWN)
        setting(self.router, "net.ipv4.ip_forward", 1)
        for side in (self.a, self.b):
            setting(side, "net.ipv4.tcp_no_metrics_save", 1)  # each connection begins anew

    def _cable(self, side, device, router_device):
        """One segment per packet, so that a lost packet is a lost segment."""
        macs = ("02:00:00:00:78:01", "02:00:00:00:78:02")
        run("ip", "-n", side.name, "link", "add", device, "address", macs[0], "type", "veth", "peer", "name",
            router_device, "address", macs[1], "netns", self.router.name)
        for where, name, other in ((side, device, macs[1]), (self.router, router_device, macs[0])):
            run("ip", "-n", where.name, "link", "set", name, "addrgenmode", "none")
            run("ip", "-n", where.name, "link", "set", name, "gso_max_segs", "1")
            run("ip", "-n", where.name, "link", "set", name, "up")
            for address in (self.a.v4, self.b.v4):
                run("ip", "-n", where.name, "neigh", "add", address, "lladdr", other, "dev", name, "nud", "permanent")

    def close(self):
        if getattr(self, "line", None):
            self.line.close()
        router = getattr(self, "router", None)
        if router and (NAMED / router.name).exists():
            run("ip", "netns", "del", router.name, check=False)
        super().close()

    # ---- what is done to packets from a to b; always to all from now on, and counted from then ----

    def shape(self, delay_ms=0, jitter_ms=0, loss_percent=0, overtake_percent=0):
        """Jitter is uniform. What overtakes is not delayed."""
        if self.line:
            self.line.shape(delay_ms / 1000, jitter_ms / 1000, loss_percent / 100, overtake_percent / 100)
            return
        words = ["netem", "limit", "10000"]
        if delay_ms:
            words += ["delay", f"{delay_ms}ms", *([f"{jitter_ms}ms"] if jitter_ms else [])]
        if loss_percent:
            words += ["loss", f"{loss_percent}%"]
        if overtake_percent:
            words += ["reorder", f"{overtake_percent}%"]
        self._root(*words)

    def bottleneck(self, rate, queue_bytes, *inner):
        """This rate, with a queue of so many bytes, or with the queueing discipline `inner`."""
        self._root("tbf", "rate", rate, "burst", "16kb", "limit", str(queue_bytes))
        if inner:
            run("tc", "-n", self.router.name, "qdisc", "add", "dev", DOWN, "parent", "1:1", "handle", "2:", *inner)

    def _root(self, *words):
        run("tc", "-n", self.router.name, "qdisc", "del", "dev", DOWN, "root", check=False)
        run("tc", "-n", self.router.name, "qdisc", "add", "dev", DOWN, "root", "handle", "1:", *words)

    def dropped(self):
        """Packets, by the queueing discipline's own count or the delay line's."""
        return self.line.dropped if self.line else self._root_qdisc()["drops"]

    def carried(self):
        """Packets that went from the router to b."""
        return self.line.carried if self.line else self._root_qdisc()["packets"]

    def _root_qdisc(self):
        return next(qdisc for qdisc in self.qdiscs() if qdisc.get("root"))

    def qdiscs(self):
        return json.loads(run("tc", "-n", self.router.name, "-s", "-j", "qdisc", "show", "dev", DOWN).stdout)


class Line:
    """Carries packets between a TUN device of the router and one of b. Before everything else that this machine has to
    do, or its load would be on the way."""

    def __init__(self, router, b):
        self.dropped = self.carried = 0
        sys.setswitchinterval(0.0002)  # no other thread of this process keeps it waiting
        self._random = random.Random(7)
        self._waiting, self._number = [], 0
        self.shape(0, 0, 0, 0)
        self._router, self._b = self._device(router, DOWN), self._device(b, "veth0")
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    @staticmethod
    def _device(side, name):
        with side.entered():
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        run("ip", "-n", side.name, "link", "set", name, "addrgenmode", "none")
        run("ip", "-n", side.name, "link", "set", name, "txqueuelen", "10000", "mtu", "1500", "up")
        return device

    def shape(self, delay, jitter, loss, overtake):
        """What is still under way, such as a last ping, would be counted with what comes."""
        wait_until(lambda: not self._waiting, "the end of all packets under way")
        self._shape = (delay, jitter, loss, overtake)
        self.dropped = self.carried = 0

    def close(self):
        os.write(self._woken, b"x")
        self._thread.join(10)
        for fd in (self._router, self._b, self._wake, self._woken):
            os.close(fd)

    def _carry(self):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        while True:
            timeout = max(0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            ready = select.select([self._router, self._b, self._wake], [], [], timeout)[0]
            if self._wake in ready:
                return
            if self._b in ready:
                for packet in self._read(self._b):
                    os.write(self._router, packet)
            if self._router in ready:
                for packet in self._read(self._router):
                    self._take(packet)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                os.write(self._b, heapq.heappop(self._waiting)[2])
                self.carried += 1

    @staticmethod
    def _read(device):
        while True:
            try:
                yield os.read(device, 65536)
            except BlockingIOError:
                return

    def _take(self, packet):
        delay, jitter, loss, overtake = self._shape
        if self._random.random() < loss:
            self.dropped += 1
            return
        if self._random.random() < overtake:
            delay = 0
        elif jitter:
            delay += self._random.uniform(-jitter, jitter)
        self._number += 1
        heapq.heappush(self._waiting, (time.monotonic() + delay, self._number, packet))


def setting(side, name, value):
    run("ip", "netns", "exec", side.name, "sysctl", "-q", f"{name}={value}")


def is_quiet(side):
    """Whether no connection is left that can still send or count; those in TIME_WAIT cannot."""
    with side.entered():
        rows = pathlib.Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    listen, time_wait = "0A", "06"
    return all(row.split()[3] in (listen, time_wait) for row in rows)
