#!/usr/bin/env python3
"""Least privilege: an ordinary user with CAP_BPF and CAP_PERFMON measures everything; with less the daemon says so."""
import pathlib
import re
import shutil
import time
import unittest

from harness import PROBES, TCPPERFD, EndToEndTest, allowed, health, quiet_config, tool, wait_until
from network import Chatter, Pair, Server

CAP_PERFMON, CAP_BPF = 38, 39


def as_nobody(*capabilities):
    """A command that runs another as user nobody with these capabilities and no way to get more."""
    sets = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    return (tool("setpriv"), "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--no-new-privs",
            "--inh-caps", sets, "--ambient-caps", sets, "--bounding-set", sets,
            "--pdeathsig", "KILL")  # again, as it is lost with the user id


class Privileges(EndToEndTest):
    def setUp(self):
        super().setUp()
        # Where the build is, nobody may have no access.
        self.program = self.folder / "tcpperfd"
        shutil.copy(TCPPERFD, self.program)

    def start_as_nobody(self, config, *capabilities, ready=True):
        return self.start(config, ready, prefix=as_nobody(*capabilities), program=self.program)

    def test_two_capabilities_suffice_for_everything(self):
        pair = Pair()
        self.addCleanup(pair.close)
        daemon = self.start_as_nobody(quiet_config(filter=pair.filter()), "bpf", "perfmon")
        status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        self.assertEqual(int(re.search(r"CapEff:\s*(\w+)", status)[1], 16), 1 << CAP_PERFMON | 1 << CAP_BPF)
        self.assertEqual(re.search(r"Uid:\s*(\d+)", status)[1], "65534")

        with Server(pair.b) as server, Chatter(pair.a, server) as chatter:
            time.sleep(0.5)
        self.assertGreater(chatter.exchanges, 0)
        self.assertEqual({health(probe) for probe in daemon.probes().values()}, {"ok"}, daemon.probes())
        after = daemon.scrape()
        measuring = sum(after.total("tcpperf_probe_status", status=status) for status in ("ok", "degraded"))
        self.assertEqual(measuring, len(PROBES))
        for role in ("client", "server"):
            self.assertEqual(after.total("tcpperf_connects_total", role=role), 4)
        self.assertGreater(after.total("tcpperf_rtt_seconds_count"), 0)
        self.assertGreater(after.total("tcpperf_sent_segments_total"), chatter.exchanges)
        self.assertGreater(after.total("tcpperf_state_transitions_total"), 0)
        self.assertEqual(after.total("tcpperf_collect_failures_total"), 0)
        # Other network namespaces are closed to it, and it knows that it counts its own only.
        self.assertEqual(after.total("tcpperf_connections_namespaces", result="counted"), 1)
        self.assertTrue(after.has("tcpperf_connections", state="established"))
        self.assertGreater(after.total("process_open_fds"), 0)

    def test_a_reload_needs_no_more(self):
        daemon = self.start_as_nobody(quiet_config(), "bpf", "perfmon")
        daemon.reload(quiet_config(filter={"local_port": [443]}))
        self.assertEqual({health(probe) for probe in daemon.probes().values()}, {"ok"})

    def test_a_cpu_budget_needs_one_more_or_a_sysctl_and_has_no_effect_without(self):
        daemon = self.start_as_nobody(quiet_config(tick="100ms", cpu_budget="0.01%"), "bpf", "perfmon")
        daemon.wait_for_line(r"cpu_budget has no effect, because what the BPF programs cost is not known: .*"
                             r"CAP_SYS_ADMIN, or set the sysctl kernel\.bpf_stats_enabled to 1")
        wait_until(lambda: daemon.scrape().has("tcpperf_cpu_cost_ratio", part="daemon"), "what the daemon costs")
        scrape = daemon.scrape()
        self.assertFalse(scrape.has("tcpperf_cpu_cost_ratio", part="programs"))
        self.assertEqual(scrape.total("tcpperf_sampling_ratio"), 1)
        self.assertEqual(daemon.count("has no effect"), 1)

        setting = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
        self.addCleanup(setting.write_text, setting.read_text())
        setting.write_text("1")
        wait_until(lambda: daemon.scrape().has("tcpperf_cpu_cost_ratio", part="programs"), "what the programs cost")
        daemon.wait_for_line("cpu_budget is held again")
        self.assertTrue(daemon.scrape().has("tcpperf_program_runs_total"))

    def test_without_them_one_line_names_what_is_missing(self):
        for capabilities in ((), ("bpf",), ("perfmon",), ("net_admin",)):
            with self.subTest(capabilities=capabilities):
                start = time.monotonic()
                daemon = self.start_as_nobody(quiet_config(), *capabilities, ready=False)
                self.assertEqual(daemon.wait(), 1, daemon.said())
                self.assertLess(time.monotonic() - start, allowed(2))
                self.assertEqual(len(daemon.lines), 1, daemon.said())
                self.assertRegex(daemon.lines[0], "error: .*CAP_BPF and CAP_PERFMON")


if __name__ == "__main__":
    unittest.main(verbosity=2)
