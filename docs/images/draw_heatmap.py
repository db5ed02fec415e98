#!/usr/bin/env python3
"""Draws what record_heatmap.py recorded: the RTT heatmap with the share of retransmissions below it, as SVG.

usage: draw_heatmap.py FOLDER > docs/images/rtt_heatmap.svg
"""
import json
import math
import pathlib
import sys

WIDTH, LEFT, RIGHT = 920, 76, 96
TOP, HEAT_HEIGHT, GAP, LOSS_HEIGHT, BOTTOM = 78, 330, 34, 70, 44
PLOT = WIDTH - LEFT - RIGHT
HEIGHT = TOP + HEAT_HEIGHT + GAP + LOSS_HEIGHT + BOTTOM
# From few to many, light to dark.
COLOURS = ("#deebf7", "#c0d9ee", "#94c4df", "#60a7d2", "#3787c0", "#1764ab", "#0a4385", "#08264f")
INK, FAINT, LINE = "#24292f", "#57606a", "#d0d7de"
LOSS_COLOUR = "#b3401f"


def time_text(seconds):
    for factor, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def text(x, y, words, anchor="start", colour=INK, size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
            f'font-weight="{weight}">{words}</text>')


def rectangle(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def line(x1, y1, x2, y2, colour=LINE, dashes=""):
    more = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'


def read_series(folder, file):
    answer = json.loads((folder / file).read_text())
    assert answer["status"] == "success" and answer["data"]["result"], f"{file} holds no series"
    return answer["data"]["result"]


def read_cells(folder):
    """{(time, upper border): samples between this border and the one below}, and the borders in order."""
    cumulative = {}
    for series in read_series(folder, "rtt.json"):
        for time, value in series["values"]:
            cumulative[time, float(series["metric"]["le"])] = float(value)
    borders = sorted({border for _, border in cumulative})
    cells = {}
    for time in {time for time, _ in cumulative}:
        below = 0.0
        for border in borders:
            total = cumulative.get((time, border), below)
            if total - below > 0.5:
                cells[time, border] = total - below
            below = max(below, total)
    return cells, [border for border in borders if border != math.inf]


class Picture:
    def __init__(self, folder):
        recorded = json.loads((folder / "phases.json").read_text())
        self.phases, self.begin, self.end = recorded["phases"], recorded["begin"], recorded["end"]
        self.cells, self.borders = read_cells(folder)
        self.loss = [(time, float(value)) for time, value in read_series(folder, "loss.json")[0]["values"]]
        times = sorted({time for time, _ in self.cells})
        self.step = min(b - a for a, b in zip(times, times[1:]))
        # Whole powers of four around what was measured.
        used = [border for _, border in self.cells]
        self.low = 4.0 ** math.floor(math.log(min(used), 4) - 0.01)
        self.high = 4.0 ** math.ceil(math.log(max(used), 4))
        self.most = max(self.cells.values())

    def x(self, time):
        return LEFT + (time - self.begin) / (self.end - self.begin) * PLOT

    def y(self, seconds):
        return TOP + HEAT_HEIGHT * (1 - math.log(seconds / self.low) / math.log(self.high / self.low))

    def colour(self, samples):
        rank = math.log(max(samples, 1)) / math.log(self.most)
        return COLOURS[min(int(rank * len(COLOURS)), len(COLOURS) - 1)]

    def heatmap(self):
        ratio = self.borders[1] / self.borders[0]
        paths = {}  # one per colour: a quarter of the size of so many rectangles
        for (time, border), samples in sorted(self.cells.items()):
            top, height = self.y(border), self.y(border / ratio) - self.y(border) + 0.3
            left, width = self.x(time - self.step), self.x(time) - self.x(time - self.step) + 0.3
            if left >= LEFT - 0.1:
                paths.setdefault(self.colour(samples), []).append(
                    f"M{left:.1f} {top:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z")
        for colour, cells in paths.items():
            yield f'<path fill="{colour}" d="{"".join(cells)}"/>'
        border = self.low
        while border <= self.high * 1.01:
            yield text(LEFT - 8, self.y(border) + 4, time_text(border), "end", FAINT)
            yield line(LEFT - 4, self.y(border), LEFT, self.y(border))
            border *= 4

    def frame(self):
        bottom = TOP + HEAT_HEIGHT + GAP + LOSS_HEIGHT
        for phase in self.phases:
            x = self.x(phase["begin"])
            yield line(x, TOP - 16, x, bottom, FAINT, "3 3")
            yield text(x + 5, TOP - 8, phase["name"], weight="bold")
        yield line(LEFT, TOP + HEAT_HEIGHT, LEFT + PLOT, TOP + HEAT_HEIGHT)
        for seconds in range(0, int(self.end - self.begin) + 1, 30):
            x = self.x(self.begin + seconds)
            yield line(x, bottom, x, bottom + 4)
            yield text(x, bottom + 18, f"{seconds} s", "middle", FAINT)

    def legend(self):
        x, size = LEFT + PLOT + 16, 18
        yield text(x, TOP + 4, "samples", colour=FAINT)
        yield text(x, TOP + 18, "in 4 s", colour=FAINT)
        for i, colour in enumerate(reversed(COLOURS)):
            y = TOP + 28 + i * size
            yield rectangle(x, y, size, size, colour)
            least = self.most ** ((len(COLOURS) - 1 - i) / len(COLOURS))
            yield text(x + size + 6, y + 13, f"from {math.ceil(least)}", colour=FAINT, size=11)

    def losses(self):
        top, bottom = TOP + HEAT_HEIGHT + GAP, TOP + HEAT_HEIGHT + GAP + LOSS_HEIGHT
        most = max(value for _, value in self.loss if not math.isnan(value))
        scale = next(limit for limit in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if most <= limit)
        points = [(self.x(time), bottom - value / scale * LOSS_HEIGHT)
                  for time, value in self.loss if time >= self.begin and not math.isnan(value)]
        yield text(LEFT, top - 8, "data segments sent again", colour=LOSS_COLOUR)
        for share in (0, scale / 2, scale):
            y = bottom - share / scale * LOSS_HEIGHT
            yield line(LEFT - 4, y, LEFT + PLOT, y)
            yield text(LEFT - 8, y + 4, f"{share * 100:.3g} %", "end", FAINT)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{LOSS_COLOUR}" stroke-width="1.8"/>'

    def svg(self):
        yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
               f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Helvetica, Arial, sans-serif">')
        yield rectangle(0, 0, WIDTH, HEIGHT, "#ffffff")
        yield text(LEFT, 28, "Round-trip times of one host: tcpperf_rtt_seconds", size=16, weight="bold")
        for part in (self.heatmap, self.losses, self.frame, self.legend):
            yield from part()
        yield "</svg>"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(Picture(pathlib.Path(sys.argv[1])).svg()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
