"""What the tests of the web server under attack share: attackers, somebody who scrapes meanwhile, and what the daemon
holds.

The bounds: 128 connections at once, 32 of one client, and for a moment those that make room; of each 36 KiB for its
request and one page that it has not read, and with TLS 64 KiB for its session.
"""
import contextlib
import json
import os
import pathlib
import select
import socket
import threading
import time

import metrics
from harness import EndToEndTest, is_sanitized, quiet_config, run, wait_until

MIB = 1 << 20
CONNECTIONS, PER_CLIENT = 128, 32
LOAD_MAKER = os.environ.get("TCPPERF_LOAD_MAKER", pathlib.Path(__file__).parents[2] / "build/bin/tcpperf_load_maker")
WHOLE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
SCRAPER_PATIENCE = 10  # seconds; Prometheus' own


def attacker(number):
    """An address that is not the scraper's."""
    return f"127.0.1.{number + 1}"


class Watch:
    """Scrapes from 127.0.0.1 while an attack goes on, and looks at what the daemon holds."""

    pause_seconds = 0.1

    def __init__(self, test, daemon, scrape):
        self.test, self.daemon, self.scrape = test, daemon, scrape
        self.scrapes, self.failures, self.slowest = 0, [], 0
        self.most_memory = self.most_descriptors = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def _run(self):
        while not self.ending.is_set():
            start = time.monotonic()
            try:
                self.scrape()
                self.scrapes += 1
            except Exception as error:  # whatever it is, the scrape has failed
                self.failures.append(f"{error!r} after {time.monotonic() - start:.1f} s")
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.look()
            self.ending.wait(self.pause_seconds)

    def look(self):
        self.most_memory = max(self.most_memory, self.memory())
        self.most_descriptors = max(self.most_descriptors, self.descriptors())

    @contextlib.contextmanager
    def attack(self, tls=False):
        for _ in range(3):
            self.scrape()  # whatever is allocated once
        page = len(self.scrape())
        memory, descriptors = self.memory(), self.descriptors()
        self.thread.start()
        try:
            yield self
        finally:
            self.ending.set()
            self.thread.join()
        test = self.test
        test.assertEqual(self.failures, [], f"{len(self.failures)} of {self.scrapes + len(self.failures)} scrapes")
        test.assertGreater(self.scrapes, 0)
        each = 36 * 1024 + page + (64 * 1024 if tls else 0)
        test.assertLessEqual(self.most_descriptors, descriptors + 2 * CONNECTIONS + 64)
        wait_until(lambda: self.descriptors() <= descriptors, f"descriptors are {descriptors} again", 40)
        if not is_sanitized():
            test.assertLess(self.most_memory - memory, CONNECTIONS * each + 4 * MIB, "memory while it lasted")
            wait_until(lambda: self.memory() < memory + 3 * MIB, "the memory is what it was", 40)
        print(f"  [{self.scrapes} scrapes, the slowest {self.slowest:.2f} s; at most "
              f"{(self.most_memory - memory) / MIB:+.1f} MiB, {self.most_descriptors - descriptors:+d} descriptors; "
              f"afterwards {(self.memory() - memory) / MIB:+.1f} MiB]", flush=True)


class Client:
    """A connection of an attacker. What it cannot send is part of the attack."""

    def __init__(self, address, source, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(5)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((source, 0))
        self.socket.connect(address)

    def send(self, data):
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def read(self, seconds=5):
        """All that comes until the end, or until nothing comes any more."""
        data = b""
        with contextlib.suppress(OSError):
            while select.select([self.socket], [], [], seconds)[0]:
                more = self.socket.recv(65536)
                if not more:
                    break
                data += more
        return data

    def close(self):
        self.socket.close()


class AttackTest(EndToEndTest):
    def scraper(self, address):
        def scrape():
            with socket.create_connection(address, timeout=SCRAPER_PATIENCE, source_address=("127.0.0.1", 0)) as client:
                return self.complete_page(client)
        return scrape

    def complete_page(self, client, extra=b""):
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + extra + b"\r\n")
        data = b""
        end = time.monotonic() + SCRAPER_PATIENCE
        while more := client.recv(1 << 18):
            data += more
            if time.monotonic() > end:
                raise TimeoutError("the page takes too long")
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200") or f"Content-Length: {len(body)}".encode() not in head:
            raise AssertionError(f"no complete page: {head!r}, {len(body)} bytes")
        return body

    def start_plain(self, **options):
        daemon = self.start(quiet_config(), **options)
        address = daemon.addresses()[0]
        return daemon, address, Watch(self, daemon, self.scraper(address))

    def counts(self, address):
        return metrics.parse(self.scraper(address)().decode())

    def clients(self, address, count, addresses, **options):
        """Connected ones, closed with the test."""
        opened = []
        self.addCleanup(lambda: [client.close() for client in opened])
        for number in range(count):
            opened.append(Client(address, attacker(number % addresses), **options))
        return opened

    def load(self, port, path, *headers, connections=PER_CLIENT, pipelined=8, clients=1, first=0, seconds=4, ways=()):
        """What tcpperf_load_maker reports; `ways` are its options."""
        return json.loads(run(LOAD_MAKER, *ways, "--first", first, port, path, seconds, connections, pipelined, clients,
                              *headers).stdout)
