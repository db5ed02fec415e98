#!/usr/bin/env python3
"""A kernel that lacks a tracepoint: what depends on it is reported, and is fatal only where the configuration says so.

The daemon learns from the kernel's type information which tracepoints there are, and whether it is one before 5.12. In
a mount namespace of its own it gets a copy in which one name is another.
"""
import pathlib
import socket
import unittest

from harness import PROBES, EndToEndTest, health, quiet_config, tool, wait_until
from network import Pair, Server, connect_and_close

TYPES = pathlib.Path("/sys/kernel/btf/vmlinux")


def without_name(folder, name):
    """A command that runs another as if the kernel had no type or function of this name."""
    name = name.encode() + b"\0"
    types = TYPES.read_bytes()
    if name not in types:
        raise AssertionError(f"this kernel has no {name}")
    copy = folder / "vmlinux"
    copy.write_bytes(types.replace(name, name[:-2] + b"_\0"))
    return (tool("unshare"), "--mount", "--propagation", "private", "sh", "-c",
            f'mount --bind "{copy}" {TYPES} && exec "$@"', "sh")


def without_tracepoint(folder, tracepoint):
    return without_name(folder, "btf_trace_" + tracepoint)


def send_and_close(side, address, size):
    with side.open_socket() as client:
        client.connect(address)
        client.sendall(b"x" * size)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass


class MissingHook(EndToEndTest):
    def without(self, tracepoint):
        return without_tracepoint(self.folder, tracepoint)

    def test_a_probe_that_is_not_required_is_left_out_and_reported(self):
        pair = Pair()
        self.addCleanup(pair.close)
        daemon = self.start(quiet_config(filter=pair.filter()), prefix=self.without("tcp_probe"))
        reason = "this kernel has no tracepoint tcp_probe"
        probes = daemon.probes()
        self.assertEqual((probes["rtt"]["status"], probes["rtt"]["reason"]), ("unsupported", reason))
        self.assertEqual(daemon.count(f"warning: probe rtt is unsupported, going on: {reason}"), 1, daemon.said())
        with Server(pair.b) as server:
            connect_and_close(pair.a, server.address)
        after = daemon.scrape()
        self.assertEqual(after.total("tcpperf_probe_status", probe="rtt", status="unsupported"), 1)
        self.assertFalse(after.has("tcpperf_rtt_seconds_count"), "unknown is not zero")
        self.assertEqual(after.total("tcpperf_connects_total", role="client"), 1)

    def test_a_probe_that_misses_a_part_is_degraded(self):
        daemon = self.start(quiet_config(), prefix=self.without("tcp_send_reset"))
        probes = daemon.probes()
        self.assertEqual({name: health(probe) for name, probe in probes.items()},
                         {name: "degraded" if name in ("reset", "reconciliation") else "ok" for name in PROBES})
        self.assertIn("this kernel has no tracepoint tcp_send_reset", probes["reset"]["reason"])

    def test_congestion_states_are_measured_without_the_event_of_their_change(self):
        pair = Pair()
        self.addCleanup(pair.close)
        daemon = self.start(quiet_config(filter=pair.filter()), prefix=self.without("tcp_cong_state_set"))
        probe = daemon.probes()["congestion"]
        self.assertEqual(probe["status"], "degraded")
        self.assertIn("this kernel has no tracepoint tcp_cong_state_set", probe["reason"])
        with Server(pair.b) as server:
            connect_and_close(pair.a, server.address)
        after = daemon.scrape()
        self.assertGreater(after.total("tcpperf_congestion_state_seconds_total", state="open"), 0)

    def test_a_required_probe_that_cannot_measure_ends_the_start_with_its_reason(self):
        config = quiet_config(probes={"rtt": {"required": True}})
        daemon = self.start(config, ready=False, prefix=self.without("tcp_probe"))
        self.assertEqual(daemon.wait(), 1)
        self.assertEqual(len(daemon.lines), 1, daemon.said())
        self.assertIn("required probe rtt is unsupported: this kernel has no tracepoint tcp_probe", daemon.lines[0])

    def test_a_required_probe_that_cannot_measure_refuses_a_reload_and_nothing_changes(self):
        pair = Pair()
        self.addCleanup(pair.close)
        daemon = self.start(quiet_config(filter=pair.filter()), prefix=self.without("tcp_probe"))
        # With another filter too, so that a new set of programs is tried and taken back.
        for filter in (pair.filter(), {"local_port": [1]}):
            daemon.reload(quiet_config(filter=filter, probes={"rtt": {"required": True}}), good=False)
        self.assertEqual(daemon.count("required probe rtt is unsupported"), 2, daemon.said())
        with Server(pair.b) as server:
            connect_and_close(pair.a, server.address)
        after = daemon.scrape()
        self.assertEqual(after.total("tcpperf_config_last_reload_successful"), 0)
        self.assertEqual(after.total("tcpperf_connects_total", role="client"), 1)
        self.assertEqual(after.total("tcpperf_program_attached"), len(after.select("tcpperf_program_attached")))

    def test_on_a_kernel_before_5_12_the_object_for_older_kernels_measures(self):
        connections, size = 13, 1009
        pair = Pair()
        self.addCleanup(pair.close)
        config = quiet_config(filter=pair.filter(), probes={"listener": {"group_by": ["local_port"]}})
        daemon = self.start(config, prefix=without_name(self.folder, "bpf_sk_storage_get_tracing"))
        self.assertEqual({name: health(probe) for name, probe in daemon.probes().items()}, dict.fromkeys(PROBES, "ok"))
        with Server(pair.b) as server:
            for _ in range(connections):
                send_and_close(pair.a, server.address, size)
            wait_until(lambda: daemon.scrape().total("tcpperf_received_bytes_total") >= connections * size, "all bytes")
            after = daemon.scrape()
            self.assertEqual(after.total("tcpperf_connects_total", role="client"), connections)
            self.assertEqual(after.total("tcpperf_sent_bytes_total"), connections * size)
            self.assertEqual(after.total("tcpperf_received_bytes_total"), connections * size)
            self.assertGreater(after.total("tcpperf_program_attached", program="on_sample", hook="iter/tcp"), 0)
            self.assertGreater(after.total("tcpperf_map_entries", map="flows"), 0)
            self.assertEqual(after.total("tcpperf_lost_updates_total"), 0)
            # What is remembered of sockets begins anew; the counters go on.
            daemon.reload(quiet_config(filter=pair.filter(), probes={"listener": {"group_by": ["local_port"]},
                                                                     "drop": {"enabled": False}}))
            send_and_close(pair.a, server.address, size)
            wait_until(lambda: daemon.scrape().total("tcpperf_received_bytes_total") >= (connections + 1) * size,
                       "the bytes after the reload")
            self.assertEqual(daemon.scrape().total("tcpperf_connects_total", role="client"), connections + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
