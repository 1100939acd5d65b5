"""A clock that tests move."""

import math
import time
from collections.abc import Awaitable, Callable

from ..realtime.stop_detector import running_time

_STEPS = 100
_SHORTEST_STEP = 1.0


class FakeClock:
    """The time, and what a test has advanced it by.

    It goes on as the real one does, so that nothing hangs that waits for a while, and it never goes back.
    Its methods are what is passed in as a clock: `MemoryStore(clock=clock.time)`.
    """

    def __init__(self) -> None:
        self._ahead = 0.0
        self._settle: list[Callable[[], Awaitable[None]]] = []

    @property
    def ahead(self) -> float:
        """By how many seconds it was advanced."""
        return self._ahead

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic() + self._ahead

    def running(self) -> float:
        """Return seconds of a clock that goes on while the machine sleeps."""
        return running_time() + self._ahead

    async def advance(self, seconds: float) -> None:
        """Move on, and return when the nodes on this clock have done what was due until then.

        It moves in steps, a hundred or of a second each, between which clients answer what they are sent: a
        heartbeat is not missed because an hour is over at once. What the test has asked for is begun before.

        Args:
            seconds: by which to move on.

        Raises:
            ValueError: they are negative, or no number of seconds.
        """
        if seconds < 0:
            raise ValueError("a clock does not go back")
        if not math.isfinite(seconds):
            raise ValueError(f"a clock is not moved by {seconds}: seconds are a number")
        for settle in self._settle:
            await settle()
        step = max(_SHORTEST_STEP, seconds / _STEPS)
        while seconds > 0:
            self._ahead += min(step, seconds)
            seconds -= step
            for settle in self._settle:
                await settle()

    def on_advance(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Await a function after each step, until `off_advance`."""
        self._settle.append(settle)

    def off_advance(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Await a function no longer."""
        self._settle.remove(settle)


class StopClock:
    """What one node takes for the time in which it runs.

    An hour by which a test moves the clock is no hour in which the node did nothing, unless it hangs: then
    it has been stopped for that long.

    Args:
        clock: that the test moves.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._stopped = 0.0
        self._held_at: float | None = None

    def time(self) -> float:
        """Return seconds."""
        return running_time() + self._stopped

    def hold(self) -> None:
        """Count from now on by how much the clock is advanced."""
        if self._held_at is None:
            self._held_at = self._clock.ahead

    def release(self) -> None:
        """Count it no longer."""
        if self._held_at is not None:
            self._stopped += self._clock.ahead - self._held_at
            self._held_at = None
