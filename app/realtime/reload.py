"""The background task that reloads every moored session, so that nothing is missed for good."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from app.realtime.metrics import RELOAD, RELOAD_LAG, RELOADED
from app.sessions import StoreUnavailableError

logger = logging.getLogger(__name__)

CHUNK = 500

Reload = Callable[[Sequence[str]], Awaitable[None]]


class ReloadTask:
    """Calls `reload` with all of `keys()` once an interval, at most 500 at a time, spread over it."""

    def __init__(self, keys: Callable[[], list[str]], reload: Reload, *, interval: float) -> None:
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
        while True:
            due = time.monotonic() + self._interval
            keys = self._keys()
            chunks = [keys[at : at + CHUNK] for at in range(0, len(keys), CHUNK)]
            pause = self._interval / max(1, len(chunks))
            for chunk in chunks or [[]]:
                await asyncio.sleep(pause)
                await self._reload_chunk(chunk)
            RELOAD_LAG.set(max(0.0, time.monotonic() - due))

    async def _reload_chunk(self, keys: list[str]) -> None:
        if not keys:
            return
        try:
            with RELOAD.time():
                await self._reload(keys)
            RELOADED.inc(len(keys))
        except StoreUnavailableError as error:
            logger.warning("%d sessions were not reloaded: %s", len(keys), error)
        except Exception:
            logger.exception("%d sessions were not reloaded", len(keys))
