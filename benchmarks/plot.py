"""The results as a picture: how many times better than Node each number is."""

import math
from collections.abc import Iterator
from html import escape

from benchmarks.report import Figures, Line, lines

_LEFT, _WIDTH, _STEP, _TOP = 260, 460, 30, 56
_LOWEST = 0.25
_COLOURS = {"redis": "#c4472f", "memory": "#2f6fc4"}
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.quiet { fill: #777; font-size: 12px }
line { stroke: #bbb } .one { stroke: #222 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .quiet { fill: #999 } line { stroke: #555 } .one { stroke: #ddd }
}
"""


def svg(figures: Figures) -> str:
    """Draw a bar for each number and store; to the right of the line at 1 is better than Node."""
    shown = [
        line
        for line in lines(figures)
        if line.base == "node" and line.ours == "mooring" and line.figure
    ]
    bars = [(line, _times_better(line)) for line in shown]
    highest = max([2.0, *(better for _, better in bars)]) * 1.6
    titles = list(dict.fromkeys(line.row.title for line in shown))
    height = _TOP + _STEP * len(titles) + 20
    body = "\n".join([*_axis(highest, height), *_bars(bars, titles, highest)])
    width = _LEFT + _WIDTH + 50
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f"<title>Mooring and the Node system</title><style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _times_better(line: Line) -> float:
    ratio = line.figure or 1.0
    return ratio if line.row.better == "more" else 1 / max(ratio, 1e-6)


def _x(better: float, highest: float) -> float:
    share = math.log(max(better, _LOWEST) / _LOWEST) / math.log(highest / _LOWEST)
    return _LEFT + share * _WIDTH


def _axis(highest: float, height: int) -> Iterator[str]:
    yield f'<text x="{_LEFT}" y="18">times better than Node</text>'
    for index, store in enumerate(_COLOURS):
        left = _LEFT + 200 + 90 * index
        yield f'<rect x="{left}" y="8" width="12" height="12" fill="{_COLOURS[store]}"/>'
        yield f'<text x="{left + 18}" y="18">{store}</text>'
    step = 2 if highest < 64 else 10
    mark = 1.0
    while mark < highest:
        x = _x(mark, highest)
        kind = ' class="one"' if mark == 1 else ""
        yield f'<line{kind} x1="{x:.0f}" y1="{_TOP - 8}" x2="{x:.0f}" y2="{height - 12}"/>'
        yield f'<text class="quiet" x="{x:.0f}" y="{_TOP - 14}" text-anchor="middle">{mark:g}</text>'
        mark *= step


def _bars(bars: list[tuple[Line, float]], titles: list[str], highest: float) -> Iterator[str]:
    one = _x(1.0, highest)
    for index, title in enumerate(titles):
        y = _TOP + _STEP * index
        yield f'<text x="{_LEFT - 12}" y="{y + 16}" text-anchor="end">{escape(title)}</text>'
        for line, better in bars:
            if line.row.title == title:
                end = _x(better, highest)
                top = y + (0 if line.store == "redis" else 11)
                start, width = min(one, end), max(1.0, abs(end - one))
                yield (
                    f'<rect x="{start:.1f}" y="{top}" width="{width:.1f}" height="10" '
                    f'fill="{_COLOURS[line.store]}"/>'
                )
                beside = max(one, end) + 5
                yield f'<text class="quiet" x="{beside:.0f}" y="{top + 9}">{_short(better)}</text>'


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2g}" if ratio >= 10 else f"{ratio:.2f}"
