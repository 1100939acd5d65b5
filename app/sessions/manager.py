"""Creates, loads, changes and ends sessions in a store, by the timeout policy."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from ..aio.tasks import cancel
from .changes import EMPTY, Changes, dump_checked, parse
from .errors import (
    SessionEndedError,
    SessionExistsError,
    SessionTooLargeError,
    StoreUnavailableError,
    UnreadableRecordError,
)
from .ids import new_session_id, session_key, short, user_name
from .live import load_live
from .models import (
    CommitOutcome,
    Committed,
    ConditionalResult,
    Conflict,
    EndReason,
    Gone,
    LoadResult,
    NotModified,
    Record,
    Tombstone,
    newer,
)
from .policy import Policy
from .rotation import Predecessor, Rotation, complete
from .selection import DeadKeys, refuse_in_flight
from .session import Session
from .sign_in import index_names, unpack
from .stores.answers import AnswerStore
from .stores.base import SessionStore
from .stores.user_index import UserIndex
from .usage import Usage
from .write_lock import FailFast, WriteLock

logger = logging.getLogger(__name__)

BeforeEndListener = Callable[[str], None]
EndListener = Callable[[str, EndReason], Awaitable[None]]
Result = TypeVar("Result")


class LifeListener(Protocol):
    """Is notified of what is opened, changed and ended on this node; returns at once."""

    def created(self, key: str, record: Record) -> None:
        """Handle a session that was opened."""

    def committed(self, key: str, before: bytes, after: bytes) -> None:
        """Handle data that were replaced."""

    def ended(self, key: str, reason: EndReason, record: Record | None) -> None:
        """Handle a session that was ended on purpose, with what was stored last."""


_NO_VERSION, _FIRST_VERSION = 0, 1
_NO_TRACE_SECONDS = 0.001
"""How long the tombstone stays of a session that nobody knows."""
_MAX_KIN = 16
_WITHOUT_SUCCESSOR = {EndReason.EXPIRED, EndReason.REVOKED}
"""After these no newer cookie may be on its way to the browser."""
_DONE_SECONDS = 900.0
_INDEX_MARGIN_SECONDS = 60.0
"""For how long an entry of the index outlives its session: clocks of two servers differ."""
_SLOW_END_SECONDS = 0.05
"""Time within which an end is replied to, so that those who look at its message twice find it."""
_RECENT_LOCKS = 500
"""Locks that are kept while nobody holds them: a session that was written is often written again."""


class SessionManager:
    """Creates, loads, changes and ends the sessions of a store.

    Args:
        store: where they are kept; closed by `aclose`.
        policy: their limits.
        index: finds the sessions of a user; None where the store cannot.
        answers: keeps the answers of what takes effect once; the store itself if it can, and none is given.
    """

    def __init__(
        self,
        store: SessionStore,
        policy: Policy,
        index: UserIndex | None = None,
        answers: AnswerStore | None = None,
    ) -> None:
        self.store = store
        self.policy = policy
        self.index = index
        self.answers = store if answers is None and isinstance(store, AnswerStore) else answers
        self._tasks = set[asyncio.Task[None]]()
        self.fail_fast = FailFast()
        self.dead_keys = DeadKeys()
        self._write_locks: WeakValueDictionary[str, WriteLock] = WeakValueDictionary()
        self._recent_locks: dict[str, WriteLock] = {}
        self._listeners: list[EndListener] = []
        self._before_end: BeforeEndListener = lambda _key: None
        self._life: LifeListener | None = None

    def add_before_end_listener(self, listener: BeforeEndListener) -> None:
        """Call `listener(key)` when a session is about to end here, before the end is certain."""
        self._before_end = listener

    def add_life_listener(self, listener: LifeListener) -> None:
        """Notify a listener of what is opened, changed and ended here."""
        self._life = listener

    def add_end_listener(self, listener: EndListener) -> None:
        """Await `listener(key, reason)` after a session was ended here, before `end` returns.

        Also if it turns out to have ended before.
        """
        self._listeners.append(listener)

    async def create(self, usage: Usage | None = None, *, in_use: bool = True) -> Session:
        """Create a session under a fresh id; not `in_use`, it is short-lived until its cookie comes back."""
        session_id = new_session_id()
        key = session_key(session_id)
        policy = self.policy
        idle = policy.idle if in_use else policy.first
        record = await self.store.create(key, EMPTY, idle=idle, absolute=policy.absolute)
        record = _as_used(record, policy)
        logger.info("session created", extra={"session": short(key)})
        if self._life is not None:
            self._life.created(key, record)
        return Session(self, key, record, session_id, usage)

    async def load(self, session_id: str, usage: Usage | None = None) -> Session | None:
        """Return the session of an id, its idle deadline extended; None if there is none (any more).

        Raises:
            SessionEndedError: it was ended on purpose, and who asks may not know of it yet.
        """
        key = session_key(session_id)
        found = await self.store.load(key, idle=self.policy.idle)
        if isinstance(found, Tombstone):
            refuse_in_flight(found, self.policy)
            return None
        if found is not None and found.predecessor is not None:
            found = await self.complete(key, found)
        return None if found is None else Session(self, key, found, session_id, usage)

    def attach(self, key: str, record: Record, usage: Usage | None = None) -> Session:
        """Return a session of which only the key is known, as a socket's; it cannot rotate."""
        return Session(self, key, record, None, usage)

    async def discard(self, key: str) -> bool:
        """Delete a session that was opened for nobody; return False if it was written to since."""
        outcome = await self.store.end(
            key, EndReason.REVOKED, keep=_NO_TRACE_SECONDS, version=_FIRST_VERSION
        )
        if isinstance(outcome, Committed):
            logger.info("session discarded, as it was not used", extra={"session": short(key)})
        return not isinstance(outcome, Conflict)

    async def find(self, key: str, *, extend: bool = False) -> LoadResult:
        """Load what is stored under a key, with its lease; with `extend`, as activity of the session."""
        return await self.store.load(key, idle=self.policy.idle if extend else None)

    async def find_if_changed(
        self, keys: Sequence[str], versions: Sequence[int]
    ) -> list[ConditionalResult]:
        """Load many, extending none; one round trip per 500. See SessionStore.load_if_changed."""
        return await self.store.load_if_changed(keys, versions)

    async def load_live(self, key: str) -> Record:
        """Return the record of a live session; raise SessionEndedError if it has ended."""
        found = (await self.store.load_if_changed([key], [_NO_VERSION]))[0]
        if isinstance(found, Record):
            return found
        if isinstance(found, NotModified):
            raise UnreadableRecordError(key)
        raise SessionEndedError(Gone(found).reason)

    def write_lock(self, key: str) -> WriteLock:
        """Return the lock that serialises this node's writers of a session; needs a running event loop."""
        write_lock = self._recent_locks.get(key) or self._write_locks.get(key)
        if write_lock is None or not write_lock.is_usable():
            write_lock = self._write_locks[key] = self._recent_locks[key] = WriteLock(
                self.fail_fast
            )
            if len(self._recent_locks) > _RECENT_LOCKS:
                del self._recent_locks[next(iter(self._recent_locks))]
        return write_lock

    async def commit(
        self,
        lock: WriteLock,
        key: str,
        record: Record,
        change: Callable[[dict[str, Any]], Result],
        extend: bool,
    ) -> tuple[Record, Result]:
        """Apply a change to the newest data by compare-and-set; return the record and its result.

        `record` is the newest that the caller knows; `lock` is the session's, held by the caller. With
        `extend` a write extends the idle deadline in the same step.
        """
        record, is_newest = newer(record, lock.latest), False
        while True:
            before = record.data
            draft = parse(before, key)
            result = change(draft)
            data = dump_checked(draft)
            if data == before:
                if is_newest:
                    return record, result
                # That there is nothing to change is only true of the newest data.
                record, is_newest = await self.load_live(key), True
                continue
            outcome = await self._compare_and_set(key, record, data, extend)
            if isinstance(outcome, Gone):
                raise SessionEndedError(outcome.reason)
            record, is_newest = outcome.record, True
            if isinstance(outcome, Committed):
                lock.latest = record
                if self._life is not None:
                    self._life.committed(key, before, record.data)
                return record, result

    def note_commit(self, key: str, before: bytes, after: bytes) -> None:
        """Notify the listener of data that were replaced here."""
        if self._life is not None:
            self._life.committed(key, before, after)

    def answer_store(self) -> AnswerStore:
        """Return what keeps answers; raise RuntimeError if the store cannot."""
        if self.answers is None:
            raise RuntimeError(
                "this store keeps no answers, which all that takes effect once needs: see AnswerStore"
            )
        return self.answers

    def run(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something in the background, until it is done or the manager closes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _compare_and_set(
        self, key: str, record: Record, data: bytes, extend: bool
    ) -> Awaitable[CommitOutcome]:
        if len(data) > self.policy.max_data:
            raise SessionTooLargeError(len(data), self.policy.max_data)
        idle = self.policy.idle if extend else None
        return self.store.commit(key, record.version, data, idle=idle, owner=record.owner)

    async def end(self, key: str, reason: EndReason) -> bool:
        """End a session on purpose; return False if it had ended already."""
        outcome = await self._end(key, reason)
        for other in _kin(key, outcome):
            # The new record of a rotation whose reply was lost: the old one may live.
            if not isinstance(outcome, Gone):
                await self._end(other, reason)
        return not isinstance(outcome, Gone)

    async def revoke(self, key: str, *, spared: Collection[str] = ()) -> bool:
        """End a session from outside, and what came of it by a rotation; return False if none lived.

        Where there is no record a tombstone is put in its place: a sign-in that is under way has made
        its entry in the index, and not its record yet. The session of the keys that are spared goes on.
        """
        waiting, seen, ended = [key], set(spared), False
        pending, replaced = set[str](), set[str]()
        while waiting and len(seen) < _MAX_KIN + len(spared):
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                outcome = await self._end_or_block(key)
                if isinstance(outcome, Committed):
                    await self._announce_end(key, EndReason.REVOKED, outcome.record)
                    if outcome.record.predecessor is None:
                        ended = True
                    else:  # a session only if the one before it has ended for it
                        pending.add(key)
                else:  # perhaps by a rotation that could not go on, and has told nobody yet
                    await self._notify(key, outcome.reason)
                    if outcome.tombstone is not None and outcome.tombstone.successor is not None:
                        replaced.add(outcome.tombstone.successor)
                waiting += _kin(key, outcome)
        return ended or not pending.isdisjoint(replaced)

    async def _end_or_block(self, key: str) -> Committed | Gone:
        keep = self.policy.keep(EndReason.ROTATED)  # for as long as a sign-in may be under way
        while True:
            outcome = await self._put_tombstone(key, EndReason.REVOKED, keep)
            if isinstance(outcome, Committed):
                return outcome
            if isinstance(outcome, Gone) and outcome.tombstone is not None:
                return outcome
            with suppress(SessionExistsError):
                await self.store.create(key, EMPTY, idle=keep, absolute=keep)
                await self.store.end(key, EndReason.REVOKED, keep=keep)
                return Gone()

    async def is_done(self, name: str) -> bool:
        """Return whether something was noted as done, on any node, within a quarter of an hour."""
        return await self.store.load(_done_key(name)) is not None

    async def note_done(self, name: str) -> None:
        """Note that something was done; that it was noted before is no error."""
        with suppress(SessionExistsError):
            key = _done_key(name)
            await self.store.create(key, EMPTY, idle=_DONE_SECONDS, absolute=_DONE_SECONDS)

    async def logout(self, session_id: str) -> None:
        """End the session of an id by logout; see `destroy`."""
        await self.destroy(session_key(session_id))

    async def destroy(self, key: str) -> None:
        """End a session by logout, with those before and after it in a rotation that may be under way.

        Without them, a logout that races with a rotation would be undone by it.
        """
        waiting, ended = [key], set[str]()
        while waiting and len(ended) < _MAX_KIN:
            key = waiting.pop()
            if key not in ended:
                ended.add(key)
                waiting += _kin(key, await self._end(key, EndReason.LOGOUT))

    def rotation(self, key: str) -> Rotation:
        """Return what moves a session to a new id, by `rotate`."""
        return Rotation(self.store, self.policy, key, self.answers)

    async def rotate(
        self,
        rotation: Rotation,
        key: str,
        record: Record,
        changes: Changes,
        *,
        signed_in: Callable[[Record, float], Record] | None = None,
    ) -> Record:
        """Move a session to the new id of a rotation; return its record. See Rotation.run.

        With `signed_in` it is a sign-in, and that gives the record with its time, which is that of its entry
        in the index: those before an end of all sessions of the user end with it.
        """
        added = await self._add_to_index(rotation.key, record)
        if signed_in is not None:
            at = await self._time(key, record) if added is None else added
            record = signed_in(record, at)
        try:
            found = await rotation.run(record, changes, until=self._latest(added))
        except SessionExistsError:  # a tombstone of `revoke`, which came between
            raise SessionEndedError(EndReason.REVOKED) from None
        except SessionEndedError as error:  # by this rotation, if the new record was ended first
            self._before_end(key)
            await self._notify(key, error.reason)
            raise
        except StoreUnavailableError:
            if rotation.begun:
                self._before_end(key)
            raise
        self._before_end(key)
        await self._announce_end(key, EndReason.ROTATED, record)
        await self._remove_from_index(key, Committed(record))
        return found

    async def complete(self, key: str, record: Record) -> Record | None:
        """Do what is left of a rotation to a record; return it, or None if it has no session any more.

        Raises:
            SessionEndedError: the session was ended before it could move.
        """
        predecessor = Predecessor.read(key, record.predecessor).key
        try:
            found = await complete(
                self.store, self.policy, key, record, self.answers, self._supersede
            )
        except SessionEndedError as error:
            if error.reason in _WITHOUT_SUCCESSOR:
                return None
            raise
        self._before_end(predecessor)
        await self._announce_end(predecessor, EndReason.ROTATED, record)
        return found

    async def _supersede(self, key: str, record: Record, successor: str) -> bool:
        """End a session because another rotation of the one before it goes on; see rotation.complete."""
        keep = self.policy.keep(EndReason.ROTATED)
        outcome = await self.store.end(
            key, EndReason.ROTATED, keep=keep, version=record.version, successor=successor
        )
        if not isinstance(outcome, Committed):
            return False
        self._before_end(key)
        await self._announce_end(key, EndReason.ROTATED, record)
        await self._remove_from_index(key, outcome)
        return True

    async def ping(self) -> None:
        """Return if the store accepts writes; raise StoreUnavailableError if it does not."""
        await self.store.ping()

    async def aclose(self) -> None:
        """End what runs in the background, and close the store."""
        await cancel(*self._tasks)
        await self.store.aclose()

    async def _add_to_index(self, key: str, record: Record) -> float | None:
        """Make the entries of a signed-in session, before there is a record under the key.

        Return when that of the user was made, by the store's clock; None if there is none.
        """
        names = index_names(record.owner)
        if self.index is None or not names:
            return None
        keep = record.absolute_at - _now(record) + _INDEX_MARGIN_SECONDS
        added, *_ = [await self.index.add_to_index(name, key, keep=keep) for name in names]
        return added

    async def _time(self, key: str, record: Record) -> float:
        """Return what the store's clock says; the record of a handle may have been read minutes ago."""
        found = await self.store.load(key)
        return _now(found) if isinstance(found, Record) else _now(record)

    def _latest(self, added: float | None) -> float | None:
        """Return until when the record may follow an entry.

        `revoke` puts a tombstone in its place, which does not stay for ever, and this node may be stopped
        for longer.
        """
        if added is None:
            return None
        blocked = self.policy.keep(EndReason.ROTATED)
        return added + max(blocked - _INDEX_MARGIN_SECONDS, blocked / 2)

    async def _remove_from_index(self, key: str, outcome: CommitOutcome) -> None:
        """Remove the entries of a session that has ended; if that fails they go with their time."""
        if self.index is None or not isinstance(outcome, Committed):
            return
        with suppress(StoreUnavailableError):
            for name in index_names(outcome.record.owner):
                await self.index.remove_from_index(name, key)

    async def end_oldest(self, user: str) -> None:
        """End the sessions of a user beyond `max_per_user`, those that were signed in first."""
        if self.index is None or not self.policy.max_per_user:
            return
        name = user_name(user)
        live = await load_live(self.store, await self.index.read_index(name))
        # Two sign-ins at once find the same, and end the same: not each other.
        newest_first = sorted(live, key=lambda key: (_signed_in_at(live[key]), key), reverse=True)
        for key in newest_first[self.policy.max_per_user :]:
            await self.revoke(key)  # also if it has moved to another id since
            await self.index.remove_from_index(name, key)

    async def _end(self, key: str, reason: EndReason) -> CommitOutcome:
        outcome = await self._put_tombstone(key, reason, self.policy.keep(reason))
        if isinstance(outcome, Gone):
            # Perhaps by an earlier call, whose reply was lost before any listener was called.
            await self._notify(key, outcome.reason)
        else:
            await self._announce_end(key, reason, outcome.record)
            await self._remove_from_index(key, outcome)
        return outcome

    async def _put_tombstone(self, key: str, reason: EndReason, keep: float) -> CommitOutcome:
        began = time.monotonic()
        ending = asyncio.ensure_future(self.store.end(key, reason, keep=keep))
        # In the same event-loop turn, so that the message follows the tombstone in one round trip.
        self._before_end(key)
        outcome = await ending
        if time.monotonic() - began > _SLOW_END_SECONDS:
            self._before_end(key)  # who looked at the first message may have found no tombstone yet
        return outcome

    async def _announce_end(self, key: str, reason: EndReason, record: Record) -> None:
        if self._life is not None:
            self._life.ended(key, reason, record)
        logger.info("session ended", extra={"session": short(key), "reason": str(reason)})
        await self._notify(key, reason)

    async def _notify(self, key: str, reason: EndReason) -> None:
        for listener in self._listeners:
            await listener(key, reason)


def _as_used(record: Record, policy: Policy) -> Record:
    """Return a new record with the deadline that it has from the moment that its cookie comes back."""
    lease = record.lease
    if lease is None:
        return record
    expires_at = min(lease.now + policy.idle, record.absolute_at)
    return record._replace(lease=lease._replace(expires_at=expires_at))


def _done_key(name: str) -> str:
    return session_key(f"done {name}")  # no session id has a space


def _signed_in_at(record: Record) -> float:
    sign_in = unpack(record.owner)
    return 0.0 if sign_in is None else sign_in.at


def _now(record: Record) -> float:
    return time.time() if record.lease is None else record.lease.now


def _kin(key: str, outcome: CommitOutcome) -> list[str]:
    """Return the keys before and after one whose record was to be ended, in a rotation."""
    match outcome:
        case Committed(record) if record.predecessor is not None:
            return [Predecessor.read(key, record.predecessor).key]
        case Gone(Tombstone() as tombstone):
            kin = [] if tombstone.successor is None else [tombstone.successor]
            if tombstone.predecessor is not None:
                kin.append(Predecessor.read(key, tombstone.predecessor).key)
            return kin
    return []
