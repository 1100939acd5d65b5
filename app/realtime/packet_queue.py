"""What waits to be sent to one client: asyncio's queue, as far as it is needed, at a tenth of its size."""

import asyncio
from collections import deque
from typing import Any


class PacketQueue:
    """Has no bound, and costs next to nothing while it is empty; thousands of them are.

    Of several who wait, the first is served first. Nothing that was put is lost when one of them is
    cancelled.
    """

    __slots__ = ("_items", "_loop", "_waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Any] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return self._items is None

    def put_nowait(self, item: Any) -> None:
        """Add an item."""
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        self._wake()

    def get_nowait(self) -> Any:
        """Take the oldest item; raises asyncio.QueueEmpty if there is none."""
        if self._items is None:
            raise asyncio.QueueEmpty
        item = self._items.popleft()
        if not self._items:
            self._items = None
        return item

    async def put(self, item: Any) -> None:
        """Add an item; never waits."""
        self.put_nowait(item)

    async def get(self) -> Any:
        """Wait for an item, and take it."""
        while self._items is None:
            await self._wait()
        return self.get_nowait()

    def task_done(self) -> None:
        """Do nothing: nobody waits for that."""

    async def _wait(self) -> None:
        waiter = self._loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self._forget(waiter)
            raise

    def _forget(self, waiter: "asyncio.Future[None]") -> None:
        """Leave the line; who had been woken already wakes the next one."""
        if self._waiters is not None and waiter in self._waiters:
            self._waiters.remove(waiter)
            self._waiters = self._waiters or None
        elif self._items is not None:
            self._wake()

    def _wake(self) -> None:
        while self._waiters is not None:
            waiter = self._waiters.pop(0)
            self._waiters = self._waiters or None
            if not waiter.done():
                waiter.set_result(None)
                return
