"""What is left to do at the end of a turn of the event loop, by one callback."""

import asyncio
from collections.abc import Callable

Work = Callable[[], None]


class TurnEnd:
    """Calls functions at the end of the turn in which they were added, in that order.

    A callback of the event loop for each would cost several times as much.
    """

    __slots__ = ("_loop", "_works")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._works: list[Work] = []

    def add(self, work: Work) -> None:
        """Call a function at the end of this turn; needs a running event loop, always the same."""
        if not self._works:
            loop = self._loop = self._loop or asyncio.get_running_loop()
            loop.call_soon(self._run, loop)
        self._works.append(work)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        works, self._works = self._works, []
        for work in works:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - as the event loop does for its callbacks
                loop.call_exception_handler(
                    {"message": "Exception at the end of a turn", "exception": error}
                )
