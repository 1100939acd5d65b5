"""What all parts of the store contract share: fixtures, data, and assertions about outcomes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

import pytest

from ...sessions import (
    CommitOutcome,
    Committed,
    ConditionalResult,
    Conflict,
    Gone,
    Lease,
    LoadResult,
    Record,
    SessionStore,
    Tombstone,
)
from ...sessions.ids import new_session_id, session_key

AdvanceTime = Callable[[float], Awaitable[None]]
"""Takes seconds, and returns when the store's clock has advanced by at least as much."""

HOUR = 3600.0
DATA = b'{"count":1}'
OTHER = b'{"count":2}'

AWKWARD_DATA = {
    "empty": b"{}",
    "spaces": b'{ "a b" : " c  d " }',
    "newlines": b'{\r\n\t"a":\n1}\n',
    "unicode": '{"name":"Zoë 😀 \u2028"}'.encode(),
    "escaped NUL": rb'{"nul":"\u0000","quote":"\"\\"}',
    "looks like a record": b'{"R1 2 3":"- T logout =x %d %s"}',
    "large": b'{"text":"' + b"x" * 100_000 + b'"}',
}

AWKWARD_OWNERS = [
    "",
    "-",
    "=",
    "=-",
    "a b",
    " ",
    "a\nb",
    "Zoë 😀",
    "50%",
    "%20",
    "a+b/c?d",
    "x" * 500,
]

Outcome = TypeVar("Outcome", bound=CommitOutcome)


@pytest.mark.asyncio
class Contract:
    """Base of all parts: the fixtures, of which an adapter's tests provide `store`."""

    short_lifetime: ClassVar[float] = 0.05
    """Seconds that a short-lived record lives. Set a longer one for a store with a coarse clock."""

    precision: ClassVar[float] = 0.05
    """Seconds by which two readings of one deadline may differ."""

    @pytest.fixture
    def advance_time(self) -> AdvanceTime:
        """Return the function that advances the store's clock; by default it waits."""
        return asyncio.sleep

    @pytest.fixture
    def key(self) -> str:
        """Return an unused key."""
        return new_key()

    def same_time(self, one: float, other: float) -> bool:
        """Return True if two times are the same within `precision`."""
        return abs(one - other) <= self.precision


def new_key() -> str:
    """Return an unused session key."""
    return session_key(new_session_id())


def live(found: ConditionalResult) -> Record:
    """Return the record of a result; fail if it is none."""
    assert isinstance(found, Record), f"not a live record: {found}"
    return found


def tombstone(found: LoadResult) -> Tombstone:
    """Return the tombstone of a result; fail if it is none."""
    assert isinstance(found, Tombstone), f"not a tombstone: {found}"
    return found


def lease(found: LoadResult) -> Lease:
    """Return the lease of the tombstone that a load found; fail if there is none."""
    kept = tombstone(found).lease
    assert kept is not None, "a read of one tombstone returns its lease"
    return kept


def committed(outcome: CommitOutcome) -> Record:
    """Return the record of a write that succeeded; fail if it did not."""
    assert isinstance(outcome, Committed), f"not committed: {outcome}"
    return outcome.record


def conflict(outcome: CommitOutcome) -> Record:
    """Return the newer record that a write conflicted with; fail if it did not."""
    assert isinstance(outcome, Conflict), f"not a conflict: {outcome}"
    return outcome.record


def gone(outcome: CommitOutcome) -> Tombstone | None:
    """Return the tombstone, if any, of a write to an ended session; fail if it had not ended."""
    assert isinstance(outcome, Gone), f"not gone: {outcome}"
    return outcome.tombstone


def deadline(record: Record) -> float:
    """Return the deadline of a record that was read with its lease."""
    assert record.lease is not None, "a read of one record returns its lease"
    return record.lease.expires_at


def left(record: Record) -> float:
    """Return the seconds that a record has left by its lease."""
    assert record.lease is not None, "a read of one record returns its lease"
    return record.lease.seconds


def bare(record: Record) -> tuple[bytes, int, str | None]:
    """Return the fields that depend neither on when a record is read nor on how times are rounded."""
    return record.data, record.version, record.owner


def only(outcomes: list[CommitOutcome], kind: type[Outcome]) -> list[Outcome]:
    """Return the outcomes of one kind."""
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]


async def add_one(store: SessionStore, key: str, *, idle: float | None = None) -> None:
    """Add one to the count of a record; after a conflict to what came between."""
    record = live(await store.load(key, idle=idle))
    while True:
        more = b'{"count":%d}' % (json.loads(record.data)["count"] + 1)
        outcome = await store.commit(key, record.version, more)
        if isinstance(outcome, Committed):
            return
        record = conflict(outcome)
