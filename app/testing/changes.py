"""Waiting for what comes from a node."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

WITHIN = 5.0
"""Seconds of real time that a test waits for what should be there at once."""


class Changes:
    """Wakes those who wait for something, whenever anything has come.

    Args:
        who: what waits, in messages.
        state: returns how it is, and what it has received.
    """

    def __init__(self, who: str, state: Callable[[], str]) -> None:
        self._who = who
        self._state = state
        self._waiting: list[asyncio.Future[None]] = []

    async def until(self, find: Callable[[], Found | None], within: float, what: str) -> Found:
        """Return what `find` finds, when it does; raise AssertionError if that takes longer.

        Args:
            find: returns None for nothing yet.
            within: seconds of real time.
            what: what is waited for, in the message.
        """
        try:
            async with asyncio.timeout(within):
                while (found := find()) is None:
                    changed = asyncio.get_running_loop().create_future()
                    self._waiting.append(changed)
                    await changed
        except TimeoutError:
            raise AssertionError(
                f"{self._who} waited {within:g} s for {what}; {self._state()}"
            ) from None
        return found

    def wake(self) -> None:
        """Wake all that wait, to check again."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
