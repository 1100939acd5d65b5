"""A gate for what grows while it is held: who is inside can always finish."""

import asyncio
from collections.abc import Hashable


class GrowingGate:
    """Bounds the bytes that the holders of one key have together.

    Each holder asks for its bytes piece by piece. The oldest one gets them all, beyond the limit, so that
    not all of them wait for each other; whoever holds something goes before newcomers.

    Args:
        limit: bytes that are held for one key.
        patience: seconds after which the first that waits gets its bytes all the same, as others may
            hold theirs for ever.
    """

    def __init__(self, limit: int, patience: float) -> None:
        self._limit = limit
        self._patience = patience
        self._keys: dict[str, _Key] = {}

    async def grow(self, key: str, holder: Hashable, size: int) -> None:
        """Hold so many bytes more; wait for room. `release` ends the wait, too."""
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = _Key(self._limit, self._patience)
        if state.has_room(holder, size) and (holder in state.held or not state.waiting):
            state.add(holder, size)
            return
        try:
            await state.wait(holder, size)
        except asyncio.CancelledError:
            self.release(key, holder)
            raise

    def release(self, key: str, holder: Hashable) -> None:
        """Hold none of a holder's bytes any longer."""
        state = self._keys.get(key)
        if state is None:
            return
        state.remove(holder)
        state.let_in()
        if not state.held and not state.waiting:
            del self._keys[key]


class _Key:
    """What is held for one key, oldest first, and who waits for more."""

    __slots__ = ("_limit", "_patience", "_timer", "held", "total", "waiting")

    def __init__(self, limit: int, patience: float) -> None:
        self._limit = limit
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self.held: dict[Hashable, int] = {}
        self.total = 0
        self.waiting: dict[Hashable, tuple[int, asyncio.Future[None]]] = {}

    def has_room(self, holder: Hashable, size: int) -> bool:
        """Return True if a holder may have so many bytes more."""
        return self.total + size <= self._limit or next(iter(self.held), holder) == holder

    def add(self, holder: Hashable, size: int) -> None:
        """Count bytes of a holder."""
        self.held[holder] = self.held.get(holder, 0) + size
        self.total += size

    def remove(self, holder: Hashable) -> None:
        """Count the bytes of a holder no longer, and end its wait."""
        self.total -= self.held.pop(holder, 0)
        _, turn = self.waiting.pop(holder, (0, None))
        if turn is not None and not turn.done():
            turn.set_result(None)

    async def wait(self, holder: Hashable, size: int) -> None:
        """Wait for room."""
        turn = asyncio.get_running_loop().create_future()
        self.waiting[holder] = size, turn
        if self._timer is None:
            self._restart_clock()
        await turn

    def let_in(self) -> None:
        """Grant their bytes to those that have room: holders first, then newcomers in order."""
        for holder in [each for each in self.waiting if each in self.held]:
            if self.has_room(holder, self.waiting[holder][0]):
                self._give(holder)
        for holder in [each for each in self.waiting if each not in self.held]:
            if not self.has_room(holder, self.waiting[holder][0]):
                break
            self._give(holder)
        if not self.waiting:
            self._restart_clock()

    def _give(self, holder: Hashable) -> None:
        size, turn = self.waiting.pop(holder)
        if not turn.done():
            self.add(holder, size)
            turn.set_result(None)
            self._restart_clock()

    def _give_first(self) -> None:
        if self.waiting:
            self._give(next(iter(self.waiting)))
        self._restart_clock()

    def _restart_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._patience, self._give_first)
