"""More time for replies that did not come because nobody was there to read them."""

STALL_SECONDS = 0.05
"""A timer that fires later than this shows that the event loop was blocked, or the process stopped."""

LONGEST_SECONDS = 0.3
"""Given after one stall. The connection may be lost as well, and what is to be known a second after a stop
has to be asked on another one then."""


class StallGrace:
    """Says how much longer to wait at a deadline that passed while this process did nothing.

    The replies may be waiting to be read, and what was not sent yet has had no time at all. An event loop
    that is blocked again and again makes no deadline endless.

    Args:
        total: seconds that are given at most, but for the last time, until `reset`.
    """

    def __init__(self, total: float) -> None:
        self._total = total
        self._given = 0.0

    def take(self, late: float) -> float:
        """Return seconds to wait, 0 for none, where the deadline's timer has fired so many seconds late."""
        if late <= STALL_SECONDS or self._given >= self._total:
            return 0.0
        grace = min(late, LONGEST_SECONDS)
        self._given += grace
        return grace

    def reset(self) -> None:
        """Begin anew: the deadline was kept, or is over."""
        self._given = 0.0
