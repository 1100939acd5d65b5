"""Whether a series is flat, and whether all is as before when everybody has gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from tests.soak.samples import LONGEST_SECONDS

Series = Sequence[tuple[float, float]]
"""What was measured: when, in seconds, and how much."""

_MB = 1_000_000
_FEWEST = 8
_PARTS = 8
"""The first and the last of so many parts are compared, if there are enough points in them."""
_MOST = 200
"""Points of a series of which all pairs are looked at."""


@dataclass(frozen=True)
class Limit:
    """What of a measure is no growth.

    Attributes:
        share: of its level by which it may rise from the end of the warm-up to the end.
        more: by how much it may rise beside that.
        left_share: of its value before, how much more there may be when everybody has gone; None: of its
            level under load there may not be more.
        left: how much more beside that.
        after: seconds of churn before which it rises still, and says nothing.
    """

    share: float
    more: float
    left_share: float | None
    left: float
    after: float = 0.0


LIMITS = {
    # What is freed in the midst of a page stays with the process, so memory comes back to no base, and caches
    # of a limited size take their time to fill. `blocks` are what Python has allocated, without these.
    "rss": Limit(0.04, 3 * _MB, None, 4 * _MB, after=LONGEST_SECONDS),
    "blocks": Limit(0.05, 5_000, 0.1, 20_000),
    "fds": Limit(0.1, 10, 0.0, 3),
    "tasks": Limit(0.1, 15, 0.0, 3),
    "store memory": Limit(0.1, 2 * _MB, None, 2 * _MB, after=LONGEST_SECONDS),
    "keys": Limit(0.1, 50, None, 0, after=LONGEST_SECONDS),
    "lasting keys": Limit(0.1, 20, 0.0, 5),
}
"""By the names of measures, which may be followed by that of a node."""


def slope(series: Series) -> float:
    """Return the slope by Theil and Sen: the median of those of all pairs, which no outlier moves.

    Raises:
        ValueError: there are too few points.
    """
    if len(series) < _FEWEST:
        raise ValueError(f"{len(series)} points say nothing: {_FEWEST} are needed")
    points = series[:: -(-len(series) // _MOST)]
    return median((y - x) / (t - s) for (s, x), (t, y) in combinations(points, 2) if t > s)


def growth(series: Series) -> float:
    """Return by how much a series has risen from its beginning to its end.

    The slope of most pairs does not see what comes late: a step, or a leak that begins with something
    rare. The level of the end does.
    """
    by_slope = slope(series) * (series[-1][0] - series[0][0])
    part = len(series) // _PARTS
    if part < _FEWEST:
        return by_slope
    return max(by_slope, _level(series[-part:]) - _level(series[:part]))


def limit_of(name: str) -> Limit:
    """Return the limit of a measure, by its name or by what it begins with."""
    return LIMITS[name.partition(" of ")[0]]


@dataclass(frozen=True)
class Finding:
    """What a measure came to."""

    name: str
    level: float
    rise: float
    allowed: float
    base: float
    left: float
    left_allowed: float

    @property
    def grows(self) -> bool:
        """Whether it rose by more than is allowed."""
        return self.rise > self.allowed

    @property
    def remains(self) -> bool:
        """Whether more of it is left than is allowed."""
        return self.left > self.left_allowed


def may_be_left(name: str, base: float, level: float) -> float:
    """Return how much of a measure there may be when everybody has gone."""
    limit = limit_of(name)
    return limit.left + (level if limit.left_share is None else base * (1 + limit.left_share))


def remaining(base: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """Return of which measures there is more than may be left, but for those that go by the load."""
    return [
        f"{name} ({now[name]:,.0f}, not {base[name]:,.0f})"
        for name in base
        if limit_of(name).left_share is not None
        if now[name] > may_be_left(name, base[name], 0.0)
    ]


def _level(series: Series) -> float:
    return median(value for _, value in series) if series else 0.0


def judge(name: str, base: float, loaded: Series, left: float) -> Finding:
    """Judge a measure.

    Args:
        name: of it.
        base: before anybody came.
        loaded: from the end of the warm-up to the end.
        left: when everybody has gone.
    """
    limit, level = limit_of(name), _level(loaded)
    allowed = limit.share * level + limit.more
    left_allowed = may_be_left(name, base, level)
    return Finding(name, level, growth(loaded), allowed, base, left, left_allowed)


def judge_all(
    base: Mapping[str, float],
    loaded: Mapping[str, Series],
    left: Mapping[str, float],
    warm_up: float,
) -> list[Finding]:
    """Judge all measures that say something after a warm-up of so many seconds."""
    return [
        judge(name, base[name], series, left[name])
        for name, series in loaded.items()
        if warm_up >= limit_of(name).after
    ]


def line(found: Finding) -> str:
    """Return what to print of a measure."""
    words = [word for word, is_so in (("GROWS", found.grows), ("REMAINS", found.remains)) if is_so]
    return (
        f"{found.name:24} base {found.base:13,.0f}  level {found.level:13,.0f}  "
        f"rise {found.rise:+12,.0f} of {found.allowed:12,.0f}  "
        f"left {found.left:13,.0f} of {found.left_allowed:13,.0f}  {' '.join(words) or 'flat'}"
    )
