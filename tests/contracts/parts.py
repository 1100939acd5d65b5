"""What the parts of the store contract share."""

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

import pytest

from app.sessions import (
    CommitOutcome,
    Committed,
    Conflict,
    Found,
    Gone,
    Newer,
    Record,
    SessionStore,
    Tombstone,
)
from app.sessions.ids import new_session_id, session_key

LetPass = Callable[[float], Awaitable[None]]
"""Returns when the store's clock has moved on by at least so many seconds."""

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
    """Base of all parts: the two fixtures that an adapter's tests provide, and what is made of them."""

    moment: ClassVar[float] = 0.05
    """A time to live that is over soon, in seconds. Set a longer one for a store with a coarse clock."""

    precision: ClassVar[float] = 0.05
    """By how much two readings of one deadline may differ, in seconds."""

    @pytest.fixture
    def store(self) -> SessionStore:
        """Give the store to be proven."""
        raise NotImplementedError("provide a fixture `store`")

    @pytest.fixture
    def let_pass(self) -> LetPass:
        """Give the function that lets the store's time pass: it moves a clock, or waits."""
        raise NotImplementedError("provide a fixture `let_pass`")

    @pytest.fixture
    def key(self) -> str:
        """Give a key that nobody has used."""
        return new_key()

    def same_time(self, one: float, other: float) -> bool:
        """Tell whether two times are the same, as far as the store can tell them apart."""
        return abs(one - other) <= self.precision


def new_key() -> str:
    """Make a key that nobody has used."""
    return session_key(new_session_id())


def live(found: Newer) -> Record:
    """Give the record that was found; fails if it is none."""
    assert isinstance(found, Record), f"not a live record: {found}"
    return found


def tombstone(found: Found) -> Tombstone:
    """Give the tombstone that was found; fails if it is none."""
    assert isinstance(found, Tombstone), f"not a tombstone: {found}"
    return found


def committed(outcome: CommitOutcome) -> Record:
    """Give the record of a write that happened."""
    assert isinstance(outcome, Committed), f"not committed: {outcome}"
    return outcome.record


def conflict(outcome: CommitOutcome) -> Record:
    """Give the newer record that stood in a write's way."""
    assert isinstance(outcome, Conflict), f"not a conflict: {outcome}"
    return outcome.record


def gone(outcome: CommitOutcome) -> Tombstone | None:
    """Give the tombstone, if any, that stood in a write's way."""
    assert isinstance(outcome, Gone), f"not gone: {outcome}"
    return outcome.tombstone


def deadline(record: Record) -> float:
    """Give the deadline of a record that was read with its lease."""
    assert record.lease is not None, "a read of one record gives its lease"
    return record.lease.expires_at


def left(record: Record) -> float:
    """Give the seconds that a record has to live by its lease."""
    assert record.lease is not None, "a read of one record gives its lease"
    return record.lease.seconds


def bare(record: Record) -> tuple[bytes, int, str | None]:
    """Give what of a record does not depend on when it is read, nor on how its times are rounded."""
    return record.data, record.version, record.owner


def only(outcomes: list[CommitOutcome], kind: type[Outcome]) -> list[Outcome]:
    """Give the outcomes of one kind."""
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]
