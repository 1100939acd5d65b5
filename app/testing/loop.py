"""The event loop of a node: on a fake clock, in turn with those of the other nodes, and it can be held.

All of it goes by what asyncio documents: an event loop has a `time` of its own, and is given its selector,
which it asks whenever it has run what was ready.
"""

import asyncio
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from typing import Any


class TurnSelector(selectors.DefaultSelector):
    """Lets one event loop of several run at a time, and detects when its own has nothing to do.

    The memory store and the bus are shared: nodes in threads of their own would change them in the midst of
    each other's turns, as no two clients of a server could.

    Args:
        turn: is held by the loop that runs.
    """

    def __init__(self, turn: threading.Lock) -> None:
        super().__init__()
        self._turn = turn
        self._may_run = threading.Event()
        self._may_run.set()
        self.on_idle: list[Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready to be read or written, when it is this loop's turn again."""
        if timeout is None or timeout > 0:
            waiting, self.on_idle = self.on_idle, []
            for each in waiting:
                if not each.done():
                    each.set_result(None)
        self._turn.release()
        try:
            return super().select(timeout)
        finally:
            self._take_turn()

    def _take_turn(self) -> None:
        """Wait until the loop may run, and for its turn; by then it may have been held."""
        self._turn.acquire()
        while not self._may_run.is_set():
            self._turn.release()
            self._may_run.wait()
            self._turn.acquire()

    def hold(self) -> None:
        """Stop the loop at the end of its turn; return when that is over."""
        with self._turn:
            self._may_run.clear()

    def release(self) -> None:
        """Resume the loop."""
        self._may_run.set()


class NodeLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock.

    Args:
        now: returns seconds of a clock that never goes back.
        turn: is held by the loop that runs.

    Attributes:
        turns: holds and releases it.
        handed_in: how many calls have come from other threads.
    """

    def __init__(self, now: Callable[[], float], turn: threading.Lock) -> None:
        self._now = now
        self.handed_in = 0
        self.turns = TurnSelector(turn)
        super().__init__(self.turns)

    def time(self) -> float:
        """Return the time by which its timers go."""
        return self._now()

    def call_soon_threadsafe(  # type: ignore[override] # its types differ between versions
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call a function in the loop's thread."""
        self.handed_in += 1
        return super().call_soon_threadsafe(callback, *args, context=context)

    def idle(self) -> "Future[None]":
        """Return what is done when the loop has nothing to do but to wait; not counted as handed in."""
        found: Future[None] = Future()
        super().call_soon_threadsafe(self._note_idle, found)
        return found

    def _note_idle(self, found: "Future[None]") -> None:
        self.turns.on_idle.append(found)
