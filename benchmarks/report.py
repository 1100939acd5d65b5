"""What the figures come to: for each number its ratio to the others, pair by pair, and its goal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.spread import Spread, spread, spread_of_ratios
from benchmarks.systems import OUR_NAMES, TITLES
from benchmarks.world import Results

Figures = Mapping[str, Mapping[str, Results]]
"""Results by figure and store."""

Better = Literal["more", "less"]
Verdict = Literal["", "met", "missed", "met, in the spread", "missed, in the spread", "one run"]


@dataclass(frozen=True)
class Row:
    """One number of a figure; `wanted` are the ratios to reach, by what it is compared with and store."""

    figure: str
    metric: str
    title: str
    better: Better
    wanted: Mapping[str, Mapping[str, float]]


QUIET = 0.10
"""The share of the servers' core that others may take."""

_AS_BUN = {"bun": {"redis": 1.1, "memory": 0.9}}

ROWS = (
    Row(
        "incr-socket",
        "rate",
        "socket incr, events/s",
        "more",
        {"node": {"redis": 1.8, "memory": 1.2}, **_AS_BUN},
    ),
    Row(
        "incr-socket",
        "p99_ms",
        "socket incr, p99 ms",
        "less",
        {"node": {"redis": 0.5, "memory": 0.8}},
    ),
    Row(
        "incr-http",
        "rate",
        "POST /incr, requests/s",
        "more",
        {"node": {"redis": 2.5, "memory": 2.6}, **_AS_BUN},
    ),
    Row(
        "handshake",
        "cpu_us",
        "handshake, µs CPU",
        "less",
        {"node": {"redis": 0.8, "memory": 0.8}},
    ),
    Row("memory", "kib", "memory a socket, KiB", "less", {"node": {"redis": 0.6, "memory": 0.5}}),
    Row("reload", "cpu_us", "socket and reload, µs CPU", "less", {"node": {"redis": 0.10}}),
    Row(
        "room",
        "cpu_us",
        "message to 1,000, µs CPU each",
        "less",
        {"node": {"redis": 1.0, "memory": 1.0}},
    ),
    Row("session-http", "rate", "GET /session, requests/s", "more", {}),
    Row("bare", "rate", "POST /incr beside no session, requests/s", "more", {}),
    Row("deadline", "max_ms", "deadline to the last close, ms", "less", {}),
    Row("logout", "last_ms", "logout to the last socket, ms", "less", {}),
)


@dataclass(frozen=True)
class Line:
    """A row on one store, of one system of ours beside another one, as it came out."""

    row: Row
    store: str
    ours: str
    base: str
    values: Spread
    base_values: Spread
    ratio: Spread

    @property
    def wanted(self) -> float | None:
        """The ratio to reach."""
        return self.row.wanted.get(self.base, {}).get(self.store)

    @property
    def figure(self) -> float | None:
        """The ratio; None if its pairs lie too far apart for one."""
        return None if self.ratio.too_wide else self.ratio.middle

    @property
    def verdict(self) -> Verdict:
        """Whether it was reached; nothing if nothing is wanted, or if there is no figure."""
        if self.wanted is None or self.figure is None:
            return ""
        if self.ratio.too_few:
            return "one run"
        more = self.row.better == "more"
        met = self.figure >= self.wanted if more else self.figure <= self.wanted
        if self.ratio.holds(self.wanted):
            return "met, in the spread" if met else "missed, in the spread"
        return "met" if met else "missed"


def lines(figures: Figures) -> Iterator[Line]:
    """Return a line for each row that was measured, on each store, beside each other system."""
    for row in ROWS:
        for store, results in figures.get(row.figure, {}).items():
            values = {
                name: [sample[row.metric] for sample in samples]
                for name, samples in results.items()
            }
            for ours in (name for name in OUR_NAMES if name in values):
                for base in (name for name in values if name not in OUR_NAMES):
                    mine, theirs = values[ours], values[base]
                    ratio = spread_of_ratios(mine, theirs)
                    yield Line(row, store, ours, base, spread(mine), spread(theirs), ratio)


def table(figures: Figures) -> str:
    """Write the lines as a text table for each Python, and below whether the servers set the pace."""
    found = list(lines(figures))
    parts = [
        _table(ours, [line for line in found if line.ours == ours])
        for ours in OUR_NAMES
        if any(line.ours == ours for line in found)
    ]
    return "\n".join([*parts, *_busy(figures)])


def _table(ours: str, found: list[Line]) -> str:
    rows = [[TITLES[ours], "store", "beside", "theirs", "ours", "ratio", "quartiles", "goal", ""]]
    rows += [_cells(line) for line in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if index in (0, 1, 2, 8) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*text, ""])


def _cells(line: Line) -> list[str]:
    sign = "≥" if line.row.better == "more" else "≤"
    return [
        line.row.title,
        line.store,
        TITLES[line.base],
        number(line.base_values.middle),
        number(line.values.middle),
        "too wide" if line.figure is None else f"{line.figure:.2f}",
        "" if line.ratio.too_few else f"{line.ratio.low:.2f} to {line.ratio.high:.2f}",
        "" if line.wanted is None else f"{sign} {line.wanted:.2f}",
        line.verdict,
    ]


def markdown(figures: Figures) -> str:
    """Write the lines as a table of Markdown, those with a goal alone."""
    heads = ["", "store", "beside", "theirs", "ours", "ratio", "quartiles", "goal", ""]
    rows = [heads, ["---"] * len(heads)]
    for line in lines(figures):
        if line.wanted is not None:
            title, *cells = _cells(line)
            rows.append([f"{title}; {TITLES[line.ours]}", *cells])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _busy(figures: Figures) -> Iterator[str]:
    """Say where a server did not keep its core busy, and how busy the load's core was."""
    rounds = [
        (f"{figure}, {store}, {TITLES[system]}", sample)
        for figure, stores in figures.items()
        for store, results in stores.items()
        for system, samples in results.items()
        for sample in samples
        if "busy" in sample
    ]
    if rounds:
        least = min(rounds, key=lambda each: each[1]["busy"])
        most = max(rounds, key=lambda each: each[1]["load_busy"])
        other = max(rounds, key=lambda each: each[1]["others"])
        yield f"servers kept their core busy to {least[1]['busy']:.0%} and more ({least[0]})"
        yield f"load and Valkey took {most[1]['load_busy']:.0%} of theirs at the most ({most[0]})"
        yield f"other processes took {other[1]['others']:.0%} of the servers' core at the most ({other[0]})"
        if other[1]["others"] > QUIET:
            yield "that is no quiet machine: the figures are to see that it runs, and no more"


def number(value: float) -> str:
    """Write a number with as many digits as it deserves."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 0.01 else f"{value:.2f}"
