#!/usr/bin/env python3
"""A host that stands in the way: one line says what is missing and how to get it, and `--probes.list` tells it before,
without loading anything."""
import errno
import re
import shutil
import subprocess
import unittest

from harness import PROBES, TCPPERFD, EndToEndTest, quiet_config, tool
from missing_hook_test import TYPES, without_tracepoint
from privileges_test import as_nobody

# Runs a command with bpf() refused by a seccomp filter, as in a container: load the number of the system call; if it is
# bpf()'s return the errno, else allow.
SECCOMP = """
import ctypes, os, struct, sys
bpf, refuse = {"x86_64": 321, "aarch64": 280}[os.uname().machine], int(sys.argv[1])
code = [(0x20, 0, 0, 0), (0x15, 0, 1, bpf), (0x06, 0, 0, 0x00050000 | refuse), (0x06, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(filter))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


def without_bpf(refusal):
    return (tool("python3"), "-c", SECCOMP, str(refusal))


def without_types(folder):
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    return (tool("unshare"), "--mount", "--propagation", "private", "sh", "-c",
            f'mount --bind "{empty}" {TYPES.parent} && exec "$@"', "sh")


class Obstacles(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.program = self.folder / "tcpperfd"
        shutil.copy(TCPPERFD, self.program)  # where the build is, nobody may have no access

    def listing(self, *prefix):
        done = subprocess.run([*prefix, self.program, "--probes.list"], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def verdicts(self, listing):
        return dict(re.findall(r"^(\w+): .*\n  here: +(.*)$", listing, re.M))

    def last_words(self, prefix):
        daemon = self.start(quiet_config(), ready=False, prefix=prefix, program=self.program)
        self.assertEqual(daemon.wait(), 1, daemon.said())
        self.assertEqual(len(daemon.lines), 1, daemon.said())
        return daemon.lines[0]

    def test_the_list_says_before_what_the_daemon_says_after_loading(self):
        verdicts = self.verdicts(self.listing())
        probes = self.start(quiet_config()).probes()
        self.assertEqual(sorted(verdicts), sorted(PROBES))
        for name, said in verdicts.items():
            if ", or degraded where" in said:
                self.assertIn(probes[name]["status"], ("ok", "degraded"))
            else:
                self.assertEqual(said.split(":")[0], probes[name]["status"], name)

    def test_the_list_gives_the_reason_of_what_this_kernel_cannot_carry(self):
        verdicts = self.verdicts(self.listing(*without_tracepoint(self.folder, "tcp_probe")))
        self.assertEqual(verdicts["rtt"], "unsupported: this kernel has no tracepoint tcp_probe")
        self.assertEqual(verdicts["window"], "unsupported: this kernel has no tracepoint tcp_probe")
        self.assertTrue(verdicts["time"].startswith("degraded: without "), verdicts["time"])
        self.assertEqual(verdicts["reset"], "ok")

    def test_anybody_may_see_the_list_and_learns_what_the_daemon_needs(self):
        listing = self.listing(*as_nobody())
        self.assertIn("this process may load programs: no: needs CAP_BPF and CAP_PERFMON", listing)
        self.assertEqual(self.verdicts(listing)["handshake"], "ok")

    def test_without_type_information_the_kernel_to_take_is_named(self):
        prefix = without_types(self.folder)
        listing = self.listing(*prefix)
        self.assertIn("no probe can measure here: this kernel has no type information", listing)
        self.assertEqual(set(self.verdicts(listing).values()), {"unsupported: see above"})
        self.assertRegex(self.last_words(prefix), "error: this kernel has no type information.*CONFIG_DEBUG_INFO_BTF=y")

    def test_a_filter_of_system_calls_is_told_from_missing_rights(self):
        for refusal in (errno.EPERM, errno.ENOSYS):
            with self.subTest(refusal=errno.errorcode[refusal]):
                self.assertRegex(self.last_words(without_bpf(refusal)), r"error: .*seccomp filter.*allow bpf\(\)")

    def test_root_of_a_user_namespace_is_told_that_it_is_none(self):
        self.folder.chmod(0o755)
        prefix = (tool("unshare"), "--user", "--map-root-user")
        self.assertIn("hold in a user namespace only", self.listing(*prefix))
        self.assertIn("hold in a user namespace only", self.last_words(prefix))


if __name__ == "__main__":
    unittest.main(verbosity=2)
