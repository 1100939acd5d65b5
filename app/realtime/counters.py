"""Counts what happens within a window of time, over all nodes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_CLEAN_AT_LEAST = 1000


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted in a window, and how many seconds it goes on."""

    count: int
    seconds_left: float


class Counters(Protocol):
    """Counts by name, in windows that begin with the first that is counted."""

    async def add(self, name: str, seconds: float) -> Window:
        """Count one more in the window of a name, which is so long.

        Raises:
            BusUnavailableError: there was no reply; it may have been counted.
        """


class MemoryCounters:
    """Counts of one process.

    Args:
        clock: returns seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[int, float]] = {}
        self._clean_at = _CLEAN_AT_LEAST

    async def add(self, name: str, seconds: float) -> Window:
        """Count one more; see Counters."""
        now = self._clock()
        count, until = self._windows.get(name, (0, 0.0))
        if until <= now:
            count, until = 0, now + seconds
            self._clean(now)
        self._windows[name] = count + 1, until
        return Window(count + 1, until - now)

    def _clean(self, now: float) -> None:
        """Forget windows that are over, each time that there are twice as many."""
        if len(self._windows) >= self._clean_at:
            self._windows = {name: each for name, each in self._windows.items() if each[1] > now}
            self._clean_at = max(_CLEAN_AT_LEAST, 2 * len(self._windows))
