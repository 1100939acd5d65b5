"""A few places for each key, and a queue for them."""

from collections import deque
from collections.abc import Callable

Granted = Callable[[], None]


class Slots:
    """So many places for each key; who finds none waits in order.

    Nothing is kept of a key of which no place is taken.

    Args:
        count: places of each key.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[Granted]] = {}

    def take(self, key: str, granted: Granted) -> bool:
        """Take a place, or return False and have `granted` called when one was taken for the caller."""
        taken = self._taken.get(key, 0)
        if taken >= self._count:
            self._waiting.setdefault(key, deque()).append(granted)
            return False
        self._taken[key] = taken + 1
        return True

    def give(self, key: str) -> None:
        """Release a place, or pass it to the first that waits for it."""
        waiting = self._waiting.get(key)
        if waiting:
            granted = waiting.popleft()
            if not waiting:
                del self._waiting[key]
            granted()
            return
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]

    def forget(self, key: str, granted: Granted) -> None:
        """Wait no longer."""
        waiting = self._waiting.get(key)
        if waiting and granted in waiting:
            waiting.remove(granted)
            if not waiting:
                del self._waiting[key]
