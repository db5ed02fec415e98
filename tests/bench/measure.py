"""Variants of the same measurement, interleaved, so that what the machine does meanwhile meets all of them; and what is
said of their results: medians with the lowest and the highest, and ratios within a round."""
import dataclasses
import statistics
import sys


@dataclasses.dataclass(frozen=True)
class Spread:
    """Of some values: the median, the lowest and the highest, and between which the middle half lies."""
    median: float
    low: float
    high: float
    quartile_low: float
    quartile_high: float

    def text(self, form):
        return f"{form.format(self.median)} ({form.format(self.low)} to {form.format(self.high)})"

    def quartiles(self, form):
        return f"{form.format(self.median)} ({form.format(self.quartile_low)} to {form.format(self.quartile_high)})"


def spread(values):
    quarters = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else list(values) * 3
    return Spread(statistics.median(values), min(values), max(values), quarters[0], quarters[2])


def ratios(rounds, variant, base, key):
    """Of each round, the variant's value by that of the base."""
    return spread([results[variant][key] / results[base][key] for results in rounds if results[base][key]])


def interleave(variants, rounds):
    """`variants`: name -> a function that measures once and returns numbers by name. Returns a list of rounds, each
    name -> numbers. Every other round goes backwards."""
    done = []
    for number in range(rounds):
        results = {}
        for name in list(variants)[::1 if number % 2 == 0 else -1]:
            say(f"round {number + 1} of {rounds}: {name}")
            results[name] = variants[name]()
        done.append(results)
    return done


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def table(title, head, rows):
    """In the form of Markdown: numbers to the right."""
    cells = [head, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [title, ""]
    for number, row in enumerate(cells):
        lines.append("| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                                       for i, (cell, width) in enumerate(zip(row, widths))) + " |")
        if number == 0:
            lines.append("| " + " | ".join("-" * width if i == 0 else "-" * (width - 1) + ":"
                                           for i, width in enumerate(widths)) + " |")
    return "\n".join(lines)
