"""A store of somebody else's own, on SQLite, with the contract: runs where the wheel is installed."""

import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
import pytest_asyncio
from fastapi_mooring import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Gone,
    Lease,
    LoadResult,
    Record,
    SessionExistsError,
    SessionStore,
    Tombstone,
)
from fastapi_mooring.testing import StoreContract

_TABLE = """
CREATE TABLE session (
    key TEXT PRIMARY KEY, expires REAL, reason TEXT, successor TEXT,
    data BLOB, version INTEGER, created REAL, absolute REAL, owner TEXT, predecessor TEXT
)
"""


class SQLiteStore(SessionStore):
    """One table of one database."""

    def __init__(self, database: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._db = sqlite3.connect(database, isolation_level=None)
        self._db.execute(_TABLE)

    async def create(
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
        assert until is None  # it is no UserIndex
        if self._find(key) is not None:
            raise SessionExistsError(key)
        now = self.clock()
        created = now if created_at is None else created_at
        ends = created + absolute
        expires = min(now + idle, ends)
        self._db.execute(
            "REPLACE INTO session VALUES (?, ?, NULL, NULL, ?, 1, ?, ?, ?, ?)",
            (key, expires, data, created, ends, owner, predecessor),
        )
        return Record(data, 1, created, ends, owner, Lease(now, expires), predecessor)

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        found = self._find(key)
        if idle is None or not isinstance(found, Record):
            return found
        self._extend(key, idle)
        return self._record(key)

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        found = [self._find(key) for key in keys]
        return [each._replace(lease=None) if isinstance(each, Record) else each for each in found]

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
        refused = self._refuse(key, version)
        if refused is not None:
            return refused
        self._db.execute(
            "UPDATE session SET data = ?, owner = ?, predecessor = ?, version = version + 1 "
            "WHERE key = ?",
            (data, owner, predecessor, key),
        )
        if idle is not None:
            self._extend(key, idle)
        return Committed(self._record(key))

    async def end(
        self,
        key: str,
        reason: EndReason,
        *,
        keep: float,
        version: int | None = None,
        successor: str | None = None,
    ) -> CommitOutcome:
        refused = self._refuse(key, version)
        if refused is not None:
            return refused
        last = self._record(key)
        self._db.execute(
            "UPDATE session SET reason = ?, successor = ?, expires = ? WHERE key = ?",
            (reason.value, successor, self.clock() + keep, key),
        )
        return Committed(last)

    async def delete(self, key: str) -> None:
        self._db.execute("DELETE FROM session WHERE key = ?", (key,))

    async def ping(self) -> None:
        self._db.execute("SELECT 1")

    async def aclose(self) -> None:
        self._db.close()

    def _find(self, key: str) -> LoadResult:
        now = self.clock()
        row = self._db.execute(
            "SELECT reason, successor, data, version, created, absolute, owner, predecessor, expires "
            "FROM session WHERE key = ? AND expires > ?",
            (key, now),
        ).fetchone()
        if row is None:
            return None
        reason, successor, data, version, created, absolute, owner, predecessor, expires = row
        lease = Lease(now, expires)
        if reason is not None:
            return Tombstone(EndReason(reason), successor, lease, predecessor)
        return Record(data, version, created, absolute, owner, lease, predecessor)

    def _record(self, key: str) -> Record:
        found = self._find(key)
        assert isinstance(found, Record)
        return found

    def _refuse(self, key: str, version: int | None) -> CommitOutcome | None:
        found = self._find(key)
        if not isinstance(found, Record):
            return Gone(found)
        return None if version in (None, found.version) else Conflict(found)

    def _extend(self, key: str, idle: float) -> None:
        self._db.execute(
            "UPDATE session SET expires = min(max(expires, ?), absolute)"
            " WHERE key = ? AND predecessor IS NULL",
            (self.clock() + idle, key),
        )


class Clock:
    """The time of day, which tests advance."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.ahead


class TestSQLiteStore(StoreContract):
    """It keeps the contract."""

    precision = 0.5

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest_asyncio.fixture
    async def store(self, clock: Clock) -> AsyncIterator[SessionStore]:
        store = SQLiteStore(":memory:", clock)
        yield store
        await store.aclose()

    @pytest.fixture
    def advance_time(self, clock: Clock) -> Callable[[float], Awaitable[None]]:
        async def advance(seconds: float) -> None:
            clock.ahead += seconds

        return advance
