"""A queue of packets for one client, at a tenth of the size of asyncio.Queue."""

import asyncio
from collections import deque
from typing import Any


class PacketQueue:
    """An unbounded queue that takes next to no memory while it is empty, as thousands of them are.

    Waiters are served in order. No item is lost when one of them is cancelled.
    """

    __slots__ = ("_items", "_loop", "_waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Any] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None

    def empty(self) -> bool:
        """Return True if there is no item."""
        return self._items is None

    def is_awaited(self) -> bool:
        """Return True if somebody waits for the next item."""
        return self._waiters is not None and self._items is None

    def put_nowait(self, item: Any) -> None:
        """Add an item."""
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        self._wake()

    def get_nowait(self) -> Any:
        """Remove and return the oldest item; raise asyncio.QueueEmpty if there is none."""
        if self._items is None:
            raise asyncio.QueueEmpty
        item = self._items.popleft()
        if not self._items:
            self._items = None
        return item

    async def get(self) -> Any:
        """Wait for an item, remove it and return it."""
        while self._items is None:
            waiter = self._add_waiter()
            try:
                await waiter
            except asyncio.CancelledError:
                self._remove_waiter(waiter)
                raise
        return self.get_nowait()

    def _add_waiter(self) -> "asyncio.Future[None]":
        waiter = self._loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        return waiter

    def _remove_waiter(self, waiter: "asyncio.Future[None]") -> None:
        """Remove a waiter; if it had been woken already, wake the next one."""
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
