"""Timeouts of one length, served by one timer."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")

_TOLERANCE = 0.01
"""Part of its length by which a timeout may be late, so that many end at once."""


class TimeoutQueue(Generic[Item]):
    """Calls `due(item)` for each item, a fixed time after it was added, or up to a hundredth later.

    Items are due in the order in which they were added, so there is nothing to sort. A timeout cannot
    be cancelled: `due` has to find out whether its item still matters. A timer for each would cost ten
    times as much, and thousands of sockets wait for their next ping.

    Args:
        seconds: length of the timeouts.
        due: called with each item; returns at once.
    """

    def __init__(self, seconds: float, due: Callable[[Item], None]) -> None:
        self.seconds = seconds
        self._due = due
        self._waiting: deque[tuple[float, Item]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timed = False

    def add(self, item: Item) -> None:
        """Start the timeout of an item."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        self._waiting.append((loop.time() + self.seconds, item))
        if not self._timed:
            self._start_timer(loop)

    def _start_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timed = True
        at = max(self._waiting[0][0], loop.time() + _TOLERANCE * self.seconds)
        loop.call_at(
            at, self._wake, loop, context=Context()
        )  # not the one of the first item's caller

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        try:
            while self._waiting and self._waiting[0][0] <= now:
                self._due(self._waiting.popleft()[1])
        finally:
            self._timed = False
            if self._waiting:
                self._start_timer(loop)
