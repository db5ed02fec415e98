#!/usr/bin/env python3
"""What docs/parity.md says that tcpperf has instead of another tool's feature is there.

Prints one line per mistake, `file:line: what is wrong`, and ends with exit code 1 when there is one. Of tables that
have these columns are checked
  Ours      words in `backticks` that look like names: signals, metrics and their labels, probes, knobs, dimensions
  Our rule  names of alerts in config/rules/; or "none: why not". Empty is wrong
  Test      names of tests in parentheses behind a file: they are in that file, which exists
What tcpperf has is asked of the program itself. `<...>` in a name stands for any part of it.

usage: check_parity.py SOURCE_FOLDER TCPPERFD
"""
import pathlib
import re
import subprocess
import sys

PAGE = "docs/parity.md"
CODE = re.compile(r"`([^`]+)`")
ROW = re.compile(r"^\|(.*)\|\s*$")
METRIC = re.compile(r"(tcpperf_[a-z0-9_<>]+)?(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)(?:=\"[^\"]*\")?")
NAME = re.compile(r"[a-z][a-z0-9_<>]*")
FILE = re.compile(r"`(tests/[\w./-]+)`(?: \(([^)]*)\))?")
QUOTED = re.compile(r"\"([^\"]+)\"|`(test_\w+)`")


class Known:
    """Names, as the generated pages have them. `rules` are alerts, `labels` those of each metric."""

    def __init__(self, metrics_page, configuration_page, rule_texts):
        before, _, signals = metrics_page.partition("# Signals")
        self.labels = {m[1]: set(CODE.findall(m[2]))
                       for m in re.finditer(r"^\| `(\w+)` \|[^|]*\|[^|]*\|([^|]*)\|", before, re.M)}
        self.signals = set(re.findall(r"^\| `(\w+)` \|", signals, re.M))
        keys = re.findall(r"^\| `([^`]+)` \| ([^|]*)\| ([^|]*)\| ([^|]*)\|", configuration_page, re.M)
        self.words = {part for key, *_ in keys for part in re.split(r"[.\[\]]+", key) if part}
        for key, _, default, allowed in keys:
            if key.endswith("group_by"):
                self.words |= set(NAME.findall(allowed))
        self.rules = {name for text in rule_texts for name in re.findall(r"^  - name: (\w+)$", text, re.M)}

    def has(self, name):
        pattern = re.compile("[a-z0-9_]+".join(map(re.escape, re.split(r"<[^>]*>", name))))
        return any(pattern.fullmatch(n) for n in {*self.labels, *self.signals, *self.words})


class Checker:
    def __init__(self, root, known):
        self.root, self.known, self.mistakes, self.rows = root, known, [], 0

    def run(self):
        columns = None
        for number, line in enumerate((self.root / PAGE).read_text().splitlines(), 1):
            row = ROW.match(line)
            if not row:
                columns = None
                continue
            cells = [cell.strip() for cell in row[1].split("|")]
            if columns is None:
                columns = cells
            elif set(line) - set("|- "):
                self._row(number, columns, cells)

    def _mistake(self, number, words):
        self.mistakes.append(f"{PAGE}:{number}: {words}")

    def _row(self, number, columns, cells):
        if len(cells) != len(columns):
            self._mistake(number, f"{len(cells)} cells below {len(columns)} columns")
            return
        self.rows += 1
        for column, cell in zip(columns, cells):
            if column == "Ours":
                for code in CODE.findall(cell):
                    self._ours(number, code)
            elif column == "Our rule":
                self._rule(number, cell)
            elif column == "Test":
                for file, names in FILE.findall(cell):
                    self._test(number, file, names)

    def _ours(self, number, code):
        metric = METRIC.fullmatch(code)
        if not metric or not metric[0].startswith(("tcpperf_", "{")):
            if NAME.fullmatch(code) and not self.known.has(code):
                self._mistake(number, f"`{code}` is no signal, metric, probe, knob or dimension")
            return
        name, labels = metric[1], LABEL.findall(metric[2] or "")
        if name and not self.known.has(name):
            self._mistake(number, f"`{name}` is no metric")
            return
        possible = self.known.labels.get(name, set()) if name else set().union(*self.known.labels.values())
        for label in labels:
            if label not in possible and label not in self.known.words:
                self._mistake(number, f"`{code}`: there is no such label")

    def _rule(self, number, cell):
        if re.match("none: .", cell):
            return
        names = CODE.findall(cell)
        if not names:
            self._mistake(number, "neither a rule nor why there is none")
        for name in names:
            if name not in self.known.rules:
                self._mistake(number, f"`{name}` is no rule of config/rules/")

    def _test(self, number, file, names):
        path = self.root / file
        if not path.is_file():
            self._mistake(number, f"`{file}`: there is no such file")
            return
        text = path.read_text()
        for sentence, function in QUOTED.findall(names):
            if (f'"{sentence}"' if sentence else f"def {function}(") not in text:
                self._mistake(number, f"{file} has no test {sentence or function}")


def main():
    root, program = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]

    def page(name):
        return subprocess.run([program, f"--docs.{name}"], capture_output=True, text=True, check=True).stdout
    rules = [path.read_text() for path in (root / "config/rules").glob("*.yaml")]
    checker = Checker(root, Known(page("metrics"), page("configuration"), rules))
    checker.run()
    for mistake in checker.mistakes:
        print(mistake)
    print(f"parity: {checker.rows} rows, {len(checker.mistakes)} mistakes")
    return 1 if checker.mistakes or not checker.rows else 0


if __name__ == "__main__":
    sys.exit(main())
