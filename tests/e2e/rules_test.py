#!/usr/bin/env python3
"""Each shipped rule fires on the fault that it is for, injected into real traffic, and none fires in health. Windows
and waiting times are shortened, conditions are not.

A rule without an entry in FAULTS, or in NOT_INJECTED with a reason, fails the test.
"""
import contextlib
import threading
import time
import unittest

import faults
import shipped_rules
from harness import EndToEndTest, quiet_config, tool, wait_until
from network import Chatter, Pair, Server

# Retransmissions, needed or not: an overfull receiver loses what it has no room for.
SENT_AGAIN = {"packet_loss", "high_tlp_ratio", "spurious_retransmits", "tail_latency"}
LOSSY = {"drop_surge", "slow_handshake", "cwnd_limited", "small_congestion_window", "loss_state", "out_of_order",
         "long_timeout_stalls", "blocked_writers", "receive_window_limited", "reader_limited"} | SENT_AGAIN
FULL = {"receive_window_limited", "reader_limited", "zero_window", "low_delivery", "receive_queue_backlog",
        "unread_data", "blocked_writers", "socket_drops"} | SENT_AGAIN
SLOW = {"blocked_writers", "tail_latency", "high_tlp_ratio", "slow_handshake"}
# What this fault must make fire, and what else it may, besides what is only information: a fault rarely has one effect.
FAULTS = {
    "packet_loss": (faults.losses, LOSSY),
    "high_tlp_ratio": (faults.lost_tails, LOSSY),
    "tail_latency": (faults.a_queue_now_and_then, {"slow_handshake"} | SENT_AGAIN),
    # The queue is longer than the senders' patience.
    "slow_handshake": (faults.connects_behind_a_queue, LOSSY),
    "connect_failures": (faults.refused_connects, {"drop_surge"}),
    "drop_surge": (faults.packets_dropped_by_a_filter, {"packet_loss", "high_tlp_ratio", "tail_latency",
                                                        "connect_failures", "slow_handshake"}),
    "accept_queue_overflow": (faults.nobody_accepts, {"slow_handshake", "drop_surge"}),
    "syn_flood": (faults.half_open_connects, {"accept_queue_overflow", "slow_handshake", "drop_surge"}),
    "socket_drops": (faults.readers_without_room, LOSSY | FULL),
    "cwnd_limited": (faults.bulk_with_losses, LOSSY),
    "small_congestion_window": (faults.bulk_with_heavy_losses, LOSSY),
    "loss_state": (faults.bulk_with_heavy_losses, LOSSY),
    "out_of_order": (faults.bulk_with_losses, LOSSY),
    "spurious_retransmits": (faults.acknowledgements_that_come_late, LOSSY),
    "long_timeout_stalls": (faults.a_path_that_breaks_off, LOSSY),
    "receive_window_limited": (faults.slow_readers, FULL),
    "reader_limited": (faults.readers_that_stop, FULL),
    "zero_window": (faults.readers_that_pause, FULL),
    "low_delivery": (faults.small_receive_buffers, FULL),
    "receive_queue_backlog": (faults.readers_that_stop, FULL),
    "unread_data": (faults.readers_that_come_late, FULL),
    "blocked_writers": (faults.readers_that_pause, FULL),
    "send_buffer_limited": (faults.small_send_buffers, SLOW | {"low_delivery"}),
    "send_queue_backlog": (faults.a_slow_link, SLOW | {"cwnd_limited"} | SENT_AGAIN),
    "application_limited": (faults.applications_with_little_to_send, SLOW),
    "pacing_limited": (faults.paced_senders, SLOW | {"low_delivery"}),
    "slow_accept": (faults.a_server_that_accepts_slowly, {"accept_queue_overflow", "slow_handshake"}),
}
NOT_INJECTED = {
    "tcp_memory_nearly_used": "tcp_mem is the whole host's, which a test must not change",
    "tcp_memory_pressure": "tcp_mem is the whole host's, which a test must not change",
    "events_missed": "the daemon cannot be made to miss events; reconciliation_test.py compares the counts",
}


class Rules(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.pair = Pair()
        self.addCleanup(self.pair.close)
        # What limits a connection is up to it, and the machine's default may be any.
        for side in (self.pair.a, self.pair.b):
            side.congestion_control = "cubic"
        self.rules = shipped_rules.shipped()

    def start_judging(self):
        """The daemon beside the server, in its network namespace: the kernel's counters are of that one."""
        config = quiet_config(tick="200ms", filter=self.pair.filter(),
                              probes={"window": {"sample_interval": "10ms"}},
                              alerts=[shipped_rules.shortened(rule) for rule in self.rules.values()])
        inside = (tool("nsenter"), f"--net=/run/netns/{self.pair.b.name}", "--")
        with self.pair.b.entered():
            return self.start(config, prefix=inside)

    def fired(self, daemon):
        """Names of the alerts that have fired, ever."""
        with self.pair.b.entered():
            now = daemon.scrape()
        return {dict(labels)["alert"] for labels, value in now.select("tcpperf_alerts_total").items() if value}

    def fired_as_a_fault(self, daemon):
        """What is only information may be true of health."""
        return {name for name in self.fired(daemon) if self.rules[name]["severity"] != "info"}

    def test_every_shipped_rule_has_a_fault(self):
        self.assertEqual(set(self.rules), set(FAULTS) | set(NOT_INJECTED))
        self.assertEqual(set(FAULTS) & set(NOT_INJECTED), set())
        for _, others in FAULTS.values():
            self.assertLessEqual(others, set(self.rules))

    def test_no_rule_fires_on_requests_and_answers_in_health(self):
        daemon = self.start_judging()
        # Single segments, and a path whose own delay is more than the scheduling of a busy machine: without pauses its
        # queue is never empty, which would let some segments pass at once.
        self.pair.slow_down("2mbit")
        with Server(self.pair.b, message_bytes=1000) as server, \
                Chatter(self.pair.a, server, connections=2, pause_seconds=0) as chatter:
            # Long enough for every window, and some more.
            end = time.monotonic() + 6
            wait_until(lambda: chatter.exchanges > 100 and time.monotonic() > end, "exchanges", 60)
            self.assertEqual(self.fired_as_a_fault(daemon), set(), daemon.said())

    def test_no_rule_fires_on_a_transfer_that_fills_its_path(self):
        for congestion_control in ("cubic", "bbr"):
            with self.subTest(congestion_control):
                if congestion_control not in faults.congestion_controls():
                    self.skipTest("this kernel does not have it")
                for side in (self.pair.a, self.pair.b):
                    side.congestion_control = congestion_control
                daemon = self.start_judging()
                with contextlib.ExitStack() as stack:
                    faults.a_transfer(self.pair, stack, threading.Event())
                    time.sleep(6)
                    self.assertEqual(self.fired_as_a_fault(daemon), set(), daemon.said())
                daemon.end()

    def check_fault(self, name):
        fault, others = FAULTS[name]
        daemon = self.start_judging()
        with contextlib.ExitStack() as stack:
            stop = threading.Event()
            stack.callback(stop.set)
            fault(self.pair, stack, stop)
            try:
                wait_until(lambda: name in self.fired(daemon), f"{name} fires", 40)
            except AssertionError as error:
                raise AssertionError(f"{error}; fired: {self.fired(daemon)}\n{daemon.said()}") from None
            self.assertLessEqual(self.fired_as_a_fault(daemon), {name} | others, daemon.said())


def _add_tests():
    for name in FAULTS:
        def test(self, name=name):
            self.check_fault(name)
        setattr(Rules, f"test_{name}_fires_on_its_fault", test)


_add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
