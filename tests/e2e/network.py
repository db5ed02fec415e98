"""Two network namespaces joined by a veth pair, faults on the way between them, and traffic through it. Nothing is done
to the machine's own network."""
import atexit
import contextlib
import ctypes
import itertools
import os
import pathlib
import select
import socket
import struct
import threading
import time

from harness import PREFIX, remove_abandoned, run

NAMED = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def _set_namespace(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Side:
    """One end: a network namespace with the interface veth0. Sockets have the machine's default `congestion_control`
    unless it is set."""

    def __init__(self, name, v4, v6):
        self.name, self.v4, self.v6 = name, v4, v6
        self.congestion_control = None

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in the namespace; a socket made there stays there."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            target = os.open(NAMED / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _set_namespace(target)
            finally:
                os.close(target)
            try:
                yield
            finally:
                _set_namespace(own)
        finally:
            os.close(own)

    def kernel_counters(self):
        """The kernel's own, of this namespace, as nstat names them."""
        found = {}
        for file in ("snmp", "netstat"):
            with self.entered():
                lines = pathlib.Path("/proc/thread-self/net", file).read_text().splitlines()
            for names, values in zip(lines[::2], lines[1::2]):
                group = names.split()[0].rstrip(":")
                found.update({group + name: int(value) for name, value in zip(names.split()[1:], values.split()[1:])})
        return found

    def open_socket(self, family=socket.AF_INET):
        with self.entered():
            fresh = socket.socket(family, socket.SOCK_STREAM)
        if self.congestion_control:
            fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, self.congestion_control.encode())
        fresh.settimeout(20)
        return fresh

    def listen(self, family=socket.AF_INET, backlog=64):
        listener = self.open_socket(family)
        listener.bind((self.v6 if family == socket.AF_INET6 else self.v4, 0))
        listener.listen(backlog)
        return listener

    def nft(self, rules):
        run("ip", "netns", "exec", self.name, "nft", rules)


class Pair:
    """`networks` are those of this pair alone, for a filter: no other traffic of the machine has them."""

    def __init__(self):
        remove_abandoned(NAMED, lambda entry: run("ip", "netns", "del", entry.name, check=False))
        number = next(_numbers)
        name = f"{PREFIX}{os.getpid()}-{number}"
        net = (os.getpid() * 8 + number) % 512  # of 198.18.0.0/15, which is for tests
        v4 = f"198.{18 + net // 256}.{net % 256}"
        v6 = f"fd78:{net:x}"
        self.a = Side(name + "-a", v4 + ".1", v6 + "::1")
        self.b = Side(name + "-b", v4 + ".2", v6 + "::2")
        self.networks = [v4 + ".0/24", v6 + "::/64"]
        atexit.register(self.close)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self):
        macs = {self.a: "02:00:00:00:78:01", self.b: "02:00:00:00:78:02"}
        run("ip", "netns", "add", self.a.name)
        run("ip", "netns", "add", self.b.name)
        run("ip", "-n", self.a.name, "link", "add", "veth0", "address", macs[self.a], "type", "veth",
            "peer", "name", "veth0", "address", macs[self.b], "netns", self.b.name)
        for side, peer in ((self.a, self.b), (self.b, self.a)):
            # Neighbours by hand and no link-local address: only the test's packets are on the wire. One segment per
            # packet, so that a lost packet is a lost segment.
            for words in ("link set lo up", "link set veth0 addrgenmode none", "link set veth0 gso_max_segs 1",
                          "link set veth0 up", f"addr add {side.v4}/24 dev veth0",
                          f"addr add {side.v6}/64 dev veth0 nodad",
                          f"neigh add {peer.v4} lladdr {macs[peer]} dev veth0 nud permanent",
                          f"neigh add {peer.v6} lladdr {macs[peer]} dev veth0 nud permanent"):
                run("ip", "-n", side.name, *words.split())

    def close(self):
        for side in (self.a, self.b):
            if (NAMED / side.name).exists():
                run("ip", "netns", "del", side.name, check=False)
        atexit.unregister(self.close)

    def filter(self):
        return {"local_ip": self.networks}

    def lose(self, port, percent):
        """From now on the second side loses so many of the packets to this port."""
        self.b.nft("add table inet faults; add chain inet faults input { type filter hook input priority 0 ; }; "
                   f"add rule inet faults input tcp dport {port} numgen random mod 100 < {percent} drop")

    def lose_nothing(self):
        self.b.nft("delete table inet faults")

    def slow_down(self, rate):
        """From now on the first side sends at this rate and queues what is more."""
        run("tc", "-n", self.a.name, "qdisc", "replace", "dev", "veth0", "root", "tbf", "rate", rate, "burst", "3kb",
            "latency", "2s")

    def full_speed(self):
        run("tc", "-n", self.a.name, "qdisc", "del", "dev", "veth0", "root")


class Server:
    """Accepts on `side`; each message of `message_bytes` is answered by one of `reply_bytes`. Context manager."""

    def __init__(self, side, family=socket.AF_INET, message_bytes=10_000, reply_bytes=100):
        self.accepted = 0
        self.closed = 0
        self._message_bytes, self._reply = message_bytes, b"r" * reply_bytes
        self._listener = side.listen(family)
        self.address = self._listener.getsockname()
        self.port = self.address[1]
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._woken, b"x")
        self._thread.join(10)
        os.close(self._wake)
        os.close(self._woken)

    def open_connections(self):
        return self.accepted - self.closed

    def _serve(self):
        received = {}  # connection -> bytes of the message so far
        while True:
            for ready in select.select([self._wake, self._listener, *received], [], [])[0]:
                if ready == self._wake:
                    for connection in (self._listener, *received):
                        connection.close()
                    return
                if ready is self._listener:
                    received[ready.accept()[0]] = 0
                    self.accepted += 1
                elif not self._answer(ready, received):
                    del received[ready]
                    ready.close()
                    self.closed += 1

    def _answer(self, connection, received):
        try:
            data = connection.recv(65536)
            if not data:
                return False
            received[connection] += len(data)
            while received[connection] >= self._message_bytes:
                received[connection] -= self._message_bytes
                connection.sendall(self._reply)
        except OSError:
            return False
        return True


class Chatter:
    """Some connections from `side` to a server that send a message, await the reply, pause, and again. Context
    manager: goes on until its end."""

    def __init__(self, side, server, connections=4, pause_seconds=0.01):
        self._side, self._server, self._pause_seconds = side, server, pause_seconds
        self._stop = threading.Event()
        self.exchanges = 0
        self._clients = []
        self._threads = [threading.Thread(target=self._talk, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        end = time.monotonic() + 1
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
        for client in list(self._clients):  # what still waits for a message to arrive
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)

    def _talk(self):
        message = b"m" * self._server._message_bytes
        while not self._stop.is_set():
            with self._side.open_socket() as client:
                self._clients.append(client)
                try:
                    client.connect(self._server.address)
                    while not self._stop.is_set():
                        client.sendall(message)
                        reply = 0
                        while reply < len(self._server._reply):
                            reply += len(client.recv(65536)) or self._raise_end()
                        self.exchanges += 1
                        self._stop.wait(self._pause_seconds)
                except OSError:
                    continue

    @staticmethod
    def _raise_end():
        raise ConnectionError("the server has closed the connection")


def connect_and_close(side, address, family=socket.AF_INET):
    """One connection, ended in order by both ends."""
    with side.open_socket(family) as client:
        client.connect(address[:2])
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass


def connect_and_reset(side, address):
    with side.open_socket() as client:
        client.connect(address[:2])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def connect_refused(side, host):
    """A connect that nobody listens for."""
    with side.open_socket() as client:
        try:
            client.connect((host, 9))
        except ConnectionRefusedError:
            return
    raise AssertionError(f"{host} did not refuse a connection to port 9")
