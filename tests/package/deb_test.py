#!/usr/bin/env python3
"""The .deb in a clean Debian: installed by apt, run, upgraded, removed and purged.

usage: deb_test.py FOLDER_WITH_THE_PACKAGES
"""
import contextlib
import pathlib
import re
import shlex
import subprocess
import sys
import time
import unittest

import roots
from roots import ROOT, System, run

FOLDER = roots.enter()
PACKAGES = pathlib.Path(sys.argv.pop()).resolve()
DEB = roots.package(PACKAGES, "tcpperf_*.deb")
CONFFILES = {"/etc/default/tcpperf", "/etc/tcpperf/tcpperf.yaml",
             *(f"/etc/tcpperf/rules/{path.name}" for path in (ROOT / "config/rules").glob("*.yaml"))}
KEEP = ("-o", "Dpkg::Options::=--force-confold")
# The daemon as the unit starts it, but for the sandbox.
AS_THE_UNIT = ("setpriv", "--reuid=tcpperf", "--regid=tcpperf", "--clear-groups", "--no-new-privs",
               *(f"--{kind}=-all,+bpf,+perfmon" for kind in ("inh-caps", "ambient-caps", "bounding-set")))
# What a purge leaves, which is not ours to take: the user, the package manager's own books and backups of it all.
LEFT = re.compile(r"/etc/(passwd|group|g?shadow)-?|/var/(log|cache)/.*|/var/lib/(dpkg|apt)/.*")


def next_version(change):
    """The package again with a higher version, after change() of its files in a folder."""
    folder = FOLDER / "next"
    run("dpkg-deb", "--raw-extract", DEB, folder)
    control = folder / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", r"\g<0>+next", control.read_text(), flags=re.M))
    change(folder)
    deb = FOLDER / "tcpperf_next.deb"
    run("dpkg-deb", "--root-owner-group", "--build", folder, deb)
    return deb


class Deb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A Debian with what the package needs, and one with the package too."""
        cls.clean = System(FOLDER)
        with cls.clean.mounted() as system:
            system.satisfied(DEB)
            cls.files_of_clean = system.files()
        cls.installed = System(FOLDER, cls.clean)
        with cls.installed.mounted() as system:
            system.apt("install", system.bring(DEB))

    @contextlib.contextmanager
    def system(self, below=None):
        with System(FOLDER, below or self.installed).mounted() as system:
            yield system

    @contextlib.contextmanager
    def daemon(self, system):
        """Started by the command line in the unit, in a network of its own; yields what asks it for a page."""
        unit = (system.path / "lib/systemd/system/tcpperf.service").read_text()
        command = re.search(r"^ExecStart=(.*)$", unit, re.M)[1]
        files = re.findall(r"^EnvironmentFile=-(.*)$", unit, re.M)
        script = "".join(f"[ ! -e {file} ] || . {file}; " for file in files)
        script += f"exec {shlex.join(AS_THE_UNIT)} {command}"
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec chroot "$@"', "sh",
                                    system.path, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, text=True)

        def ask(url):
            return run("nsenter", f"--net=/proc/{process.pid}/ns/net", "curl", "--silent", "--fail", "--max-time", "30",
                       url, check=False).stdout
        try:
            for line in process.stdout:
                if "probes measuring" in line:
                    break
            else:
                self.fail(f"the daemon ended with {process.wait()}")
            yield ask
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)

    def test_apt_brings_along_what_it_needs(self):
        with self.system(System(FOLDER)) as system:
            system.apt("install", system.bring(DEB))
            self.assertEqual(system("tcpperfd", "--version").stdout.split()[0], "tcpperfd")

    def test_all_files_are_as_they_were_packed(self):
        with self.system() as system:
            self.assertEqual(system("dpkg", "--verify", "tcpperf").stdout, "")
            self.assertEqual(system("dpkg", "--audit").stdout, "")

    def test_what_is_in_etc_is_a_conffile_and_nothing_else_is(self):
        with self.system() as system:
            listed = system("dpkg-query", "--show", "--showformat", "${Conffiles}", "tcpperf").stdout
            self.assertEqual({line.split()[0] for line in listed.splitlines() if line}, CONFFILES)
            files = system("dpkg-query", "--listfiles", "tcpperf").stdout.split()
            in_etc = {file for file in files if file.startswith("/etc/")}
            self.assertEqual({file for file in in_etc if (system.path / file[1:]).is_file()}, CONFFILES)

    def test_no_link_in_a_document_is_dead(self):
        with self.system() as system:
            folder = system.path / "usr/share/doc/tcpperf"
            self.assertIn(folder / "README.md", pages := set(folder.rglob("*.md")))
            self.assertEqual({dead for page in pages for dead in roots.dead_links(system, page)}, set())

    def test_the_shipped_configuration_is_good(self):
        with self.system() as system:
            self.assertEqual(system("tcpperfd", "--config.check").stdout, "/etc/tcpperf/tcpperf.yaml: good\n")

    def test_there_is_a_user_that_cannot_log_in(self):
        with self.system() as system:
            name, _, uid, _, _, _, shell = system("getent", "passwd", "tcpperf").stdout.strip().split(":")
            self.assertEqual((name, shell), ("tcpperf", "/usr/sbin/nologin"))
            self.assertLess(int(uid), 1000)

    def test_the_unit_starts_at_boot(self):
        with self.system() as system:
            link = system.path / "etc/systemd/system/multi-user.target.wants/tcpperf.service"
            self.assertEqual(str(link.readlink()), "/lib/systemd/system/tcpperf.service")
            helper = ("deb-systemd-helper", "was-enabled", "tcpperf.service")
            system(*helper, DPKG_MAINTSCRIPT_PACKAGE="tcpperf")
            done = system("systemd-analyze", "verify", "/lib/systemd/system/tcpperf.service")
            self.assertEqual(done.stdout + done.stderr, "")

    def test_the_manual_pages_are_found(self):
        with self.system() as system:
            for page, word in (("tcpperfd", "--config.file"), ("tcpperf.yaml", "groups.idle_after")):
                done = system("man", page, MANPAGER="cat", MANWIDTH="120")
                self.assertEqual(done.stderr, "")
                self.assertIn(word, done.stdout)
            self.assertIn("tcpperfd (8)", system("apropos", "tcpperf").stdout)

    def test_the_daemon_measures_as_the_user_with_two_capabilities(self):
        with self.system() as system, self.daemon(system) as ask:
            ask("http://localhost:9435/metrics")
            page = ask("http://localhost:9435/metrics")
            opened = re.search(r'^tcpperf_connects_total\{role="server",service_port="9435"\} (\d+)$', page, re.M)
            self.assertIsNotNone(opened, page[:2000])
            self.assertGreaterEqual(int(opened[1]), 1)

    def test_flags_in_etc_default_reach_the_daemon(self):
        with self.system() as system:
            flags = "--web.listen-address=127.0.0.1:9436 --log.level=debug"
            (system.path / "etc/default/tcpperf").write_text(f'ARGS="{flags}"\n')
            with self.daemon(system) as ask:
                self.assertIn("healthy", ask("http://127.0.0.1:9436/-/healthy"))
                self.assertEqual(ask("http://127.0.0.1:9435/-/healthy"), "")

    def test_an_upgrade_keeps_what_was_edited_and_replaces_what_was_not(self):
        def change(folder):
            for name in ("etc/tcpperf/tcpperf.yaml", "etc/tcpperf/rules/loss.yaml"):
                with open(folder / name, "a", encoding="utf-8") as file:
                    file.write("# of the next version\n")
        deb = next_version(change)
        with self.system() as system:
            edited = system.path / "etc/tcpperf/tcpperf.yaml"
            text = edited.read_text().replace("tick: 5s", "tick: 7s")
            edited.write_text(text)
            system.apt("install", *KEEP, system.bring(deb))
            self.assertIn("+next", system("dpkg-query", "--show", "tcpperf").stdout)
            self.assertEqual(edited.read_text(), text)
            self.assertIn("tick: 5s", edited.with_suffix(".yaml.dpkg-dist").read_text())
            self.assertIn("# of the next version\n", (system.path / "etc/tcpperf/rules/loss.yaml").read_text())
            system("tcpperfd", "--config.check")

    def test_remove_keeps_the_configuration(self):
        with self.system() as system:
            system.apt("remove", "tcpperf")
            self.assertFalse((system.path / "usr/sbin/tcpperfd").exists())
            for file in CONFFILES:
                self.assertTrue((system.path / file[1:]).is_file(), file)

    def test_purge_leaves_nothing_but_the_user_and_rules_of_ones_own(self):
        with self.system() as system:
            # What the unit makes for the file sink, and a file of the administrator's.
            (system.path / "var/log/tcpperf").mkdir()
            (system.path / "var/log/tcpperf/alerts.jsonl").write_text("{}\n")
            (system.path / "etc/tcpperf/rules/mine.yaml").write_text("alerts: []\n")
            system.apt("purge", "tcpperf")
            after = system.files()
            self.assertFalse((system.path / "var/log/tcpperf").exists())
            self.assertEqual(set(after) - set(self.files_of_clean),
                             {"/etc/tcpperf", "/etc/tcpperf/rules", "/etc/tcpperf/rules/mine.yaml"})
            before = {path: what for path, what in self.files_of_clean.items() if not LEFT.fullmatch(path)}
            self.assertEqual({path: after.get(path) for path, what in before.items() if after.get(path) != what}, {})
            self.assertEqual(system("getent", "passwd", "tcpperf").stdout.split(":")[0], "tcpperf")

    def test_debug_symbols_fit_the_daemon(self):
        with self.system() as system:
            system.apt("install", system.bring(roots.package(PACKAGES, "tcpperf-dbgsym_*.deb")))
            notes = run("readelf", "--notes", system.path / "usr/sbin/tcpperfd").stdout
            build_id = re.search(r"Build ID: (\w\w)(\w+)", notes)
            symbols = system.path / f"usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug"
            self.assertIn(".debug_info", run("readelf", "--sections", "--wide", symbols).stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
