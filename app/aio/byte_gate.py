"""A gate that lets in so many bytes for each key; what finds no room waits in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial


class ByteGate:
    """Bounds what is held at once, but keeps nobody waiting for what is held for ever.

    Args:
        limit: bytes that may be held for one key. What is larger is let in alone.
        patience: seconds after which the first that waits is let in all the same.
    """

    def __init__(self, limit: int, patience: float) -> None:
        self._limit = limit
        self._patience = patience
        self._held: dict[str, int] = {}
        self._waiting: dict[str, _Queue] = {}

    @asynccontextmanager
    async def hold(self, key: str, size: int) -> AsyncIterator[None]:
        """Hold so many bytes during the block, which begins when there is room."""
        await self.enter(key, size)
        try:
            yield
        finally:
            self.leave(key, size)

    async def enter(self, key: str, size: int) -> None:
        """Hold so many bytes until `leave`; wait for room."""
        if key in self._waiting or not self._has_room(key, size):
            await self._wait(key, size)
        else:
            self._add(key, size)

    def leave(self, key: str, size: int) -> None:
        """Hold them no longer."""
        self._add(key, -size)
        self._let_in(key)

    def _add(self, key: str, size: int) -> None:
        held = self._held.get(key, 0) + size
        if held:
            self._held[key] = held
        else:
            self._held.pop(key, None)

    def _has_room(self, key: str, size: int) -> bool:
        held = self._held.get(key, 0)
        return not held or held + size <= self._limit

    async def _wait(self, key: str, size: int) -> None:
        loop = asyncio.get_running_loop()
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = _Queue()
            self._time(key, queue)
        turn = loop.create_future()
        queue.entries.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._call_off(key, queue, size, turn)
            raise

    def _call_off(self, key: str, queue: "_Queue", size: int, turn: "asyncio.Future[None]") -> None:
        """Undo a wait that was cancelled, or that had ended just before."""
        if turn.done() and not turn.cancelled():
            self.leave(key, size)
        elif (size, turn) in queue.entries:
            queue.entries.remove((size, turn))
            self._let_in(key)

    def _let_in(self, key: str, *, at_once: bool = False) -> None:
        """Admit those that have room, in order; the first one `at_once`."""
        queue = self._waiting.get(key)
        if queue is None:
            return
        while queue.entries and (at_once or self._has_room(key, queue.entries[0][0])):
            size, turn = queue.entries.popleft()
            if not turn.done():
                at_once = False
                self._add(key, size)
                turn.set_result(None)
                self._time(key, queue)
        if not queue.entries:
            queue.stop()
            del self._waiting[key]

    def _time(self, key: str, queue: "_Queue") -> None:
        queue.stop()
        loop = asyncio.get_running_loop()
        queue.timer = loop.call_later(self._patience, partial(self._let_in, key, at_once=True))


class _Queue:
    """Who waits for one key, and the clock of the first of them."""

    __slots__ = ("entries", "timer")

    def __init__(self) -> None:
        self.entries: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Stop the clock."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
