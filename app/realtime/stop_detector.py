"""Detects that this node was stopped, and makes it check its sessions before it does anything else."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial

from ..aio.tasks import AnyTask, cancel, is_running
from ..asgi.errors import ServiceUnavailableError
from ..sessions import StoreUnavailableError
from .metrics import STOPS

logger = logging.getLogger(__name__)

Reload = Callable[[], Awaitable[None]]

TICK_SECONDS = 0.5
TOLERANCE_SECONDS = 2.0
"""A node that has done nothing for longer was stopped; what a busy event loop lacks is less."""
WAIT_SECONDS = 1.5
"""How long an event waits for the reload: its error ack is to come within two seconds."""

_RETRY_SECONDS = 0.1
"""A connection that was lost meanwhile costs the first attempt."""


running_time: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Returns seconds of a clock that goes on while the machine sleeps, where there is one."""


class StopDetector:
    """Detects that the process has not run for a while: SIGSTOP, a frozen container, a machine asleep.

    Meanwhile sessions have ended without notice. Until all of this node's were checked, no event is
    handled and what is sent to sockets is held.

    Args:
        reload: reads all sessions of this node, and disconnects the sockets of those that have ended.
            It is repeated while the store is unavailable.
        on_over: called when all were checked.
        clock: returns seconds.

    Attributes:
        stopped_for: seconds of the stop that is being handled; 0 if there is none.
    """

    def __init__(
        self,
        reload: Reload,
        on_over: Callable[[], None],
        *,
        clock: Callable[[], float] = running_time,
    ) -> None:
        self.stopped_for = 0.0
        self._reload = reload
        self._on_over = on_over
        self._clock = clock
        self._seen_at: float | None = None
        self._ticks: AnyTask | None = None
        self._reloading: AnyTask | None = None
        self._over = asyncio.Event()

    def start(self) -> None:
        """Start; needs a running event loop."""
        self._seen_at = self._clock()
        self._ticks = asyncio.create_task(self._tick(), name="stop detector")

    async def aclose(self) -> None:
        """Stop. May be called twice."""
        self._seen_at = None
        await cancel(self._ticks, self._reloading)

    def check(self) -> bool:
        """Return True if the node was stopped, and its sessions were not all checked since."""
        seen_at = self._seen_at
        if seen_at is None:
            return False
        stopped_for = self._clock() - seen_at
        if stopped_for > TOLERANCE_SECONDS:
            self._seen_at = seen_at + stopped_for
            self._begin(stopped_for)
        return self.stopped_for > 0

    async def wait(self) -> bool:
        """Wait until they were checked; return False if that takes too long."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.check()
            self._seen_at = self._clock()

    def _begin(self, stopped_for: float) -> None:
        self.stopped_for = max(self.stopped_for, stopped_for)
        self._over.clear()
        STOPS.inc()
        logger.warning(
            "this node was stopped: its sessions are looked at first",
            extra={"seconds": round(stopped_for, 1)},
        )
        if is_running(self._reloading):
            self._reloading.cancel()
        self._reloading = asyncio.create_task(
            self._run(),
            name="reload after a stop",
            context=Context(),  # not that of the request or event that came first
        )

    async def _run(self) -> None:
        while True:
            if await self._has_reloaded():
                break
            await asyncio.sleep(_RETRY_SECONDS)
        self.stopped_for = 0.0
        self._over.set()
        self._on_over()

    async def _has_reloaded(self) -> bool:
        try:
            await self._reload()
        except (StoreUnavailableError, ServiceUnavailableError):
            return False
        except Exception:
            logger.exception("sessions were not looked at after a stop")
        return True
