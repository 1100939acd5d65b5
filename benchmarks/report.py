"""What the figures come to: a row for each, the ratio to Node, and what is wanted of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.world import Results

Figures = Mapping[str, Mapping[str, Results]]
"""Results by figure and store."""

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Row:
    """One number of a figure; `wanted` is the ratio to `base` that each store is to reach."""

    figure: str
    metric: str
    title: str
    better: Better
    wanted: Mapping[str, float]
    base: str = "node"


ROWS = (
    Row("incr-http", "rate", "POST /incr, requests/s", "more", {"redis": 2.0, "memory": 2.2}),
    Row("incr-http", "p99_ms", "POST /incr, p99 ms", "less", {"redis": 0.7, "memory": 0.7}),
    Row("incr-http", "cpu_us", "POST /incr, µs CPU", "less", {}),
    Row(
        "incr-http",
        "rate",
        "POST /incr, to our route without a session",
        "more",
        {"redis": 0.6, "memory": 0.85},
        "layers",
    ),
    Row("incr-http", "rate", "POST /incr, to FastAPI alone", "more", {}, "fastapi"),
    Row("session-http", "rate", "GET /session, requests/s", "more", {}),
    Row("session-http", "p99_ms", "GET /session, p99 ms", "less", {}),
    Row("incr-socket", "rate", "socket incr, events/s", "more", {"redis": 1.0, "memory": 0.6}),
    Row("incr-socket", "p99_ms", "socket incr, p99 ms", "less", {}),
    Row("incr-socket", "cpu_us", "socket incr, µs CPU", "less", {}),
    Row("handshake", "rate", "handshakes/s", "more", {}),
    Row("handshake", "cpu_us", "handshake, µs CPU", "less", {"redis": 1.3, "memory": 1.3}),
    Row("memory", "kib", "memory a socket, KiB", "less", {"redis": 1.3, "memory": 1.3}),
    Row("reload", "cpu_us", "socket and reload, µs CPU", "less", {"redis": 0.15}),
    Row("reload", "commands", "socket and reload, Redis commands", "less", {"redis": 0.02}),
    Row("deadline", "p50_ms", "deadline to close, median ms", "less", {}),
    Row("deadline", "max_ms", "deadline to close, last ms", "less", {}),
    Row("logout", "last_ms", "logout to the last socket, ms", "less", {}),
)


@dataclass(frozen=True)
class Line:
    """A row on one store, as it came out; `ratio` is None without both numbers."""

    row: Row
    store: str
    values: Mapping[str, float]
    ratio: float | None

    @property
    def wanted(self) -> float | None:
        """The ratio to reach."""
        return self.row.wanted.get(self.store)

    @property
    def met(self) -> bool | None:
        """Whether it was reached; None if nothing is wanted."""
        if self.wanted is None or self.ratio is None:
            return None
        more = self.row.better == "more"
        return self.ratio >= self.wanted if more else self.ratio <= self.wanted


def lines(figures: Figures) -> Iterator[Line]:
    """Give a line for each row that was measured."""
    for row in ROWS:
        for store, results in figures.get(row.figure, {}).items():
            values = {name: sample[row.metric] for name, sample in results.items()}
            base, ours = values.get(row.base), values.get("mooring")
            ratio = ours / base if ours is not None and base else None
            yield Line(row, store, values, ratio)


def table(figures: Figures) -> str:
    """Write the lines as a text table, and below it whether the servers were what set the pace."""
    rows = [["", "store", "Node", "Mooring", "peer", "ratio", "wanted", ""]]
    for line in lines(figures):
        base = line.row.base
        shown = [_number(line.values.get(name)) for name in (base, "mooring", "peer")]
        sign = "≥" if line.row.better == "more" else "≤"
        wanted = f"{sign} {line.wanted:.2f}" if line.wanted is not None else ""
        verdict = {True: "met", False: "missed", None: ""}[line.met]
        rows.append([line.row.title, line.store, *shown, _number(line.ratio), wanted, verdict])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*text, *_busy(figures)])


def _busy(figures: Figures) -> Iterator[str]:
    """Say where a server did not keep its core busy, and how busy the load's core was."""
    rounds = [
        (f"{figure}, {store}, {system}", sample)
        for figure, stores in figures.items()
        for store, results in stores.items()
        for system, sample in results.items()
        if "busy" in sample
    ]
    if rounds:
        least = min(rounds, key=lambda each: each[1]["busy"])
        most = max(rounds, key=lambda each: each[1]["load_busy"])
        yield ""
        yield f"servers kept their core busy to {least[1]['busy']:.0%} and more ({least[0]})"
        yield f"load and Valkey took {most[1]['load_busy']:.0%} of theirs at the most ({most[0]})"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 0.01 else f"{value:.2f}"
