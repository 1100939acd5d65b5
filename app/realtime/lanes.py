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
        self._lanes: dict[str, _Lane] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, sid: str, job: Job) -> bool:
        """Run a job after all that were put before for this socket; False if too many are waiting."""
        lane = self._lanes.get(sid)
        if lane is None:
            lane = self._lanes[sid] = _Lane(job)
            # asyncio.create_task() looks for the loop, below Python 3.12 with a system call.
            loop = self._loop = self._loop or asyncio.get_running_loop()
            lane.task = loop.create_task(self._serve(sid, lane))
        elif lane.waiting is None:
            lane.waiting = deque([job])
        elif len(lane.waiting) < MAX_WAITING:
            lane.waiting.append(job)
        else:
            return False
        return True

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until all that was put has been done, but no longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while tasks := [lane.task for lane in self._lanes.values() if lane.task]:
                    await asyncio.wait(tasks)

    async def _serve(self, sid: str, lane: "_Lane") -> None:
        job: Job | None = lane.first
        try:
            while job is not None:
                await _do(sid, job)
                job = lane.waiting.popleft() if lane.waiting else None
        finally:
            del self._lanes[sid]


class _Lane:
    """The first job, the task that is at it, and what waits behind it: mostly nothing."""

    __slots__ = ("first", "task", "waiting")

    def __init__(self, first: Job) -> None:
        self.first = first
        self.task: asyncio.Task[None] | None = None
        self.waiting: deque[Job] | None = None


async def _do(sid: str, job: Job) -> None:
    try:
        await job()
    except Exception:
        logger.exception("a job of socket %s failed", sid)
