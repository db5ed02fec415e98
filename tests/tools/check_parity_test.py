#!/usr/bin/env python3
"""The parity check notices each kind of mistake, where it is, and nothing where there is none."""
import pathlib
import tempfile
import unittest

import check_parity

METRICS = """# Metrics

| Metric | Type | Unit | Labels | Probe | Meaning |
| --- | --- | --- | --- | --- | --- |
| `tcpperf_a_total` | counter | | `kind` `from` | `a` | ... |
| `tcpperf_b_seconds` | histogram | seconds | | `b` | ... |

# Signals

| Signal | Unit | Made of | Probe | Meaning |
| --- | --- | --- | --- | --- |
| `a_rate` | | ... | `a` | ... |
| `stall_rto_p99` | | ... | `a` | ... |
"""
CONFIGURATION = """| Key | Type | Default | Allowed | Meaning |
| --- | --- | --- | --- | --- |
| `probes.window.sample_interval` | duration | 0s | | |
| `probes.window.group_by` | list of dimensions | `group_by` of the top level | local_ip, role | |
"""
RULES = ["alerts:\n  - name: slow\n    condition: a_rate > 1\n"]
TEST_FILE = 'TEST_CASE("it is exact", "[a]") {\n}\n'
HEADER = "| Theirs | Ours | Our rule | Test |\n| --- | --- | --- | --- |\n"

# (Ours, Our rule, Test) of a row that is right.
GOOD = (
    ("`a_rate`, `tcpperf_a_total`, `tcpperf_b_seconds`", "`slow`", ""),
    ('`tcpperf_a_total{kind}`, `{kind="x"}`, `tcpperf_a_total{from,role="client"}`', "none: it is no fault", ""),
    ("`stall_<cause>_p99`, groups `local_ip`, `role`, probe `window`, its `sample_interval`", "`slow`", ""),
    ("not offered; `--all` and `_sum / _count` are no names", "none: `a_rate` is a counter", ""),
    ("", "`slow`", '`tests/a_test.cpp` ("it is exact"), `tests/b_test.py` (`test_it`), `tests/b_test.py`'),
)
# The same, and words of the one mistake.
WRONG = (
    (("`b_rate`", "`slow`", ""), "`b_rate` is no signal"),
    (("`tcpperf_c_total`", "`slow`", ""), "`tcpperf_c_total` is no metric"),
    (("`tcpperf_b_seconds{kind}`", "`slow`", ""), "no such label"),
    (('`{sort="x"}`', "`slow`", ""), "no such label"),
    (("`stall_<cause>_p98`", "`slow`", ""), "is no signal"),
    (("`a_rate`", "", ""), "neither a rule nor why"),
    (("`a_rate`", "none", ""), "neither a rule nor why"),
    (("`a_rate`", "`fast`", ""), "`fast` is no rule"),
    (("`a_rate`", "`a_rate`", ""), "`a_rate` is no rule"),
    (("", "`slow`", "`tests/c_test.cpp`"), "no such file"),
    (("", "`slow`", '`tests/a_test.cpp` ("it is")'), "has no test it is"),
    (("", "`slow`", "`tests/b_test.py` (`test_that`)"), "has no test test_that"),
)


def check(page):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {"docs/parity.md": page, "tests/a_test.cpp": TEST_FILE,
                           "tests/b_test.py": "def test_it(self):\n"}.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        checker = check_parity.Checker(root, check_parity.Known(METRICS, CONFIGURATION, RULES))
        checker.run()
        return checker


class Parity(unittest.TestCase):
    def test_what_is_right_passes(self):
        for cells in GOOD:
            with self.subTest(cells):
                checker = check(f"{HEADER}| x | {' | '.join(cells)} |\n")
                self.assertEqual((checker.mistakes, checker.rows), ([], 1))

    def test_each_mistake_is_found_where_it_is(self):
        for cells, words in WRONG:
            with self.subTest(cells):
                found = check(f"# P\n\n{HEADER}| x | {' | '.join(cells)} |\n").mistakes
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith("docs/parity.md:5: "), found[0])
                self.assertIn(words, found[0])

    def test_other_columns_and_tables_are_not_looked_at(self):
        self.assertEqual(check("| It | Seen |\n| --- | --- |\n| `b_rate` | `tcpperf_c_total` |\n").mistakes, [])

    def test_a_cell_too_many_is_a_mistake(self):
        self.assertIn("5 cells below 4 columns", check(f"{HEADER}| x | | `slow` | | |\n").mistakes[0])


if __name__ == "__main__":
    unittest.main()
