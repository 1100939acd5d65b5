"""Runs the jobs of one socket one after another, and those of different sockets side by side."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any

from .eager import EagerRunner

logger = logging.getLogger(__name__)

Job = Callable[[], Awaitable[None]]


class SerialExecutor:
    """A queue of jobs for each socket, served by one task while it is not empty.

    Handling events in the receive loop would keep their order, too, but a slow one would then delay
    its socket's pongs.

    Args:
        max_waiting: jobs of one socket that may wait behind the one that runs.
        max_waiting_bytes: what they may take together before `is_full`.
        slice_seconds: for how long jobs of one socket run before others have their turn.
    """

    def __init__(
        self,
        *,
        max_waiting: int,
        max_waiting_bytes: int = 1_000_000,
        slice_seconds: float = 0.001,
    ) -> None:
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._slice_seconds = slice_seconds
        self._queues: dict[str, _SerialQueue] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._eager = EagerRunner()
        self._unused: _SerialQueue | None = None

    def is_busy(self, sid: str) -> bool:
        """Return True if a job of this socket is running or waits."""
        return sid in self._queues

    def is_full(self, sid: str) -> bool:
        """Return True if the jobs that wait for this socket take too many bytes."""
        queue = self._queues.get(sid)
        return queue is not None and queue.bytes > self._max_waiting_bytes

    async def until(self, sid: str, max_bytes: int) -> None:
        """Wait until the jobs that wait for this socket take no more bytes than that."""
        while (queue := self._queues.get(sid)) is not None and queue.bytes > max_bytes:
            await queue.shrunk_to(max_bytes)

    def put(self, sid: str, job: Job, size: int = 0, *, always: bool = False) -> bool:
        """Run a job after all that were put before for this socket.

        Return False if too many wait, unless it is `always` to be run.

        Args:
            sid: the socket.
            job: what is awaited, if its turn comes.
            size: bytes that it takes until it begins.
            always: run it however many wait.
        """
        queue = self._queues.get(sid)
        if queue is None:
            queue = self._queues[sid] = _SerialQueue()
            queue.first = (job, size)
            # asyncio.create_task() looks up the loop, below Python 3.12 with a system call.
            loop = self._loop = self._loop or asyncio.get_running_loop()
            queue.task = loop.create_task(self._serve(sid, queue))
        elif queue.waiting is None:
            queue.waiting = deque([(job, size)])
        elif always or len(queue.waiting) < self._max_waiting:
            queue.waiting.append((job, size))
        else:
            return False
        queue.bytes += size
        return True

    def run_now(self, sid: str, job: Coroutine[Any, Any, None], variables: Context) -> None:
        """Run a job of a socket that is not busy, up to its first wait at once.

        Args:
            sid: the socket.
            job: a coroutine.
            variables: the context that a copy of is its own.
        """
        queue = self._unused or _SerialQueue()
        self._unused = None
        self._queues[sid] = queue
        loop = self._loop = self._loop or asyncio.get_running_loop()
        queue.task = self._eager.run(loop, self._serve_first(sid, queue, job), variables.copy())
        if queue.task is None:
            self._unused = queue

    def close(self) -> None:
        """End the task that waits for jobs that are to run at once. May be called twice."""
        self._eager.close()

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until all jobs are done, but no longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while tasks := [queue.task for queue in self._queues.values() if queue.task]:
                    await asyncio.wait(tasks)

    async def _serve_first(
        self, sid: str, queue: "_SerialQueue", job: Coroutine[Any, Any, None]
    ) -> None:
        """Run a job, and what was put behind it meanwhile."""
        try:
            try:
                await job
            except Exception:
                logger.exception("job failed")
            if queue.waiting:
                await self._serve_all(queue)
        finally:
            del self._queues[sid]
            if queue.bytes:
                queue.begun(queue.bytes)

    async def _serve(self, sid: str, queue: "_SerialQueue") -> None:
        try:
            await self._serve_all(queue)
        finally:
            del self._queues[sid]
            queue.begun(queue.bytes)

    async def _serve_all(self, queue: "_SerialQueue") -> None:
        until = time.monotonic() + self._slice_seconds
        while (entry := queue.next()) is not None:
            job, size = entry
            queue.begun(size)
            await _run(job)
            del job, entry  # they may hold a lot
            if queue.waiting and time.monotonic() >= until:
                await asyncio.sleep(0)
                until = time.monotonic() + self._slice_seconds


class _SerialQueue:
    """The job that runs first, the task that runs it, and what waits behind it: mostly nothing.

    `bytes` is what those take that have not begun.
    """

    __slots__ = ("_shrunk", "_wanted", "bytes", "first", "task", "waiting")

    def __init__(self) -> None:
        self.first: tuple[Job, int] | None = None
        self.task: asyncio.Task[None] | None = None
        self.waiting: deque[tuple[Job, int]] | None = None
        self.bytes = 0
        self._shrunk: asyncio.Future[None] | None = None
        self._wanted = 0

    def next(self) -> tuple[Job, int] | None:
        """Remove and return the job whose turn it is, with its size; None if there is none."""
        entry, self.first = self.first, None
        if entry is None and self.waiting:
            return self.waiting.popleft()
        return entry

    def begun(self, size: int) -> None:
        """Count the bytes of a job that does not wait any more no longer."""
        self.bytes -= size
        if self._shrunk is not None and self.bytes <= self._wanted:
            if not self._shrunk.done():
                self._shrunk.set_result(None)
            self._shrunk = None

    async def shrunk_to(self, wanted: int) -> None:
        """Wait until the jobs take no more bytes than that, or than another caller wants."""
        if self._shrunk is None:
            self._shrunk, self._wanted = asyncio.get_running_loop().create_future(), wanted
        self._wanted = max(self._wanted, wanted)
        await asyncio.shield(self._shrunk)


async def _run(job: Job) -> None:
    try:
        await job()
    except Exception:
        logger.exception("job failed")
