"""A queue of expected deadlines, with one timer for the earliest."""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from .metrics import DEADLINE_LAG

logger = logging.getLogger(__name__)

Due = Callable[[list[str]], Awaitable[None]]


class Deadlines:
    """Calls `due` with the keys whose deadline has come.

    A deadline is only expected: requests on any node extend it without notice. So `due` has to check
    it, and to note the later one. The last note of a key counts.

    Args:
        due: awaited in a task with the keys that are due together.
    """

    def __init__(self, due: Due) -> None:
        self._due = due
        self._expected: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._expected)

    def note(self, key: str, seconds: float) -> None:
        """Expect the deadline of a key in so many seconds."""
        at = asyncio.get_running_loop().time() + seconds
        self._expected[key] = at
        heapq.heappush(self._heap, (at, key))
        self._compact()
        if self._heap[0] == (at, key):
            self._wait()

    def forget(self, key: str) -> None:
        """Drop a key. If it was not noted, this does nothing."""
        self._expected.pop(key, None)

    def close(self) -> None:
        """Drop all keys, and cancel what is running."""
        self._expected.clear()
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
                context=Context(),  # not the one of the request that noted it
            )

    def _wake(self) -> None:
        now = asyncio.get_running_loop().time()
        keys = []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._expected.get(key) == at:
                DEADLINE_LAG.observe(now - at)
                del self._expected[key]
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
            logger.exception("checking sessions at their deadline failed")

    def _compact(self) -> None:
        """Drop replaced deadlines once they are the larger part of the heap."""
        if len(self._heap) > 2 * len(self._expected) + 64:
            self._heap = [(at, key) for key, at in self._expected.items()]
            heapq.heapify(self._heap)
            self._wait()
