"""The queue of one session's writers on this node, and how it fails fast when the store hangs."""

import asyncio
import math
import time
from collections import deque
from typing import Self

from .errors import StoreUnavailableError
from .models import Record

_FAST_FAILURE_SECONDS = 0.3
"""A call that fails within this, as when a connection is lost, fails its own caller alone."""


class FailFast:
    """When a call to the store timed out last; times are those of time.monotonic().

    A timeout takes most of a second, so of several callers in a queue the third would be answered too
    late: those queued behind a call that timed out fail at once, without a call of their own.
    """

    def __init__(self) -> None:
        self._timed_out_at = -math.inf

    def record_timeout(self, began_at: float) -> None:
        """Record that a call which began then has failed; one that failed fast is not recorded."""
        now = time.monotonic()
        if now > began_at + _FAST_FAILURE_SECONDS:
            self._timed_out_at = now

    def check(self, queued_at: float) -> None:
        """Raise StoreUnavailableError if a call timed out while the caller was queued."""
        if self._timed_out_at > queued_at + _FAST_FAILURE_SECONDS:
            raise StoreUnavailableError("session store unavailable: the call before timed out")


class WriteLock:
    """Serialises the writers of one session, who would only conflict otherwise.

    Whoever finds it free takes it without waiting: `take`. All others `wait`, and have it in the order in
    which they came. `async with` does either.

    Attributes:
        latest: the record that the last of them wrote: what the next one compares with.
    """

    def __init__(self, fail_fast: FailFast) -> None:
        self.latest: Record | None = None
        self._fail_fast = fail_fast
        self._began_at = 0.0
        self._held = False
        self._waiting = deque[asyncio.Future[None]]()
        self._loop = asyncio.get_running_loop()

    def is_usable(self) -> bool:
        """Return True if its event loop still exists: a lock cannot be used in another one."""
        return not self._loop.is_closed()

    def take(self) -> bool:
        """Take the lock if it is free, and return whether it was."""
        if self._held:
            return False
        self._held = True
        self._began_at = time.monotonic()
        return True

    async def wait(self) -> None:
        """Wait until it is this caller's.

        Raises:
            StoreUnavailableError: a call timed out meanwhile.
        """
        queued_at = time.monotonic()
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
            self._fail_fast.check(queued_at)
        except BaseException:
            self._call_off(turn)
            raise
        self._began_at = time.monotonic()

    def release(self) -> None:
        """Pass the lock to the one that waits longest; it is free if nobody does."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # `_held` stays as it is: nobody comes in between
                return
        self._held = False

    def note_failure(self) -> None:
        """Note that the store has not answered the holder."""
        self._fail_fast.record_timeout(self._began_at)

    def _call_off(self, turn: "asyncio.Future[None]") -> None:
        """Leave the queue; or give the lock to the next one, if it is this caller's already."""
        if turn.done() and not turn.cancelled():
            self.release()
        elif turn in self._waiting:
            self._waiting.remove(turn)

    async def __aenter__(self) -> Self:
        if not self.take():
            await self.wait()
        return self

    async def __aexit__(self, _type: object, error: object, _traceback: object) -> None:
        if isinstance(error, StoreUnavailableError):
            self.note_failure()
        self.release()
