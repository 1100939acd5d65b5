"""Waits that all last equally long, served by one timer."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")

_GRAIN = 0.01
"""By which part of its length a wait may last longer, so that many end at once."""


class Delay(Generic[Item]):
    """Calls `due(item)` for each item, so many seconds after it was put, or up to a hundredth later.

    What was put first is due first, so there is nothing to sort. A wait cannot be called off: whose
    item is of no use any more is to see that when it is due. A timer for each wait would cost ten
    times as much, and thousands of sockets wait for their next ping.
    """

    def __init__(self, seconds: float, due: Callable[[Item], None]) -> None:
        self.seconds = seconds
        self._due = due
        self._waiting: deque[tuple[float, Item]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timed = False

    def put(self, item: Item) -> None:
        """Begin to wait."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        self._waiting.append((loop.time() + self.seconds, item))
        if not self._timed:
            self._wait(loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timed = True
        at = max(self._waiting[0][0], loop.time() + _GRAIN * self.seconds)
        loop.call_at(at, self._wake, loop, context=Context())  # not that of whose item came first

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        try:
            while self._waiting and self._waiting[0][0] <= now:
                self._due(self._waiting.popleft()[1])
        finally:
            self._timed = False
            if self._waiting:
                self._wait(loop)
