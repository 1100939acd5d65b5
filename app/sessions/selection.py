"""Which session a request is served with, of those that its cookies name."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .errors import SessionEndedError
from .ids import session_key
from .models import EndReason, LoadResult, Record, Tombstone
from .policy import Policy
from .session import Session
from .sign_in import user_of
from .usage import Usage

if TYPE_CHECKING:
    from .manager import SessionManager


_MOST_LOOKED_UP = 4
_MOST_REMEMBERED = 1_000


class DeadKeys:
    """Keys that no session will ever have again, as ids are used once; the latest thousand."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    def add(self, key: str) -> None:
        """Remember a key."""
        self._keys[key] = None
        if len(self._keys) > _MOST_REMEMBERED:
            del self._keys[next(iter(self._keys))]

    def __contains__(self, key: str) -> bool:
        return key in self._keys


class Selection(NamedTuple):
    """The session of a request with several cookies, and what becomes of the cookies.

    Attributes:
        session: the one to use, or None.
        surplus: True if all cookies but that of `session` are of no more use.
        conflict: True if they belong to several users, so that none is believed.
    """

    session: Session | None
    surplus: bool
    conflict: bool = False


async def select(
    manager: "SessionManager", session_ids: Sequence[str], usage: Usage | None = None
) -> Selection:
    """Load several sessions in one round trip, where the store can, and choose one.

    One whose session lives goes before the dead, a user's before an anonymous one, then the one that
    was sent first. Two users' are not chosen from: one of the cookies was planted (RFC 6265, 8.6).

    Four are looked up. Where more are sent, the dead ones among them are not looked up again: some of
    them may be cookies that no response can clear, and would hide one that lives for ever.

    Raises:
        SessionEndedError: none lives, and one was ended while the request may have been under way.
    """
    many = len(session_ids) > _MOST_LOOKED_UP
    if many:
        session_ids = [each for each in session_ids if session_key(each) not in manager.dead_keys]
        session_ids = session_ids[:_MOST_LOOKED_UP]
    keys = [session_key(each) for each in session_ids]
    found = await _find_all(manager, keys)
    live = {index: each for index, each in enumerate(found) if isinstance(each, Record)}
    if not live:
        for key, each in zip(keys, found, strict=True):
            if isinstance(each, Tombstone):
                refuse_in_flight(each, manager.policy)
            if many:
                manager.dead_keys.add(key)
        return Selection(None, surplus=True)
    if len({user_of(each.owner) for each in live.values()} - {None}) > 1:
        return Selection(None, surplus=True, conflict=True)
    chosen = min(live, key=lambda index: _rank(live[index]))  # the first of the least
    session = Session(manager, keys[chosen], live[chosen], session_ids[chosen], usage)
    return Selection(session, surplus=len(live) == 1)


async def _find_all(manager: "SessionManager", keys: Sequence[str]) -> list[LoadResult]:
    found = await asyncio.gather(*(manager.find(key, extend=True) for key in keys))
    pending = {
        key: each
        for key, each in zip(keys, found, strict=True)
        if isinstance(each, Record) and each.predecessor is not None
    }
    if not pending:
        return found
    for key, each in pending.items():
        with suppress(SessionEndedError):
            await manager.complete(key, each)
    found = await asyncio.gather(*(manager.find(key, extend=True) for key in keys))
    return [None if _is_pending(each) else each for each in found]


def _is_pending(found: LoadResult) -> bool:
    return isinstance(found, Record) and found.predecessor is not None


def _rank(record: Record) -> bool:
    """Return what is compared between live sessions: False, a user's, goes before True."""
    return record.owner is None


def refuse_in_flight(tombstone: Tombstone, policy: Policy) -> None:
    """Raise SessionEndedError if a request may have been sent before its session was ended.

    By the store's clock. A revoked session's are not waited for: nothing newer was set in its place.
    """
    if tombstone.reason is EndReason.REVOKED:
        return
    lease = tombstone.lease
    if lease is None or policy.age(tombstone.reason, lease.seconds) < policy.in_flight:
        raise SessionEndedError(tombstone.reason)
