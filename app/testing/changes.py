"""Waiting for what comes from a node."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

WITHIN = 5.0
"""Seconds of real time that a test waits for what should be there at once."""


class Changes:
    """Wakes those who wait for something, whenever anything has come."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def until(self, find: Callable[[], Found | None], within: float) -> Found:
        """Return what `find` finds, when it does; raise TimeoutError if that takes longer."""
        async with asyncio.timeout(within):
            while (found := find()) is None:
                changed = asyncio.get_running_loop().create_future()
                self._waiting.append(changed)
                await changed
        return found

    def wake(self) -> None:
        """Have all look again."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
