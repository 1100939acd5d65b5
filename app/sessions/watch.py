"""Notifies connections that are no sockets of Socket.IO when their session ends."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from ..aio.in_batches import in_batches
from .errors import StoreUnavailableError, UnreadableRecordError
from .ids import short
from .manager import SessionManager
from .models import EndReason, Gone, LoadResult, Record

logger = logging.getLogger(__name__)

OnEnd = Callable[[EndReason], None]

_MARGIN_SECONDS = 0.002
"""Time to wait after a deadline: the store's clock ticks in milliseconds, and ours is another."""
_RETRY_SECONDS = 1.0
_RECHECK_SECONDS = 0.1


class Stop(Protocol):
    """Whether this process was stopped, and has not checked its sessions since."""

    def check(self) -> bool:
        """Return True if so."""

    async def wait(self) -> bool:
        """Wait for a while until it has; return False if it has not."""


class SessionWatch:
    """Calls back when a session ends, on this node or another, or at its deadline.

    Args:
        manager: the sessions.
        interval: seconds after which a session is read in any case, for messages that were missed.
    """

    def __init__(self, manager: SessionManager, interval: float) -> None:
        self._manager = manager
        self._interval = interval
        self._watched: dict[str, dict[object, OnEnd]] = {}
        self._timers: dict[str, tuple[float, asyncio.Handle]] = {}
        """When the next check of a session is due: uvloop's handle for what is due at once does not say."""
        self._checks: set[asyncio.Task[None]] = set()
        self.stop: Stop | None = None
        manager.add_end_listener(self._ended)

    def add(self, key: str, on_end: OnEnd) -> object:
        """Call `on_end(reason)` once when a session ends; return what `discard` takes."""
        handle = object()
        self._watched.setdefault(key, {})[handle] = on_end
        if key not in self._timers:
            self._check_in(key, 0.0)  # it may have ended since it was loaded
        return handle

    def discard(self, key: str, handle: object) -> None:
        """Watch no longer; do nothing if it is not watched."""
        watched = self._watched.get(key, {})
        watched.pop(handle, None)
        if not watched:
            self._forget(key)

    async def check(self, key: str) -> None:
        """Read a session that may have ended, if anybody watches it."""
        if key not in self._watched:
            return
        try:
            found = await self._manager.find(key)
        except StoreUnavailableError:
            self._check_in(key, _RETRY_SECONDS)
        except UnreadableRecordError:
            self._check_in(key, self._interval)
        else:
            await self._apply(key, found)

    async def check_soon(self, key: str) -> None:
        """Do the same for what another node says: on a Cluster the tombstone may follow the message."""
        await self.check(key)
        if key in self._watched:
            self._check_in(key, _RECHECK_SECONDS)

    async def check_all(self) -> None:
        """Read all sessions that are watched; raise StoreUnavailableError if there is no reply for one.

        That one costs the others nothing.
        """
        unavailable: StoreUnavailableError | None = None
        async for error in in_batches(self._check_one, list(self._watched)):
            unavailable = unavailable or error
        if unavailable is not None:
            raise unavailable

    async def _check_one(self, key: str) -> StoreUnavailableError | None:
        try:
            await self._apply(key, await self._manager.find(key))
        except StoreUnavailableError as error:
            return error
        except UnreadableRecordError:
            pass  # that is no end
        return None

    async def checked(self) -> None:
        """Return at once, but after a stop of this process when it has checked its sessions."""
        while self.stop is not None and self.stop.check():
            await self.stop.wait()

    def close(self) -> None:
        """Watch nothing any more."""
        for key in list(self._watched):
            self._forget(key)
        for check in self._checks:
            check.cancel()

    async def _apply(self, key: str, found: LoadResult) -> None:
        if isinstance(found, Record):
            left = self._interval if found.lease is None else found.lease.seconds + _MARGIN_SECONDS
            self._check_in(key, min(left, self._interval))
        else:
            await self._ended(key, Gone(found).reason)

    async def _ended(self, key: str, reason: EndReason) -> None:
        watched = self._watched.get(key, {})
        self._forget(key)
        for on_end in watched.values():
            on_end(reason)

    def _check_in(self, key: str, seconds: float) -> None:
        """Check a session in so many seconds, or earlier if that is due already.

        A read that found it alive may be older than a message of its end.
        """
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if key in self._timers:
            due, timer = self._timers[key]
            if due <= at:
                return
            timer.cancel()
        self._timers[key] = at, loop.call_later(seconds, self._start_check, key)

    def _start_check(self, key: str) -> None:
        self._timers.pop(key, None)
        check = asyncio.get_running_loop().create_task(self._check_safely(key))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _check_safely(self, key: str) -> None:
        try:
            await self.check(key)
        except Exception:
            logger.exception("a session was not checked", extra={"session": short(key)})
            self._check_in(key, _RETRY_SECONDS)

    def _forget(self, key: str) -> None:
        self._watched.pop(key, None)
        if key in self._timers:
            _, timer = self._timers.pop(key)
            timer.cancel()
