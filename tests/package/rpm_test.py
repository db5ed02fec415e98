#!/usr/bin/env python3
"""The .rpm: what it says of itself, and rpm with it in a root file system that has what it needs.

usage: rpm_test.py FOLDER_WITH_THE_PACKAGES
"""
import contextlib
import pathlib
import re
import sys
import unittest

import roots
from roots import ROOT, System, run

FOLDER = roots.enter()
PACKAGES = pathlib.Path(sys.argv.pop()).resolve()
RPM = roots.package(PACKAGES, "tcpperf-*.rpm")
DEB = roots.package(PACKAGES, "tcpperf_*.deb")
CONFIGURATION = {"/etc/sysconfig/tcpperf", "/etc/tcpperf/tcpperf.yaml",
                 *(f"/etc/tcpperf/rules/{path.name}" for path in (ROOT / "config/rules").glob("*.yaml"))}
# Where the two kinds of distributions have the same things.
PLACES = (("/lib/systemd/", "/usr/lib/systemd/"), ("/etc/default/", "/etc/sysconfig/"),
          ("/usr/share/zsh/vendor-completions/", "/usr/share/zsh/site-functions/"))


def query(*arguments):
    return run("rpm", "--query", "--package", *arguments, RPM).stdout


def next_version():
    """A package of a higher version with another tcpperf.yaml, from the same build."""
    source = PACKAGES / "source"
    changes, work = FOLDER / "source", FOLDER / "source.work"
    for path in (changes, work):
        path.mkdir()
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={source},upperdir={changes},workdir={work}", source)
    for name in ("config/tcpperf.yaml", "config/rules/loss.yaml"):
        with open(source / name, "a", encoding="utf-8") as file:
            file.write("# of the next version\n")
    version = query("--queryformat", "%{VERSION}")
    run(ROOT / "packaging/rpm/build", source, version + ".1", FOLDER)
    return roots.package(FOLDER, "*.rpm")


class Description(unittest.TestCase):
    def test_it_has_the_files_of_the_deb(self):
        def of(paths):
            return {path for path in paths if not path.endswith("/") and not path.startswith("/usr/share/doc/")}
        deb = re.findall(r"\.(/\S+)$", run("dpkg-deb", "--contents", DEB).stdout, re.M)
        for debian, other in PLACES:
            deb = [path.replace(debian, other, 1) if path.startswith(debian) else path for path in deb]
        rpm = of(query("--list").split()) - {"/etc/tcpperf", "/etc/tcpperf/rules", "/usr/share/tcpperf",
                                             "/usr/share/tcpperf/dashboards", "/usr/share/tcpperf/rules"}
        self.assertEqual({path for path in rpm if not path.startswith("/usr/share/licenses/")},
                         of(deb) - {"/usr/share/lintian/overrides/tcpperf"})

    def test_it_has_all_licences(self):
        self.assertEqual({pathlib.Path(path).name for path in query("--licensefiles").split()},
                         {"LICENSE", "LICENSE.bpf", "LICENSE.GPL-2.0"})

    def test_configuration_is_never_replaced(self):
        flags = dict(line.split() for line in
                     query("--queryformat", "[%{FILENAMES} %{FILEFLAGS:fflags}.\n]").splitlines())
        self.assertEqual({path for path, flag in flags.items() if "c" in flag}, CONFIGURATION)
        self.assertEqual({flags[path] for path in CONFIGURATION}, {"cn."})

    def test_it_needs_just_the_libraries_that_the_daemon_is_linked_with(self):
        folder = FOLDER / "content"
        folder.mkdir()
        run("sh", "-c", 'rpm2cpio "$1" | cpio --extract --make-directories --quiet', "sh", RPM, cwd=folder)
        daemon = folder / "usr/sbin/tcpperfd"
        linked = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", daemon).stdout))
        self.assertIn("libbpf.so.1", linked)
        required = set(re.findall(r"^(lib\S+?\.so[^(]*)\(\)", query("--requires"), re.M))
        self.assertEqual(required, linked - {"ld-linux-x86-64.so.2"})
        flags = run("readelf", "--dynamic", "--program-headers", "--wide", daemon).stdout
        for hardening in ("BIND_NOW", "GNU_RELRO", "PIE"):
            self.assertIn(hardening, flags)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clean = System(FOLDER)
        with cls.clean.mounted() as system:
            system.satisfied(DEB)

    @contextlib.contextmanager
    def system(self):
        """One with the package, from a Debian whose package manager does not know of it."""
        with System(FOLDER, self.clean).mounted() as system:
            # The database of rpm has nothing of what is there.
            self.rpm(system, "--install", RPM)
            yield system

    def rpm(self, system, *arguments):
        return run("rpm", "--root", system.path, "--nodeps", *arguments).stdout

    def test_the_scriptlets_make_the_user_and_enable_the_unit(self):
        with self.system() as system:
            self.assertEqual(system("getent", "passwd", "tcpperf").stdout.split(":")[0], "tcpperf")
            self.assertEqual(system("systemctl", "is-enabled", "tcpperf").stdout, "enabled\n")
            self.assertEqual(system("tcpperfd", "--config.check").stdout, "/etc/tcpperf/tcpperf.yaml: good\n")
            self.assertEqual(self.rpm(system, "--verify", "tcpperf"), "")

    def test_no_link_in_a_document_is_dead(self):
        with self.system() as system:
            pages = {system.path / path[1:] for path in query("--docfiles").split() if path.endswith(".md")}
            self.assertIn("README.md", {page.name for page in pages})
            self.assertEqual({dead for page in pages for dead in roots.dead_links(system, page)}, set())

    def test_an_upgrade_keeps_what_was_edited_and_replaces_what_was_not(self):
        rpm = next_version()
        with self.system() as system:
            edited = system.path / "etc/tcpperf/tcpperf.yaml"
            text = edited.read_text().replace("tick: 5s", "tick: 7s")
            edited.write_text(text)
            self.rpm(system, "--upgrade", rpm)
            self.assertEqual(edited.read_text(), text)
            self.assertTrue((edited.with_suffix(".yaml.rpmnew")).read_text().endswith("# of the next version\n"))
            self.assertIn("# of the next version\n", (system.path / "etc/tcpperf/rules/loss.yaml").read_text())
            self.assertEqual(system("systemctl", "is-enabled", "tcpperf").stdout, "enabled\n")

    def test_erasing_leaves_only_what_was_edited(self):
        with self.system() as system:
            edited = system.path / "etc/sysconfig/tcpperf"
            edited.write_text('ARGS="--log.level=debug"\n')
            self.rpm(system, "--erase", "tcpperf")
            left = {path for path in system.files() if "tcpperf" in path and not path.startswith("/var/")}
            self.assertEqual(left, {"/etc/sysconfig/tcpperf.rpmsave"})
            self.assertEqual(system("systemctl", "is-enabled", "tcpperf", check=False).returncode, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
