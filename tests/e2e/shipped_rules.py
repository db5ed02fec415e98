"""The shipped rules, read far enough to shorten them: the files are lists of maps of plain scalars, no more of YAML."""
import re

from harness import ROOT

FOLDER = ROOT / "config/rules"
_ENTRY = re.compile(r"  (?:- |  )(\w+): (.*)")
# What a test does not wait for. The condition stays as it is shipped.
SHORT = {"window": "2s", "for": "400ms"}
FEW = 2


def read(path):
    rules = []
    for line in path.read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#") or line == "alerts:":
            continue
        entry = _ENTRY.fullmatch(line)
        if entry and line.startswith("  - "):
            rules.append({})
        if entry:
            key = entry[1]
            rules[-1][key] = entry[2]
        elif line.startswith("      ") and rules:
            rules[-1][key] += " " + line.strip()
        else:
            raise AssertionError(f"{path}: not understood: {line!r}")
    return rules


def shipped():
    """Every shipped rule, by name."""
    rules = [rule for path in sorted(FOLDER.glob("*.yaml")) for rule in read(path)]
    return {rule["name"]: rule for rule in rules}


def shortened(rule):
    few = min(FEW, int(rule.get("minimum_samples", 0)))
    return {**rule, **SHORT, "minimum_samples": few}
