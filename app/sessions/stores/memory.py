"""Sessions in this process's memory: for one node, for development and for tests."""

import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..changes import EMPTY
from ..errors import SessionExistsError, StoreFullError, TooLateError
from ..models import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Gone,
    Lease,
    LoadResult,
    Record,
    Tombstone,
)
from .answers import LIMITS, Answer, AnswerLimits, AnswerStore, NoRoom, Once
from .base import SessionStore
from .memory_answers import Answers
from .memory_index import MemoryIndex
from .memory_room import Room

MAX_SESSIONS = 100_000
_RESERVE = 10
"""The part of the store's size, a tenth, that only rotations may use beyond it."""
_new = tuple.__new__
_STALE = 64
"""Deadlines of ended sessions that are kept before they are swept."""


@dataclass(slots=True)
class _Entry:
    content: Record | Tombstone
    expires_at: float
    queued_at: float = 0.0
    """Its deadline in the heap; its own may be later by now."""


class MemoryStore(SessionStore, MemoryIndex, AnswerStore):
    """Keeps serialised records in a dict, so that it aliases nothing that Redis would not.

    Every verb first removes what has expired, at the cost of those entries alone.

    Args:
        max_sessions: entries that are kept, tombstones included. Beyond it anonymous sessions that
            nothing was ever stored in, and that were not used for some seconds, make room, the longest
            unused first. If there are none new sessions are refused with StoreFullError, rather than
            others evicted. The rotation of a session is not refused: it takes the room of any of these,
            of the oldest tombstone, or of a reserve of a tenth.
        clock: returns seconds since the epoch.
    """

    def __init__(
        self, *, max_sessions: int = MAX_SESSIONS, clock: Callable[[], float] = time.time
    ) -> None:
        MemoryIndex.__init__(self, clock)
        self._max_sessions = max_sessions
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._room = Room()
        self._tombstones: OrderedDict[str, None] = OrderedDict()
        self._answers: dict[str, Answers] = {}

    def __len__(self) -> int:
        """Count the entries, tombstones too."""
        self._now()
        return len(self._entries)

    async def create(  # noqa: PLR0913 - what a record has
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None = None,
        created_at: float | None = None,
        predecessor: str | None = None,
        until: float | None = None,
    ) -> Record:
        now = self._now()
        if key in self._entries:
            raise SessionExistsError(key)
        if until is not None and now >= until:
            raise TooLateError("the time to create this record is over")
        if len(self._entries) >= self._max_sessions:
            self._make_room(now, rotation=predecessor is not None)
        created = now if created_at is None else created_at
        record = Record(bytes(data), 1, created, created + absolute, owner, None, predecessor)
        if data == EMPTY and owner is None and predecessor is None:
            self._room.add(key, now)
        return _leased(record, now, self._put(key, record, min(now + idle, record.absolute_at)))

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        now = self._now()
        entry = self._entries.get(key)
        if entry is None:
            return None
        if isinstance(entry.content, Tombstone):
            return replace(entry.content, lease=Lease(now, entry.expires_at))
        self._room.use(key, now)
        if idle is not None:
            _extend(entry, entry.content, now + idle)
        return _leased(entry.content, now, entry)

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        now = self._now()
        for key in keys:
            self._room.use(key, now)
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
        predecessor: str | None = None,
    ) -> CommitOutcome:
        now = self._now()
        entry = self._entries.get(key)
        if entry is None:
            return Gone()
        content = entry.content
        if isinstance(content, Tombstone):
            return Gone(content)
        if content.version != version:
            return Conflict(_leased(content, now, entry))
        created_at, absolute_at = content.created_at, content.absolute_at
        data, version = bytes(data), version + 1
        fields = (data, version, created_at, absolute_at, owner, None, predecessor)
        entry.content = record = _new(Record, fields)
        self._room.keep(key)
        if idle is not None:
            _extend(entry, record, now + idle)
        lease = _new(Lease, (now, entry.expires_at))
        leased = (data, version, created_at, absolute_at, owner, lease, predecessor)
        return Committed(_new(Record, leased))

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
        ended = Tombstone(reason, successor, predecessor=last.predecessor)
        self._put(key, ended, now + keep)
        self._room.keep(key)
        self._tombstones[key] = None
        if reason is not EndReason.ROTATED:  # the successor gets them
            self._answers.pop(key, None)
        return Committed(last)

    async def delete(self, key: str) -> None:
        self._remove(key)

    async def ping(self) -> None:
        return

    async def commit_once(
        self,
        key: str,
        version: int,
        data: bytes,
        once: Once,
        *,
        idle: float | None = None,
        owner: str | None = None,
        limits: AnswerLimits = LIMITS,
    ) -> CommitOutcome | Answer | NoRoom:
        now = self._now()
        answers = self._answers_of(key)
        if answers is None:
            return self._gone(key)
        found = answers.find(once.name, now, limits)
        if found is not None:
            return found
        if self._version(key) == version:
            no_room = answers.no_room(once, now, limits)
            if no_room is not None:
                return no_room
            answers.put(once, now, version=version + 1)
            self._answers[key] = answers
        return await self.commit(key, version, data, idle=idle, owner=owner)

    async def swap_answer(
        self,
        key: str,
        name: str,
        value: bytes | None,
        *,
        expected: bytes | None = None,
        limits: AnswerLimits = LIMITS,
    ) -> Answer | Gone | NoRoom | None:
        now = self._now()
        answers = self._answers_of(key)
        if answers is None:
            return self._remove_late(key, name, expected if value is None else None, limits)
        found = answers.find(name, now, limits)
        if found is not None and found.value != expected:
            return found
        if value is None:
            answers.remove(name)
            return None
        once = Once(name, value)
        no_room = answers.no_room(once, now, limits)
        if no_room is None:
            answers.put(once, now)
            self._answers[key] = answers
        return no_room

    async def read_answer(
        self, key: str, name: str, *, limits: AnswerLimits = LIMITS
    ) -> Answer | None:
        now = self._now()
        answers = self._answers.get(key)
        return None if answers is None else answers.find(name, now, limits)

    async def copy_answers(
        self, key: str, successor: str, *, limits: AnswerLimits = LIMITS
    ) -> None:
        self._now()
        answers = self._answers.get(key)
        if answers is not None and self._is_pending(successor):
            self._answers.setdefault(successor, Answers()).add_copies(answers)

    def _remove_late(
        self, key: str, name: str, expected: bytes | None, limits: AnswerLimits
    ) -> Gone:
        """Remove the expected answer of a session that has ended, so that no successor gets it."""
        answers = self._answers.get(key)
        found = answers.find(name, self._now(), limits) if answers else None
        if answers and found and found.value == expected:
            answers.remove(name)
        return self._gone(key)

    def _gone(self, key: str) -> Gone:
        entry = self._entries.get(key)
        return Gone(entry.content if entry and isinstance(entry.content, Tombstone) else None)

    def _answers_of(self, key: str) -> Answers | None:
        """Return the answers of a session that lives; None of one that has ended."""
        return (self._answers.get(key) or Answers()) if self._version(key) else None

    def _version(self, key: str) -> int:
        entry = self._entries.get(key)
        return entry.content.version if entry and isinstance(entry.content, Record) else 0

    def _is_pending(self, key: str) -> bool:
        entry = self._entries.get(key)
        content = None if entry is None else entry.content
        return isinstance(content, Record) and content.predecessor is not None

    def _now(self) -> float:
        """Remove what has expired, and return the time."""
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            queued_at, key = heapq.heappop(self._deadlines)
            entry = self._entries.get(key)
            if entry is None or entry.queued_at != queued_at:
                continue  # the deadline of something that was deleted or replaced
            if entry.expires_at <= now:
                self._remove(key)
            else:
                self._queue(key, entry)
        return now

    def _make_room(self, now: float, *, rotation: bool) -> None:
        """Remove an entry that nobody would miss, or raise StoreFullError."""
        evicted = self._room.evict(now, settling=rotation)
        if evicted is None and rotation:
            evicted = next(iter(self._tombstones), None)
        if evicted is not None:
            self._remove(evicted)
            return
        reserve = max(1, self._max_sessions // _RESERVE) if rotation else 0
        if len(self._entries) >= self._max_sessions + reserve:
            raise StoreFullError(f"the memory store is full ({self._max_sessions} sessions)")

    def _remove(self, key: str) -> None:
        self._entries.pop(key, None)
        self._tombstones.pop(key, None)
        self._answers.pop(key, None)
        self._room.keep(key)

    def _put(self, key: str, content: Record | Tombstone, expires_at: float) -> _Entry:
        entry = self._entries[key] = _Entry(content, expires_at)
        self._queue(key, entry)
        return entry

    def _queue(self, key: str, entry: _Entry) -> None:
        entry.queued_at = entry.expires_at
        heapq.heappush(self._deadlines, (entry.queued_at, key))
        if len(self._deadlines) > 2 * len(self._entries) + _STALE:
            self._sweep()

    def _sweep(self) -> None:
        """Remove the deadlines of entries that were deleted or replaced; they may be hours ahead."""
        self._deadlines = [(entry.queued_at, key) for key, entry in self._entries.items()]
        heapq.heapify(self._deadlines)


def _extend(entry: _Entry, record: Record, until: float) -> None:
    """Extend an entry until then, and shorten none, unless its record waits for another's end."""
    # The later deadline is queued when the earlier one comes up.
    if until > entry.expires_at and record.predecessor is None:
        # By `if`: min() and max() cost as much as all the rest of a read.
        entry.expires_at = until
        if until > record.absolute_at:
            entry.expires_at = record.absolute_at


def _leased(record: Record, now: float, entry: _Entry) -> Record:
    # Neither by _replace() nor by the types' own __new__, which are functions in Python.
    data, version, created_at, absolute_at, owner, _, predecessor = record
    lease = _new(Lease, (now, entry.expires_at))
    fields = (data, version, created_at, absolute_at, owner, lease, predecessor)
    return _new(Record, fields)
