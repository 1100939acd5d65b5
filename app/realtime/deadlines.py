"""A queue of believed deadlines, with one timer for the earliest."""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from app.realtime.metrics import DEADLINE_LAG

logger = logging.getLogger(__name__)

Due = Callable[[list[str]], Awaitable[None]]


class Deadlines:
    """Calls `due` with the keys whose time has come.

    A deadline is only believed: requests on any node push it back without telling. So `due` is to
    look, and to note the later one. Times are the event loop's; the last note of a key counts.
    """

    def __init__(self, due: Due) -> None:
        self._due = due
        self._believed: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Count the keys that are waited for."""
        return len(self._believed)

    def note(self, key: str, seconds: float) -> None:
        """Believe that a session ends in so many seconds."""
        at = asyncio.get_running_loop().time() + seconds
        self._believed[key] = at
        heapq.heappush(self._heap, (at, key))
        self._compact()
        if self._heap[0] == (at, key):
            self._wait()

    def forget(self, key: str) -> None:
        """Wait for a key no longer. If it is not waited for, this does nothing."""
        self._believed.pop(key, None)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._believed.clear()
        self._heap.clear()
        if self._timer:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _wait(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._heap:
            self._timer = asyncio.get_running_loop().call_at(
                self._heap[0][0],
                self._wake,
                context=Context(),  # not that of the request which happened to note it
            )

    def _wake(self) -> None:
        now = asyncio.get_running_loop().time()
        keys = []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._believed.get(key) == at:
                DEADLINE_LAG.observe(now - at)
                del self._believed[key]
                keys.append(key)
        self._wait()
        if keys:
            task = asyncio.create_task(self._run(keys), name="deadlines")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, keys: list[str]) -> None:
        try:
            await self._due(keys)
        except Exception:
            logger.exception("looking after sessions whose time has come failed; the reload will")

    def _compact(self) -> None:
        """Drop what was noted anew, once that is the larger part."""
        if len(self._heap) > 2 * len(self._believed) + 64:
            self._heap = [(at, key) for key, at in self._believed.items()]
            heapq.heapify(self._heap)
            self._wait()
