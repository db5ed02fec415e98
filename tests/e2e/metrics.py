"""The text format, read far enough to compare numbers. Whether it is well-formed is for promtool to say."""
import re

_LINE = re.compile(r'(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COUNTS_UP = re.compile(r"_(total|bucket|sum|count)$")


class Metrics:
    """One scrape: (name, labels) -> value, labels as a frozenset of pairs."""

    def __init__(self, series):
        self.series = series

    def select(self, name, **labels):
        wanted = set(labels.items())
        return {key: value for (found, key), value in self.series.items() if found == name and wanted <= key}

    def total(self, name, **labels):
        """The sum over all series with these labels. A name that is not there is an error, never zero."""
        found = self.select(name, **labels)
        if not found:
            raise KeyError(f"no series {name}{labels or ''}")
        return sum(found.values())

    def has(self, name, **labels):
        return bool(self.select(name, **labels))

    def counters(self):
        """All series that may only grow."""
        return {key: value for key, value in self.series.items() if _COUNTS_UP.search(key[0])}


def parse(text):
    series = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise AssertionError(f"not a line of the text format: {line!r}")
        key = (match["name"], frozenset(_LABEL.findall(match["labels"] or "")))
        if key in series:
            raise AssertionError(f"twice in one scrape: {line!r}")
        series[key] = float(match["value"])
    return Metrics(series)


def went_back(before, after):
    """Counters that became less, as text; series that are gone are not among them."""
    return [f"{name}{dict(labels)}: {value} -> {after.series[name, labels]}"
            for (name, labels), value in before.counters().items()
            if after.series.get((name, labels), value) < value]
