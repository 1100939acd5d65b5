"""Stores that take their time to read, for SESSION_STORE: they hold a socket in its connect handler.

With SESSION_ACTIVITY=http a connect reads without extending, so requests are as fast as ever.
"""

import asyncio

from app.sessions import LoadResult, MemoryStore

SLOW = 0.15
"""Seconds."""


class SlowStore(MemoryStore):
    """Waits before or after it has read, or both."""

    def __init__(self, *, before: float, after: float) -> None:
        super().__init__()
        self._before = before
        self._after = after

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        if idle is not None:
            return await super().load(key, idle=idle)
        await asyncio.sleep(self._before)
        found = await super().load(key)
        await asyncio.sleep(self._after)
        return found


def slow_to_look() -> SlowStore:
    """A connect handler finds what has happened while it waited."""
    return SlowStore(before=SLOW, after=0)


def slow_to_tell() -> SlowStore:
    """A connect handler gets an answer that is no longer true."""
    return SlowStore(before=0, after=SLOW)
