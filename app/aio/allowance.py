"""An allowance: so many in so many seconds."""


class Allowance:
    """Counts what may be done a number of times within each span of seconds."""

    __slots__ = ("_count", "_left", "_seconds", "_until")

    def __init__(self, count: int, seconds: float) -> None:
        self._count = self._left = count
        self._seconds = seconds
        self._until = 0.0

    def spend(self, now: float) -> bool:
        """Return False if it has been spent within the span that `now` is in."""
        if now >= self._until:
            self._until = now + self._seconds
            self._left = self._count
        self._left -= 1
        return self._left >= 0
