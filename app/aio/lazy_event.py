"""An event that takes next to no memory while it is set."""

import asyncio


class LazyEvent:
    """asyncio.Event, but set at first, and without a queue of waiters while it is set."""

    __slots__ = ("_loop", "_opened")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        """Return True if `wait` returns at once."""
        return self._opened is None

    def set(self) -> None:
        """Release all that wait."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.set_result(None)

    def clear(self) -> None:
        """Make `wait` wait from now on."""
        if self._opened is None:
            self._opened = self._loop.create_future()

    async def wait(self) -> None:
        """Wait until it is set."""
        while self._opened is not None:
            await asyncio.shield(self._opened)  # one cancelled waiter must not cancel the others
