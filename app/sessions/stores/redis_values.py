"""Records, tombstones and outcomes as the scripts of the Redis store write them."""

from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from ...redis.client import Argument
from ..errors import UnreadableRecordError
from ..models import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Gone,
    Lease,
    Record,
    Tombstone,
)

NOTHING = "-"


def to_ms(seconds: float) -> int:
    """Return seconds in whole milliseconds, one at least."""
    return max(1, round(seconds * 1000))


@lru_cache(maxsize=100)  # all calls are for the same timeouts
def optional_ms(seconds: float | None) -> Argument:
    """Return the same as an argument of a script, for which nothing is the empty string."""
    return "" if seconds is None else to_ms(seconds)


def pack(text: str | None) -> str:
    """Return an opaque string as one word; `-` alone is none, and quote() makes no other word like it."""
    return NOTHING if text is None else "=" + quote(text, safe="")


def pack_predecessor(text: str | None) -> str:
    """Return an opaque string as one word; none is the empty string."""
    return "" if text is None else pack(text)


def _unpack(word: bytes) -> str | None:
    return unquote(word[1:].decode()) if word[:1] == b"=" else None


def outcome_of(key: str, reply: list[Any]) -> CommitOutcome:
    """Return the outcome of a commit or an end."""
    kind, *found = reply
    if kind == b"committed":
        return Committed(record_of(key, found))
    if kind == b"conflict":
        return Conflict(record_of(key, found))
    return Gone(tombstone_of(found[0])) if found else Gone()


def record_of(key: str, found: list[Any]) -> Record:
    """Return the record of `[value]` or `[value, now in ms, deadline in ms]`."""
    value: bytes = found[0]
    lease = Lease(found[1] / 1000, found[2] / 1000) if len(found) > 1 else None
    at = value.find(b" {")
    try:
        version, created, absolute, owner, *more = value[: max(at, 0)].split(b" ")
        return Record(
            value[at + 1 :],
            int(version.lstrip(b"RP")),
            int(created) / 1000,
            int(absolute) / 1000,
            None if owner == b"-" else _unpack(owner),
            lease,
            _unpack(more[0]) if value.startswith(b"P") else None,
        )
    except (ValueError, OverflowError, IndexError):
        raise UnreadableRecordError(key) from None


def written(reply: list[Any], data: bytes, owner: str | None, predecessor: str | None) -> Record:
    """Return the record of a commit, whose reply has what the caller did not know."""
    _, head, now, deadline = reply
    version, created, absolute = head.split()
    return Record(
        *(data, int(version[1:]), int(created) / 1000, int(absolute) / 1000, owner),
        Lease(now / 1000, deadline / 1000),
        predecessor,
    )


def tombstone_of(value: bytes, lease: Lease | None = None) -> Tombstone:
    """Return the tombstone of a value; a reason that only later versions know is as good as any."""
    reason, *words = value[1:].decode(errors="replace").split(" ")
    successor, predecessor, *_ = *words, NOTHING, NOTHING
    return Tombstone(
        _reason(reason),
        None if successor == NOTHING else successor,
        lease,
        _unpack(predecessor.encode()),
    )


def _reason(word: str) -> EndReason:
    try:
        return EndReason(word)
    except ValueError:
        return EndReason.REVOKED
