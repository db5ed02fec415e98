#!/usr/bin/env python3
"""After kill -9 nothing of the daemon is left in the kernel, and a new one takes its place at once."""
import contextlib
import json
import pathlib
import signal
import socket
import unittest

from harness import EndToEndTest, quiet_config, run, wait_until
from network import Pair, Server, connect_and_close

KINDS = ("prog", "map", "link")


def owned(pid):
    """The ids of the kernel's BPF objects that a process has open, by kind: {"prog": {12, ...}, ...}. Other programs
    of the same name may be loaded, so names do not tell."""
    ids = {kind: set() for kind in KINDS}
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            lines = dict(line.split(":\t", 1) for line in info.read_text().splitlines() if ":\t" in line)
            kind = next((kind for kind in ("link", "prog", "map") if f"{kind}_id" in lines), None)
            if kind:  # a link names its program too
                ids[kind].add(int(lines[f"{kind}_id"]))
    return ids


def numbers(pid):
    return {kind: len(ids) for kind, ids in owned(pid).items()}


def loaded(kind):
    """What the kernel has loaded, by id, as bpftool sees it."""
    return {entry["id"]: entry for entry in json.loads(run("bpftool", "--json", kind, "show").stdout)}


class Crash(EndToEndTest):
    def test_a_killed_daemon_leaves_nothing_behind_and_another_can_start_at_once(self):
        pair = Pair()
        self.addCleanup(pair.close)
        config = quiet_config(filter=pair.filter())
        daemon = self.start(config)
        host, port = daemon.addresses()[0]
        ids = owned(daemon.pid)
        for kind in KINDS:
            there = loaded(kind)
            self.assertTrue(ids[kind])
            self.assertLessEqual(ids[kind], there.keys(), kind)
            if kind == "prog":
                self.assertLessEqual({"on_ack", "on_state"}, {there[number]["name"] for number in ids[kind]})

        # A client in the middle of a request: its connection is what keeps a port busy.
        with socket.create_connection((host, port)) as client, Server(pair.b) as server:
            client.sendall(b"GET /metrics")
            connect_and_close(pair.a, server.address)
            self.assertEqual(daemon.scrape().total("tcpperf_connects_total", role="client"), 1)
            daemon.signal(signal.SIGKILL)
            self.assertEqual(daemon.wait(), -signal.SIGKILL)

            again = self.start(config, listen=(f"{host}:{port}",))
            self.assertEqual(again.scrape().total("tcpperf_connects_total"), 0)
            for _ in range(7):
                connect_and_close(pair.a, server.address)
            self.assertEqual(again.scrape().total("tcpperf_connects_total", role="client"), 7)

        # The kernel frees maps and programs when nobody can be using them any more, a moment later.
        for kind in KINDS:
            wait_until(lambda: not ids[kind] & loaded(kind).keys(), f"every {kind} of the killed daemon is gone")

    def test_an_ordinary_end_leaves_nothing_behind_either(self):
        daemon = self.start(quiet_config())
        daemon.reload(quiet_config(filter={"local_port": [443]}))
        ids = owned(daemon.pid)
        daemon.end()
        for kind in KINDS:
            wait_until(lambda: not ids[kind] & loaded(kind).keys(), f"every {kind} is gone")

    def test_a_reload_leaves_nothing_of_the_set_before(self):
        daemon = self.start(quiet_config())
        before = numbers(daemon.pid)
        for port in range(1, 11):
            daemon.reload(quiet_config(filter={"local_port": [port]}))
        # A scrape in flight may hold the set before for a moment.
        wait_until(lambda: numbers(daemon.pid) == before, f"as many open as before: {before}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
