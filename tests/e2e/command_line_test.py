#!/usr/bin/env python3
"""The command line: what it prints and the code it ends with."""
import json
import re
import subprocess
import unittest

from harness import PROBES, ROOT, TCPPERFD, EndToEndTest

BAD = """\
tick: 5
probes:
  rtt:
    enabled: perhaps
  rrt: {enabled: true}
alerts:
  - name: slow
    condition: rtt_p9 > 100ms
  - name: Slow
    condition: rtt_p99 > 100ms
    window: 1s
sinks:
  webhook:
    url: ftp://example.org/
"""
# (line, column) of each mistake in it, and words of what is said.
MISTAKES = {
    (1, 7): "5",
    (4, 14): "perhaps",
    (5, 3): "rtt",
    (8, 16): "rtt_p90",
    (9, 11): "Slow",
    (14, 10): "http",
}


def tcpperfd(*arguments):
    return subprocess.run([TCPPERFD, *arguments], capture_output=True, text=True, timeout=30)


class CommandLine(EndToEndTest):
    def file(self, text):
        path = self.folder / "given.yaml"
        path.write_text(text)
        return path

    def test_help_names_every_flag(self):
        done = tcpperfd("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for flag in ("--config.file", "--config.check", "--web.listen-address", "--log.level", "--log.format",
                     "--probes.list", "--version"):
            self.assertIn(flag, done.stdout)

    def test_version_is_that_of_the_project(self):
        version = re.search(r"project\(tcpperf VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        done = tcpperfd("--version")
        self.assertEqual((done.returncode, done.stdout.strip(), done.stderr), (0, f"tcpperfd {version}", ""))

    def test_list_has_every_probe_with_its_metrics_and_signals(self):
        done = tcpperfd("--probes.list")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(re.findall(r"^(\w+): ", done.stdout, re.M), ["kernel", *PROBES])
        self.assertEqual(len(re.findall(r"^  signals: ", done.stdout, re.M)), len(PROBES))
        self.assertIn("tcpperf_rtt_seconds{perspective} (histogram)", done.stdout)

    def test_the_shipped_configuration_is_good(self):
        done = tcpperfd("--config.check", f"--config.file={ROOT / 'config/tcpperf.yaml'}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("tcpperf.yaml: good", done.stdout)

    def test_every_mistake_of_a_bad_configuration_is_told_with_its_place(self):
        path = self.file(BAD)
        done = tcpperfd("--config.check", f"--config.file={path}")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        found = {}
        for line in done.stderr.splitlines():
            match = re.fullmatch(re.escape(str(path)) + r":(\d+):(\d+): (.+)", line)
            self.assertIsNotNone(match, line)
            found[int(match[1]), int(match[2])] = match[3]
        self.assertEqual(sorted(found), sorted(MISTAKES), done.stderr)
        for place, words in MISTAKES.items():
            self.assertIn(words, found[place])

    def test_a_condition_that_nothing_can_change_is_refused(self):
        path = self.file("alerts:\n  - name: always\n    condition: 5 > 3\n")
        done = tcpperfd("--config.check", f"--config.file={path}")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}:3:16: alerts[0].condition: the condition uses no signal", done.stderr)

    def test_a_bad_configuration_keeps_the_daemon_from_starting(self):
        path = self.file("tick: never\n")
        done = tcpperfd(f"--config.file={path}", "--web.listen-address=127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}:1:7: ", done.stderr)

    def test_a_configuration_that_is_not_there_is_named(self):
        done = tcpperfd("--config.check", f"--config.file={self.folder}/none.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"none\.yaml: No such file")

    def test_wrong_usage_ends_with_2(self):
        for arguments in (["--no-such-flag"], ["surplus"], ["--log.level=loud"], ["--log.format=xml"],
                          ["--config.check", "--probes.list"], ["--config.file"]):
            with self.subTest(arguments=arguments):
                done = tcpperfd(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertTrue(done.stderr)

    def test_a_listen_address_that_is_none_is_told(self):
        path = self.file("sinks: {syslog: false}\n")
        done = tcpperfd(f"--config.file={path}", "--web.listen-address=9435")
        self.assertEqual(done.returncode, 1)
        said = [line for line in done.stderr.splitlines() if " warning: " not in line]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertIn('":9435"', said[0])

    def test_log_as_json_is_one_object_per_line(self):
        daemon = self.start({"sinks": {"syslog": False}}, arguments=["--log.format=json"])
        daemon.end()
        messages = [json.loads(line) for line in daemon.lines]
        self.assertTrue(all(set(message) == {"time", "level", "message"} for message in messages))
        self.assertIn("ending", [message["message"] for message in messages])


if __name__ == "__main__":
    unittest.main(verbosity=2)
