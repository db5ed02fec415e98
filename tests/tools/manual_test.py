#!/usr/bin/env python3
"""The manual pages and the shells' completions: readable, and with every option that --help lists.

usage: manual_test.py TCPPERFD
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TCPPERFD = sys.argv.pop()
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def said(*arguments):
    done = run(TCPPERFD, *arguments)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{arguments}: {done.returncode} {done.stderr}")
    return done.stdout


def options():
    """Each option of --help that begins a line."""
    found = re.findall(r"^ +(?:-\w,)?(--[a-z][a-z.-]+)", said("--help").split("Examples:")[0], re.M)
    assert len(found) > 5, found
    return found


class Manual(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def rendered(self, section):
        path = self.file(f"page.{section}", said(f"--docs.manual={section}"))
        done = run("man", "--warnings", "--local-file", path,
                   env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "120", "MANPAGER": "cat"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_man_has_nothing_to_complain_of(self):
        for section, heading in ((8, "EXIT STATUS"), (5, "KEYS")):
            self.assertIn(heading, self.rendered(section).splitlines())

    def test_mandoc_has_nothing_to_complain_of(self):
        for section in (8, 5):
            path = self.file(f"page.{section}", said(f"--docs.manual={section}"))
            done = run("mandoc", "-T", "lint", "-W", "warning", path)
            # A date would be one more thing to keep in step; the version tells the age.
            complaints = [line for line in done.stdout.splitlines() if "missing date" not in line]
            self.assertEqual((complaints, done.stderr), ([], ""))

    def test_tcpperfd_8_has_every_option(self):
        terms = re.findall(r"^ {7}(?:-\w, )?(--[a-z.-]+)", self.rendered(8), re.M)
        self.assertEqual(terms, options())

    def test_tcpperf_yaml_5_has_every_key_of_the_configuration_reference(self):
        keys = re.findall(r"^\| `([^`]+)`", said("--docs.configuration"), re.M)
        self.assertGreater(len(keys), 50)
        section = self.rendered(5).split("\nKEYS\n")[1].split("\nEXAMPLE\n")[0]
        terms = re.findall(r"^ {7}([\w.\[\]-]+)(?: .*)?$", section, re.M)
        self.assertEqual(terms, keys)

    def bash(self, *words):
        """What bash offers at the end of these words."""
        script = self.file("completion", said("--docs.completion=bash"))
        # As readline would cut them.
        cut = [part for word in words for part in re.findall(r"=|[^=]+|^$", word) or [""]]
        line = " ".join(words)
        quoted = " ".join(f"'{word}'" for word in cut)
        done = run("bash", "-c", f"""
            . {BASH_COMPLETION}; . {script}
            COMP_WORDS=({quoted}); COMP_CWORD={len(cut) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}
            _tcpperfd tcpperfd; printf '%s\\n' "${{COMPREPLY[@]}}" """, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_bash_completes_every_option(self):
        self.assertEqual(self.bash("tcpperfd", "--"), options())
        self.assertEqual(self.bash("tcpperfd", "--web."), [name for name in options() if name.startswith("--web.")])

    def test_bash_completes_values_with_and_without_an_equals_sign(self):
        self.assertEqual(self.bash("tcpperfd", "--log.level", ""), ["debug", "info", "warning", "error"])
        self.assertEqual(self.bash("tcpperfd", "--log.level=d"), ["debug"])
        self.file("other.yaml", "")
        self.assertEqual(self.bash("tcpperfd", "--config.file", "oth"), ["other.yaml"])

    def test_zsh_completes_every_option(self):
        script = self.file("_tcpperfd", said("--docs.completion=zsh"))
        self.assertEqual(run("zsh", "--no-exec", script).stderr, "")
        # _arguments gets the descriptions: what it would offer stands before the bracket.
        done = run("zsh", "-c", f"_arguments() {{ printf '%s\\n' \"$@\" }}; . {script}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        offered = re.findall(r"^\*?(--[a-z.-]+)=?\[[^]]", done.stdout, re.M)
        self.assertEqual(offered, options())
        self.assertIn("--log.level=[debug, info, warning or error]:LEVEL:(debug info warning error)", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
