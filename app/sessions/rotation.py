"""How a session moves to a new id, so that no reply that is lost on the way costs it."""

from dataclasses import dataclass, replace

import orjson

from .changes import Changes, dump, parse
from .errors import SessionEndedError, SessionTooLargeError, UnreadableRecordError
from .ids import new_session_id, session_key
from .models import Committed, Conflict, EndReason, Gone, Record
from .policy import Policy
from .sign_in import unpack
from .stores.answers import AnswerStore
from .stores.base import SessionStore
from .values import check_data


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What the record of a new id knows of the session that it is to replace, until that has ended.

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


async def complete(
    store: SessionStore,
    policy: Policy,
    key: str,
    record: Record,
    answers: AnswerStore | None = None,
) -> Record:
    """Do what is left of a rotation to a new record; return it as it is then.

    Any number of callers may do so at once.

    Raises:
        SessionEndedError: the session had ended before it could move; the new record is deleted.
    """
    while record.predecessor is not None:
        record = await _step(store, policy, key, record, answers)
    return record


async def _step(
    store: SessionStore, policy: Policy, key: str, pending: Record, answers: AnswerStore | None
) -> Record:
    predecessor = Predecessor.read(key, pending.predecessor)
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
    elif isinstance(outcome, Committed) or _was_replaced_by(key, outcome):
        # Nothing is added to the answers of what has ended, and nobody uses the new id before this.
        if answers is not None:
            await answers.copy_answers(predecessor.key, key)
        outcome = await store.commit(
            key, pending.version, pending.data, idle=_idle(policy, pending), owner=pending.owner
        )
    else:
        await store.delete(key)
    if isinstance(outcome, Gone):
        raise SessionEndedError(outcome.reason)
    return outcome.record


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
