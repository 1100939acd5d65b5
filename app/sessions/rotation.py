"""How a session moves to a new id, so that no reply that is lost on the way costs it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import orjson

from .changes import Changes, dump, parse
from .errors import (
    SessionEndedError,
    SessionTooLargeError,
    StoreUnavailableError,
    UnreadableRecordError,
)
from .ids import new_session_id, session_key
from .models import Committed, Conflict, EndReason, Gone, Record, Tombstone
from .policy import Policy
from .sign_in import unpack
from .stores.answers import AnswerStore
from .stores.base import SessionStore
from .values import check_data

Supersede = Callable[[str, Record, str], Awaitable[bool]]
"""Ends the record of a key in favour of another key, unless it has changed; returns whether it did."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What the record of a new id keeps of the session that it is to replace, until that has ended.

    Attributes:
        key: its session key.
        version: that of which the new record is a copy.
        changed: the top-level keys that the new record has changed.
    """

    key: str
    version: int
    changed: list[str]

    @classmethod
    def read(cls, key: str, text: str | None) -> "Predecessor":
        """Return what `write` wrote; raise UnreadableRecordError, with the new key, for anything else."""
        try:
            return cls(*orjson.loads(text or ""))
        except (TypeError, orjson.JSONDecodeError):
            raise UnreadableRecordError(key) from None

    def write(self) -> str:
        """Return it as the string that stores keep."""
        return orjson.dumps([self.key, self.version, self.changed]).decode()


class Rotation:
    """One move of a session to a new id.

    The new record is stored first, with its predecessor, and cannot be used until that has ended. So
    there is never a time with none, nor one with two that can be used; and where a reply is lost after
    the new record is stored, the first use of the new id does what is left to do.

    Args:
        store: where both are kept.
        policy: the limits of sessions.
        key: the key of the session that moves.
        answers: keeps the answers of what takes effect once, which move with it.

    Attributes:
        issued_id: the new id.
        key: its session key.
        begun: the new record is stored: from here on the new id is as good as the old one.
    """

    def __init__(
        self, store: SessionStore, policy: Policy, key: str, answers: AnswerStore | None = None
    ) -> None:
        self.issued_id = new_session_id()
        self.key = session_key(self.issued_id)
        self.begun = False
        self._store = store
        self._policy = policy
        self._old_key = key
        self._answers = answers

    async def run(self, record: Record, changes: Changes, *, until: float | None = None) -> Record:
        """Move the session, with plain writes that the old id never gets; return its record.

        Of several concurrent rotations one ends the old record. With `until` it begins by that time of
        the store's clock, or never.

        Raises:
            SessionEndedError: the session has ended, perhaps by another rotation.
            StoreUnavailableError: there was no reply; see `begun`.
        """
        predecessor = Predecessor(self._old_key, record.version, changes.names)
        pending = await self._store.create(
            self.key,
            self._changed(record, changes),
            **({} if until is None else {"until": until}),  # what is no UserIndex need not know it
            idle=self._policy.pending,
            absolute=record.absolute_at - record.created_at,
            owner=record.owner,
            created_at=record.created_at,
            predecessor=predecessor.write(),
        )
        self.begun = True
        return await complete(self._store, self._policy, self.key, pending, self._answers)

    def _changed(self, record: Record, changes: Changes) -> bytes:
        if not changes:
            return record.data
        data = parse(record.data, self._old_key)
        changes.apply_to(data)
        check_data(data)
        written = dump(data)
        if len(written) > self._policy.max_data:
            raise SessionTooLargeError(len(written), self._policy.max_data)
        return written


async def resume(
    store: SessionStore,
    policy: Policy,
    key: str,
    record: Record,
    answers: AnswerStore | None = None,
    supersede: Supersede | None = None,
) -> Record:
    """Complete a rotation whose new record was read: by anybody, and while others may do so as well.

    It is written once more before its predecessor ends. Where it was read a failover may lose it, and where
    the predecessor ends there may be an older copy of that, or none: then what the predecessor had got since
    was gone with it.

    Takes and raises what `complete` does.
    """
    outcome = await store.commit(
        key, record.version, record.data, owner=record.owner, predecessor=record.predecessor
    )
    if isinstance(outcome, Gone):
        raise SessionEndedError(outcome.reason)
    return await complete(store, policy, key, outcome.record, answers, supersede)


async def complete(
    store: SessionStore,
    policy: Policy,
    key: str,
    record: Record,
    answers: AnswerStore | None = None,
    supersede: Supersede | None = None,
) -> Record:
    """Do what is left of a rotation to a new record that is stored; return it as it is then.

    Any number of callers may do so at once.

    Args:
        store: where it is kept.
        policy: the limits of sessions.
        key: the key of the new record.
        record: the new record.
        answers: keeps the answers of what takes effect once.
        supersede: ends another session that the predecessor has become, for this one; None where the new
            id has not reached its client yet, so that nothing is lost with it.

    Raises:
        SessionEndedError: the session had ended before it could move; the new record is deleted. Or it
            has moved elsewhere just now, and the client may have that id by the next time.
    """
    while record.predecessor is not None:
        record = await _step(store, policy, key, record, answers, supersede)
    return record


async def _step(
    store: SessionStore,
    policy: Policy,
    key: str,
    pending: Record,
    answers: AnswerStore | None,
    supersede: Supersede | None,
) -> Record:
    predecessor = Predecessor.read(key, pending.predecessor)
    replaced: str | None = None
    outcome = await store.end(
        predecessor.key,
        EndReason.ROTATED,
        keep=policy.keep(EndReason.ROTATED),
        version=predecessor.version,
        successor=key,
    )
    if isinstance(outcome, Conflict):  # it was written to since it was copied
        merged = replace(predecessor, version=outcome.record.version)
        outcome = await store.commit(
            key,
            pending.version,
            _merge(predecessor, pending, outcome.record),
            owner=pending.owner,
            predecessor=merged.write(),
        )
    elif (
        isinstance(outcome, Committed)
        or _was_replaced_by(key, outcome)
        or (supersede and (replaced := await _takes_place(store, policy, key, pending, supersede)))
    ):
        # Nothing is added to the answers of what has ended, and nobody uses the new id before this.
        if answers is not None:
            if replaced is not None:  # first: what it has of a name is newer
                await answers.copy_answers(replaced, key)
            await answers.copy_answers(predecessor.key, key)
        outcome = await store.commit(
            key, pending.version, pending.data, idle=_idle(policy, pending), owner=pending.owner
        )
    else:
        with suppress(StoreUnavailableError):  # else its deadline deletes it: this is no doubt
            await store.delete(key)
    if isinstance(outcome, Gone):
        raise SessionEndedError(outcome.reason)
    return outcome.record


async def _takes_place(
    store: SessionStore, policy: Policy, key: str, pending: Record, supersede: Supersede
) -> str | None:
    """Return whose place a new record has taken, as that replaced its predecessor; None if it has not.

    Of two rotations at once, each in doubt or one of them, the browser keeps the cookie that came last,
    which may be the loser's. It goes on with that where the other has the same data and the same user:
    who knew the old id gains nothing by it. The other's cookie may be on its way for some seconds.
    """
    old = await store.load(Predecessor.read(key, pending.predecessor).key)
    if not isinstance(old, Tombstone) or old.successor is None:  # which a rotation alone leaves
        return None
    if old.lease is None or policy.age(old.reason, old.lease.seconds) < policy.in_flight:
        raise SessionEndedError(old.reason)
    other = await store.load(old.successor)
    if isinstance(other, Tombstone):  # perhaps by an earlier try, whose reply was lost
        return old.successor if other.successor == key else None
    if other is None or (other.data, other.owner) != (pending.data, pending.owner):
        return None
    return old.successor if await supersede(old.successor, other, key) else None


def _idle(policy: Policy, record: Record) -> float:
    """Return how long a new record lives if it is not used: one that was to be remembered, to its end."""
    sign_in = unpack(record.owner)
    remembered = sign_in is not None and sign_in.remembered
    return record.absolute_at - record.created_at if remembered else policy.idle


def _was_replaced_by(key: str, gone: Gone) -> bool:
    """Return True if an earlier try has ended the predecessor, whose reply was lost."""
    return gone.tombstone is not None and gone.tombstone.successor == key


def _merge(predecessor: Predecessor, pending: Record, newer: Record) -> bytes:
    if not predecessor.changed:
        return newer.data
    mine, data = parse(pending.data), parse(newer.data, predecessor.key)
    for name in predecessor.changed:
        if name in mine:
            data[name] = mine[name]
        else:
            data.pop(name, None)
    return dump(data)
