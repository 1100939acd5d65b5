"""Jobs of one socket run one after another, and beside those of all other sockets."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

logger = logging.getLogger(__name__)

Job = Callable[[], Awaitable[None]]

MAX_WAITING = 10_000


class Lanes:
    """A queue for each socket that has something to do, served by one task while it is not empty.

    Handling events inside the receive loop would keep their order, too, but a slow one would then
    hold up its socket's pongs.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, sid: str, job: Job) -> bool:
        """Run a job after all that were put before for this socket; False if too many are waiting."""
        lane = self._waiting.get(sid)
        if lane is None:
            lane = self._waiting[sid] = deque()
            task = asyncio.create_task(self._serve(sid, lane), name=f"lane {sid}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(lane) >= MAX_WAITING:
            return False
        lane.append(job)
        return True

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until all that was put has been done, but no longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def _serve(self, sid: str, lane: deque[Job]) -> None:
        while lane:
            try:
                await lane.popleft()()
            except Exception:
                logger.exception("a job of socket %s failed", sid)
        del self._waiting[sid]
