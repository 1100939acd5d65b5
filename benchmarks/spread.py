"""What pairs of rounds come to: the middle of their ratios, and how far they lie apart."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WIDEST = 0.25
"""The distance of the quartiles, as a share of the median, beyond which there is no figure."""
FEWEST = 3
"""So many pairs make quartiles."""


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and the quartiles around it."""

    low: float
    middle: float
    high: float
    count: int

    @property
    def width(self) -> float:
        """The distance of the quartiles, as a share of the median."""
        return (self.high - self.low) / abs(self.middle) if self.middle else math.inf

    @property
    def too_wide(self) -> bool:
        """Whether the numbers lie so far apart that their median says nothing."""
        return self.width > WIDEST

    @property
    def too_few(self) -> bool:
        """Whether there are not enough numbers to say how far apart they lie."""
        return self.count < FEWEST

    def holds(self, value: float) -> bool:
        """Return True if a value lies between the quartiles."""
        return self.low <= value <= self.high


def spread(values: Sequence[float]) -> Spread:
    """Return the median and quartiles of some numbers, of which there is at least one."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, middle, high, len(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio in each pair; a number of ours belongs to theirs of the same round.

    Raises:
        ValueError: one has rounds that the other has not.
        ZeroDivisionError: in one round theirs is nothing.
    """
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def spread_of_ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return the spread of the ratios; one that is too wide where a number is too small to measure."""
    if min(theirs) <= 0:
        return Spread(-math.inf, 0.0, math.inf, len(theirs))
    return spread(ratios(ours, theirs))
