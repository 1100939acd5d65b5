"""The index of users' sessions in this process's memory."""

from collections.abc import Callable

from .user_index import UserIndex

_FEW = 1024


class MemoryIndex(UserIndex):
    """Keeps the entries of each name in a dict.

    Args:
        clock: returns seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._index_clock = clock
        self._names: dict[str, dict[str, float]] = {}
        self._sweep_names_at = _FEW

    async def add_to_index(self, name: str, key: str, *, keep: float) -> float:
        now = self._index_clock()
        if len(self._names) >= self._sweep_names_at:
            self._sweep_names(now)
        entries = self._names[name] = _living(self._names.get(name, {}), now)
        entries[key] = max(now + keep, entries.get(key, 0.0))
        return now

    async def remove_from_index(self, name: str, key: str) -> None:
        entries = self._names.get(name, {})
        entries.pop(key, None)
        if not entries:
            self._names.pop(name, None)

    async def read_index(self, name: str) -> list[str]:
        return list(_living(self._names.get(name, {}), self._index_clock()))

    def _sweep_names(self, now: float) -> None:
        """Forget the names of those who never came back; again when there are twice as many."""
        living = {name: _living(entries, now) for name, entries in self._names.items()}
        self._names = {name: entries for name, entries in living.items() if entries}
        self._sweep_names_at = max(_FEW, 2 * len(self._names))


def _living(entries: dict[str, float], now: float) -> dict[str, float]:
    return {key: until for key, until in entries.items() if until > now}
