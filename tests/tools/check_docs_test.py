#!/usr/bin/env python3
"""The documents check notices each kind of mistake, where it is, and nothing where there is none."""
import pathlib
import tempfile
import unittest

import check_docs
import check_layers

TREE = {
    "dev": "cmd_run() {\n}\ncmd_docs() {\n}\n",
    "README.md": "# T\n",
    "bpf/probes/rtt.bpf.h": "struct tcpperf_histogram;\n",
    "daemon/probes/rtt.cpp": '.name = "tcpperf_rtt_seconds",\n',
    "daemon/core/CMakeLists.txt": "tcpperf_room(NAME core PUBLIC tcpperf_abi)\n",
    "docs/GUIDE.md": "# Guide\n\n## One way: it's `this`\n\n```sh\n# No heading\n```\n",
}

# Lines of README.md that are right.
GOOD = (
    "[a](docs/GUIDE.md) ![b](docs/GUIDE.md) [c](https://example.org/none) [d](#t) `[e](none.md)`",
    "[a](docs/GUIDE.md#one-way-its-this) and [generated](docs/metrics.md#metrics)",
    "`docs/GUIDE.md` `GUIDE.md` `docs/` `./docs` `docs/configuration.md`",
    "`bpf/probes/<name>.bpf.h` `bpf/probes/*.bpf.h`",
    "`build/bin/tcpperfd` `/etc/tcpperf/tcpperf.yaml` `and/or` `docs/none.md is a command`",
    "tcpperf_rtt_seconds tcpperf_rtt_seconds_bucket{} tcpperf_histogram tcpperf_room tcpperf_abi",
    "./dev run, `./dev docs`",
    "```cpp example\ntcpperf_new_total\n```\nThen tcpperf_new_total is there.",
    "```text\n[a](none.md) `docs/none.md`\n```",
)

# (lines of README.md, line of the mistake, words of it)
WRONG = (
    ("[a](docs/none.md)", 1, "link to docs/none.md: there is no such file"),
    ("\n![a](docs/none.svg)", 2, "no such file"),
    ("![a picture\nof `this`\nand that](docs/none.svg)", 3, "no such file"),
    ("[a](docs/GUIDE.md#two)", 1, "no such heading"),
    ("[a](docs/GUIDE.md#no-heading)", 1, "no such heading"),
    ("[a](#none)", 1, "no such heading"),
    ("[a](../outside.md)", 1, "leaves the repository"),
    ("See `docs/none.md`.", 1, "`docs/none.md`: there is no such file"),
    ("See `bpf/probes/<name>.cpp`.", 1, "no such file"),
    ("See `NONE.md`.", 1, "no such document"),
    ("```sh\ncurl | grep tcpperf_none_total\n```", 2, "tcpperf_none_total is no metric"),
    ("tcpperf_rtt_seconds_max", 1, "tcpperf_rtt_seconds_max is no metric"),
    ("```sh\n./dev none\n```", 2, "./dev has no command none"),
)


ROOMS = {
    "bpf/probes": check_layers.Room(("bpf/lib",), ("libbpf",)),
    "daemon/core": check_layers.Room(("bpf/abi",), pure=True),
}
PROBES_ROW, CORE_ROW = "| `bpf/probes` | `bpf/lib`, libbpf | maps |", "| `daemon/core` | `bpf/abi` | |"

# (row of bpf/probes, row of daemon/core, words of the mistake)
WRONG_ROOMS = (
    (PROBES_ROW.replace(", libbpf", ""), CORE_ROW, "`bpf/probes` and libbpf"),
    (PROBES_ROW.replace("`bpf/lib`, ", ""), CORE_ROW, "`bpf/probes` and bpf/lib"),
    (PROBES_ROW, CORE_ROW.replace("`bpf/abi`", "`bpf/abi`, libmnl"), "`daemon/core` and libmnl"),
    (PROBES_ROW, CORE_ROW.replace("`bpf/abi`", "`bpf/abi`, `bpf/probes`"), "`daemon/core` and bpf/probes"),
    (PROBES_ROW, "", "`daemon/core` of check_layers.py is not in the table"),
    (PROBES_ROW + "\n| `daemon/probes` | | |", CORE_ROW, "`daemon/probes` is no room"),
)


def mistakes_of(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for name, text in tree.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        checker = check_docs.Checker(root, ROOMS)
        checker.run()
        return checker.mistakes


class Documents(unittest.TestCase):
    def test_what_is_right_passes(self):
        self.assertEqual(mistakes_of(TREE), [])
        for text in GOOD:
            with self.subTest(text):
                self.assertEqual(mistakes_of(TREE | {"README.md": f"# T\n\n{text}\n"}), [])

    def test_each_mistake_is_found_where_it_is(self):
        for text, line, words in WRONG:
            with self.subTest(text):
                found = mistakes_of(TREE | {"README.md": text + "\n"})
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"README.md:{line}: "), found[0])
                self.assertIn(words, found[0])

    def test_documents_below_docs_are_read_too(self):
        found = mistakes_of(TREE | {"docs/a/b.md": "[x](../GUIDE.md) [y](GUIDE.md)\n"})
        self.assertEqual(found, ["docs/a/b.md:1: link to GUIDE.md: there is no such file"])

    def test_the_table_of_rooms_is_that_of_the_layer_check(self):
        tree = TREE | {"bpf/lib/flow.bpf.h": "", "bpf/abi/types.h": ""}

        def table(*rows):
            lines = ["| Room | May use | And |", "| --- | --- | --- |", *rows]
            return tree | {"docs/ARCHITECTURE.md": "\n".join(lines)}

        self.assertEqual(mistakes_of(table(PROBES_ROW, CORE_ROW)), [])
        for probes, core, words in WRONG_ROOMS:
            with self.subTest(words):
                found = mistakes_of(table(probes, core))
                self.assertEqual(len(found), 1, found)
                self.assertIn(words, found[0])

    def test_generated_metrics_are_the_only_ones_once_they_are_there(self):
        tree = TREE | {"README.md": "tcpperf_rtt_seconds tcpperf_a_total\n", "docs/metrics.md": "`tcpperf_a_total`\n"}
        self.assertEqual(len(mistakes_of(tree)), 1)
        self.assertIn("tcpperf_rtt_seconds is no metric", mistakes_of(tree)[0])


if __name__ == "__main__":
    unittest.main()
