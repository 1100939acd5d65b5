"""The background task that reloads every session that has sockets on this node."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from ..sessions import StoreUnavailableError
from .metrics import RELOAD, RELOAD_LAG, RELOADED
from .registry import SLOTS

logger = logging.getLogger(__name__)

CHUNK = 500

Reload = Callable[[Sequence[str]], Awaitable[None]]


class ReloadTask:
    """Calls `reload` with all keys once an interval, at most 500 at a time, spread over it.

    Each key has a fixed slot of the interval: so two reloads of one session, or its first connect and
    the first reload, are never further apart than an interval.

    Args:
        keys: returns the keys in a slot.
        reload: reloads sessions by their keys.
        interval: in seconds.
    """

    def __init__(
        self, keys: Callable[[int], list[str]], reload: Reload, *, interval: float
    ) -> None:
        self._keys = keys
        self._reload = reload
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start; needs a running event loop."""
        self._task = asyncio.create_task(self._run(), name="reload")

    async def aclose(self) -> None:
        """Stop. May be called twice."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        due = now()
        while True:
            for slot in range(SLOTS):
                due += self._interval / SLOTS
                await asyncio.sleep(max(0.0, due - now()))
                await self._reload_slot(slot)
            late = max(0.0, now() - due)
            RELOAD_LAG.set(late)
            due += late  # a late round does not shorten the next one

    async def _reload_slot(self, slot: int) -> None:
        keys = self._keys(slot)
        for start in range(0, len(keys), CHUNK):
            await self._reload_chunk(keys[start : start + CHUNK])

    async def _reload_chunk(self, keys: list[str]) -> None:
        started_at = time.perf_counter()
        try:
            await self._reload(keys)
            RELOADED.inc(len(keys))
        except StoreUnavailableError as error:
            logger.warning("reload of %d sessions failed: %s", len(keys), error)
        except Exception:
            logger.exception("reload of %d sessions failed", len(keys))
        finally:
            RELOAD.observe(time.perf_counter() - started_at)
