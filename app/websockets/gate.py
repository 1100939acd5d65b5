"""A gate that costs next to nothing while it is open."""

import asyncio


class Gate:
    """asyncio.Event, but that it holds nothing while nobody waits."""

    __slots__ = ("_loop", "_opened")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        """Tell whether it lets everybody through."""
        return self._opened is None

    def set(self) -> None:
        """Let everybody through."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.set_result(None)

    def clear(self) -> None:
        """Have everybody wait from now on."""
        if self._opened is None:
            self._opened = self._loop.create_future()

    async def wait(self) -> None:
        """Wait until it is set."""
        while self._opened is not None:
            await asyncio.shield(self._opened)  # who is cancelled leaves it to the others
