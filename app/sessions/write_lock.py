"""The queue of one session's writers on this node, and how it fails fast when the store hangs."""

import asyncio
import math
import time
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

    `latest` is the record that the last of them wrote: what the next one compares with.
    """

    def __init__(self, fail_fast: FailFast) -> None:
        self.latest: Record | None = None
        self._fail_fast = fail_fast
        self._began_at = 0.0
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    @property
    def usable(self) -> bool:
        """Whether its event loop still exists: a lock cannot be used in another one."""
        return not self._loop.is_closed()

    async def __aenter__(self) -> Self:
        queued_at = time.monotonic()
        await self._lock.acquire()
        try:
            self._fail_fast.check(queued_at)
        except StoreUnavailableError:
            self._lock.release()
            raise
        self._began_at = time.monotonic()
        return self

    async def __aexit__(self, _type: object, error: object, _traceback: object) -> None:
        if isinstance(error, StoreUnavailableError):
            self._fail_fast.record_timeout(self._began_at)
        self._lock.release()
