#!/usr/bin/env python3
"""What README.md and docs/ say of this repository is true: its links, paths, names and commands exist.

Prints one line per mistake, `file:line: what is wrong`, and ends with exit code 1 when there is one. Checked are
  - links and pictures within the repository, headings they point to included;
  - `paths` that begin with a folder of the repository, and names of Markdown files; `<...>` and `*` stand for any name;
  - words beginning with tcpperf_: a metric of docs/metrics.md, or, while that is not generated, of the code; or a name
    of the BPF code or the build;
  - subcommands of ./dev;
  - the table of rooms in docs/ARCHITECTURE.md, which must be that of check_layers.py.
A fenced block with the word "example" after its language shows what is not there yet: tcpperf_ names in it are known in
all of that document.

usage: check_docs.py [SOURCE_FOLDER]
"""
import pathlib
import re
import sys

import check_layers

# Written by ./dev docs; a link to them is good before they are.
GENERATED = ("docs/metrics.md", "docs/configuration.md")
FENCE = re.compile(r"^\s*(```+|~~~+)\s*(.*)$")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
CODE = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"(?<![\w/.-])tcpperf_[a-z0-9_]*[a-z0-9]")
DEV = re.compile(r"(?<![\w/])\./dev\s+([a-z]+)")
HISTOGRAM_SERIES = re.compile(r"_(bucket|sum|count)$")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$")


def anchor_of(heading):
    """The fragment GitHub gives a heading."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


class Document:
    """The lines of a Markdown file, each with the info string of the fenced block it is in, or None."""

    def __init__(self, text):
        self.lines = []
        fence, info = None, None
        for line in text.splitlines():
            mark = FENCE.match(line)
            if mark and fence is None:
                fence, info = mark[1], mark[2]
                self.lines.append(("", info))
            elif mark and mark[1].startswith(fence) and not mark[2]:
                fence, info = None, None
                self.lines.append(("", None))
            else:
                self.lines.append((line, info))

    def prose(self):
        return [(number, line) for number, (line, info) in enumerate(self.lines, 1) if info is None]

    def links(self):
        """Line and target of each; the text before a target may run over several lines."""
        text = "\n".join(line if info is None else "" for line, info in self.lines)
        text = CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        return [(text.count("\n", 0, m.start(1)) + 1, m[1]) for m in LINK.finditer(text)]

    def all(self):
        return [(number, line) for number, (line, _) in enumerate(self.lines, 1)]

    def anchors(self):
        return {anchor_of(m[1]) for _, line in self.prose() if (m := HEADING.match(line))}

    def example_names(self):
        return {name for line, info in self.lines if info and "example" in info.split() for name in NAME.findall(line)}


class Checker:
    def __init__(self, root, rooms=None):
        self.root = root
        self.rooms = check_layers.ROOMS if rooms is None else rooms
        self.mistakes = []
        self.folders = {p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(("build", ".git"))}
        self.folders |= {".ci"}
        self.metrics, self.other_names = self._names()
        self.commands = set(re.findall(r"^cmd_(\w+)\(\)", self._text(root / "dev"), re.M))

    def run(self):
        """The number of documents read."""
        documents = [self.root / "README.md", *sorted((self.root / "docs").rglob("*.md"))]
        documents = [d for d in documents if d.is_file()]
        for path in documents:
            self._document(path)
        architecture = self.root / "docs/ARCHITECTURE.md"
        if architecture.is_file():
            self._rooms(architecture)
        return len(documents)

    @staticmethod
    def _text(path):
        return path.read_text() if path.is_file() else ""

    def _names(self):
        metrics = set(NAME.findall(self._text(self.root / GENERATED[0])))
        if not metrics:
            for path in (self.root / "daemon").rglob("*.cpp"):
                metrics |= set(re.findall(r'"(tcpperf_[a-z0-9_]+)"', path.read_text()))
        others = set()
        sources = [p for p in (self.root / "bpf").rglob("*") if p.suffix in (".h", ".c")]
        sources += [p for p in (self.root / "cmake").rglob("*.cmake")]
        sources += [p for top in ("bpf", "daemon", "tests") for p in (self.root / top).rglob("CMakeLists.txt")]
        for path in sources:
            others |= set(NAME.findall(path.read_text()))
        return metrics, others

    def _mistake(self, path, line, words):
        self.mistakes.append(f"{path.relative_to(self.root).as_posix()}:{line}: {words}")

    def _document(self, path):
        document = Document(path.read_text())
        known = self.metrics | self.other_names | document.example_names()
        for number, target in document.links():
            self._link(path, number, target)
        for number, line in document.prose():
            for code in CODE.findall(line):
                self._path(path, number, code)
        for number, line in document.all():
            for name in NAME.findall(line):
                if name not in known and HISTOGRAM_SERIES.sub("", name) not in known:
                    self._mistake(path, number, f"{name} is no metric and no name of the code")
            for command in DEV.findall(line):
                if command not in self.commands:
                    self._mistake(path, number, f"./dev has no command {command}")

    def _rooms(self, path):
        described = set()
        for number, line in Document(path.read_text()).prose():
            row = re.match(r"\| `((?:bpf|daemon)(?:/[^`]*)?)` \|([^|]*)\|", line)
            if not row:
                continue
            name, may_use = row[1], row[2]
            described.add(name)
            room = self.rooms.get(name)
            if room is None:
                self._mistake(path, number, f"`{name}` is no room of check_layers.py")
                continue
            named = set(re.findall(r"`([^`]+)`", may_use)) | {x for x in check_layers.LIBRARIES if x in may_use}
            for what in sorted(named ^ {*room.rooms, *room.libraries}):
                self._mistake(path, number, f"`{name}` and {what}: this table and check_layers.py differ")
        for name in self.rooms:
            if name not in described:
                self._mistake(path, 1, f"the room `{name}` of check_layers.py is not in the table")

    def _link(self, path, line, target):
        if re.match(r"[a-z]+:", target):  # http:, mailto:
            return
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        if not linked.is_relative_to(self.root):
            self._mistake(path, line, f"link to {target} leaves the repository")
        elif linked.relative_to(self.root).as_posix() in GENERATED and not linked.exists():
            return
        elif not linked.exists():
            self._mistake(path, line, f"link to {target}: there is no such file")
        elif anchor and linked.suffix == ".md" and anchor not in Document(linked.read_text()).anchors():
            self._mistake(path, line, f"link to {target}: there is no such heading")

    def _path(self, path, line, code):
        words = code.split()
        if len(words) != 1:
            return
        word = words[0].removeprefix("./").rstrip("/,;:")
        if re.fullmatch(r"[\w-]+\.md", word):  # by its name alone: at the top or in docs/
            if not any((self.root / folder / word).exists() for folder in (".", "docs")) \
                    and "docs/" + word not in GENERATED:
                self._mistake(path, line, f"`{code}`: there is no such document")
            return
        parts = word.split("/")
        if len(parts) < 2 or parts[0] not in self.folders or not re.fullmatch(r"[\w./<>*-]+", word):
            return
        pattern = re.sub(r"<[^>]*>", "*", word)
        if word not in GENERATED and next(self.root.glob(pattern), None) is None:
            self._mistake(path, line, f"`{code}`: there is no such file or folder")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    checker = Checker(root)
    count = checker.run()
    for mistake in checker.mistakes:
        print(mistake)
    if count == 0:
        sys.exit(f"check_docs: no documents below {root}")
    print(f"docs: {count} documents, {len(checker.mistakes)} mistakes")
    return 1 if checker.mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
