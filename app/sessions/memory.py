"""Sessions in this process's memory: for one node, for development and for tests."""

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.sessions.errors import SessionExistsError, StoreFullError
from app.sessions.records import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Found,
    Gone,
    Lease,
    Record,
    Tombstone,
)
from app.sessions.store import SessionStore

MAX_SESSIONS = 100_000
_STALE = 64
"""Deadlines of ended sessions that are not worth a sweep."""


@dataclass(slots=True)
class _Entry:
    content: Record | Tombstone
    expires_at: float
    queued_at: float
    """The deadline under which the entry stands in the heap; its own may be later by now."""


class MemoryStore(SessionStore):
    """Keeps serialised records in a dict, so that it aliases nothing that Redis would not.

    Every verb first drops what has expired, at the cost of those entries alone. `max_sessions`
    bounds the number of entries: past it, new sessions are refused (StoreFullError) rather than
    somebody's live session dropped. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, *, max_sessions: int = MAX_SESSIONS, clock: Callable[[], float] = time.time
    ) -> None:
        self._max_sessions = max_sessions
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._deadlines: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """Count the entries, tombstones too."""
        self._now()
        return len(self._entries)

    async def create(
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None = None,
        created_at: float | None = None,
    ) -> Record:
        now = self._now()
        if key in self._entries:
            raise SessionExistsError(key)
        if len(self._entries) >= self._max_sessions:
            raise StoreFullError(f"the memory store is full ({self._max_sessions} sessions)")
        created = now if created_at is None else created_at
        record = Record(bytes(data), 1, created, created + absolute, owner)
        return _leased(record, now, self._put(key, record, min(now + idle, record.absolute_at)))

    async def load(self, key: str, *, idle: float | None = None) -> Found:
        now = self._now()
        entry = self._entries.get(key)
        if entry is None:
            return None
        if isinstance(entry.content, Tombstone):
            return entry.content
        self._extend(key, entry, entry.content, now, idle)
        return _leased(entry.content, now, entry)

    async def load_many(self, keys: Sequence[str]) -> list[Found]:
        self._now()
        entries = map(self._entries.get, keys)
        return [None if entry is None else entry.content for entry in entries]

    async def commit(
        self,
        key: str,
        version: int,
        data: bytes,
        *,
        idle: float | None = None,
        owner: str | None = None,
    ) -> CommitOutcome:
        now = self._now()
        entry = self._entries.get(key)
        if entry is None:
            return Gone()
        if isinstance(entry.content, Tombstone):
            return Gone(entry.content)
        if entry.content.version != version:
            return Conflict(_leased(entry.content, now, entry))
        last = entry.content
        record = Record(bytes(data), version + 1, last.created_at, last.absolute_at, owner)
        entry.content = record
        self._extend(key, entry, record, now, idle)
        return Committed(_leased(record, now, entry))

    async def end(
        self,
        key: str,
        reason: EndReason,
        *,
        keep: float,
        version: int | None = None,
        successor: str | None = None,
    ) -> CommitOutcome:
        now = self._now()
        entry = self._entries.get(key)
        if entry is None:
            return Gone()
        if isinstance(entry.content, Tombstone):
            return Gone(entry.content)
        last = _leased(entry.content, now, entry)
        if version is not None and last.version != version:
            return Conflict(last)
        self._put(key, Tombstone(reason, successor), now + keep)
        return Committed(last)

    async def delete(self, key: str) -> None:
        self._entries.pop(key, None)

    async def ping(self) -> None:
        return

    def _now(self) -> float:
        """Drop what has expired, and tell the time."""
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            queued_at, key = heapq.heappop(self._deadlines)
            entry = self._entries.get(key)
            if entry is None or entry.queued_at != queued_at:
                continue  # the deadline of something that was deleted or replaced
            if entry.expires_at <= now:
                del self._entries[key]
            else:
                self._queue(key, entry)
        return now

    def _put(self, key: str, content: Record | Tombstone, expires_at: float) -> _Entry:
        entry = self._entries[key] = _Entry(content, expires_at, expires_at)
        self._queue(key, entry)
        return entry

    def _queue(self, key: str, entry: _Entry) -> None:
        entry.queued_at = entry.expires_at
        heapq.heappush(self._deadlines, (entry.queued_at, key))
        if len(self._deadlines) > 2 * len(self._entries) + _STALE:
            self._sweep()

    def _sweep(self) -> None:
        """Drop the deadlines of entries that were deleted or replaced; they may be hours ahead."""
        self._deadlines = [(entry.queued_at, key) for key, entry in self._entries.items()]
        heapq.heapify(self._deadlines)

    def _extend(
        self, key: str, entry: _Entry, record: Record, now: float, idle: float | None
    ) -> None:
        if idle is None:
            return
        entry.expires_at = min(now + idle, record.absolute_at)
        if (
            entry.expires_at < entry.queued_at
        ):  # a later deadline waits for the earlier one to come up
            self._queue(key, entry)


def _leased(record: Record, now: float, entry: _Entry) -> Record:
    data, version, created_at, absolute_at, owner, _ = record  # _replace() takes four times as long
    return Record(data, version, created_at, absolute_at, owner, Lease(now, entry.expires_at))
