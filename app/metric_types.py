"""Counters and histograms that cost an addition until they are scraped.

The library's own keep each value behind a lock, which counted for a fourteenth of a request. These keep
numbers, and make the library's samples of them when a scrape asks (a custom collector, as it documents).
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The upper bounds of buckets that the library has by default."""


class Count:
    """A number that only grows. Event loops of several threads may lose each other a count."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Add to it."""
        self.value += amount


class Counter(Collector):
    """A family of counts, as the library's `Counter`.

    Args:
        name: without the `_total` of its sample.
        documentation: what is counted.
        labels: their names. Without any there is one count, which starts at zero.
    """

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self._about = (name, documentation)
        self._names = tuple(labels)
        self._counts: dict[tuple[str, ...], Count] = {} if labels else {(): Count()}
        self._lock = threading.Lock()
        REGISTRY.register(self)

    def labels(self, *values: str) -> Count:
        """Return the count for the labels' values, which are text."""
        if len(values) != len(self._names):
            raise ValueError(f"{self._about[0]} has the labels {self._names}")
        with self._lock:
            return self._counts.setdefault(values, Count())

    def inc(self, amount: int = 1) -> None:
        """Add to the count of a family without labels."""
        self.labels().inc(amount)

    def describe(self) -> Iterable[Metric]:
        """Return what `collect` returns, without samples."""
        return [CounterMetricFamily(*self._about, labels=self._names)]

    def collect(self) -> Iterable[Metric]:
        """Return the counts as they are now."""
        family = CounterMetricFamily(*self._about, labels=self._names)
        with self._lock:
            counts = list(self._counts.items())
        for values, count in counts:
            family.add_metric(values, count.value)
        return [family]


class Distribution:
    """How often a value was within each of some ranges, and the sum of all."""

    __slots__ = ("_bounds", "_sum", "_within")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._within = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Add a value."""
        self._within[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self) -> tuple[list[tuple[str, float]], float]:
        """Return the buckets, each with all that are below it, and the sum."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        below, buckets = 0, []
        for name, number in zip(names, self._within, strict=True):
            below += number
            buckets.append((name, float(below)))
        return buckets, self._sum


class Histogram(Collector):
    """A family of distributions, as the library's `Histogram`.

    Args:
        name: of the family.
        documentation: what is observed.
        labels: their names. Without any there is one distribution.
        buckets: upper bounds in ascending order.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = SECONDS,
    ) -> None:
        self._about = (name, documentation)
        self._names = tuple(labels)
        self._bounds = tuple(buckets)
        self._distributions: dict[tuple[str, ...], Distribution] = {}
        self._lock = threading.Lock()
        if not labels:
            self.labels()
        REGISTRY.register(self)

    def labels(self, *values: str) -> Distribution:
        """Return the distribution for the labels' values, which are text."""
        if len(values) != len(self._names):
            raise ValueError(f"{self._about[0]} has the labels {self._names}")
        with self._lock:
            return self._distributions.setdefault(values, Distribution(self._bounds))

    def observe(self, value: float) -> None:
        """Add a value to the distribution of a family without labels."""
        self.labels().observe(value)

    def describe(self) -> Iterable[Metric]:
        """Return what `collect` returns, without samples."""
        return [HistogramMetricFamily(*self._about, labels=self._names)]

    def collect(self) -> Iterable[Metric]:
        """Return the distributions as they are now."""
        family = HistogramMetricFamily(*self._about, labels=self._names)
        with self._lock:
            distributions = list(self._distributions.items())
        for values, distribution in distributions:
            family.add_metric(values, *distribution.samples())
        return [family]
