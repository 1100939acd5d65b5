"""The one SQLite file: its tables, and transactions on it.

Plain sqlite3 in threads: routes that touch nothing else are `def` and run in FastAPI's thread pool, others
call `in_thread`. A connection is used by one thread at a time.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from fastapi.requests import HTTPConnection

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long a node waits for another one's transaction."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS person (
    name TEXT PRIMARY KEY, banned INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS channel (
    name TEXT PRIMARY KEY, topic TEXT NOT NULL, last INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS member (
    channel TEXT NOT NULL REFERENCES channel, person TEXT NOT NULL REFERENCES person,
    read INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (channel, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS member_person ON member (person);
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS message (
    channel TEXT NOT NULL REFERENCES channel, number INTEGER NOT NULL, kind TEXT NOT NULL,
    author TEXT NOT NULL, text TEXT NOT NULL, sent_at REAL NOT NULL, draft TEXT NOT NULL,
    file TEXT REFERENCES file, PRIMARY KEY (channel, number), UNIQUE (author, draft)
) STRICT;
CREATE TABLE IF NOT EXISTS reminder (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL REFERENCES channel, person TEXT NOT NULL,
    text TEXT NOT NULL, due_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS reminder_due ON reminder (due_at);
INSERT OR IGNORE INTO channel (name, topic) VALUES ('general', 'For everybody');
"""


class Database:
    """A connection to the file, which is made with its tables if it is not there."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._db = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._db.row_factory = sqlite3.Row
        self._use_wal()
        # What was acknowledged outlives a power failure.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.transaction() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)

    def _use_wal(self) -> None:
        """Keep readers from waiting for the writer, also in other processes of the same machine.

        Of several nodes that make the file at once one is told that it is locked, without any waiting.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while not self._has_wal():
            if time.monotonic() > deadline:
                raise TimeoutError("the database stays locked")
            time.sleep(0.01)

    def _has_wal(self) -> bool:
        try:
            [mode] = self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            return False
        return bool(mode == "wal")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write, all of it or nothing. One writer at a time, over all nodes: what it reads stays true."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        """Return what a query finds."""
        with self._lock:
            return [dict(row) for row in self._db.execute(query, values)]

    def row(self, query: str, **values: object) -> dict[str, Any] | None:
        """Return the first row that a query finds, or None."""
        return next(iter(self.rows(query, **values)), None)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()


def database(connection: HTTPConnection) -> Database:
    """Return the app's database, in routes and in events."""
    found: Database = connection.app.state.database
    return found


DatabaseDep = Annotated[Database, Depends(database)]


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that waits for the database, without holding up the event loop."""
    return await run_in_threadpool(function, *args, **kwargs)
