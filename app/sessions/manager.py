"""Creates, loads and changes sessions in a store, by the timeout policy."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..aio.tasks import cancel
from .changes import EMPTY, Changes, dump_checked, parse
from .ends import Ends
from .errors import (
    SessionEndedError,
    SessionExistsError,
    SessionTooLargeError,
    StoreUnavailableError,
    UnreadableRecordError,
)
from .ids import new_session_id, session_key, short
from .index_entries import IndexEntries
from .listeners import BeforeEndListener, EndListener, LifeListener
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
from .rotation import Predecessor, Rotation, resume
from .selection import DeadKeys, refuse_in_flight
from .session import Session
from .stores.answers import AnswerStore
from .stores.base import SessionStore
from .stores.user_index import UserIndex
from .usage import Usage
from .write_lock import FailFast, WriteLock

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_NO_VERSION, _FIRST_VERSION = 0, 1
_NO_TRACE_SECONDS = 0.001
"""How long the tombstone stays of a session that nobody knows."""
_WITHOUT_SUCCESSOR = {EndReason.EXPIRED, EndReason.REVOKED}
"""After these no newer cookie may be on its way to the browser."""
_DONE_SECONDS = 900.0
_RECENT_LOCKS = 500
"""Locks that are kept while nobody holds them: a session that was written is often written again."""


class SessionManager:
    """Creates, loads and changes the sessions of a store.

    Args:
        store: where they are kept; closed by `aclose`.
        policy: their limits.
        index: finds the sessions of a user; None where the store cannot.
        answers: keeps the answers of what takes effect once; the store itself if it can, and none is given.

    Attributes:
        ends: what ends them.
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
        self._entries = IndexEntries(store, policy, index)
        self.ends = Ends(store, policy, self._entries)
        self.answers = store if answers is None and isinstance(store, AnswerStore) else answers
        self._tasks = set[asyncio.Task[None]]()
        self.fail_fast = FailFast()
        self.dead_keys = DeadKeys()
        self._write_locks: WeakValueDictionary[str, WriteLock] = WeakValueDictionary()
        self._recent_locks: dict[str, WriteLock] = {}

    def add_before_end_listener(self, listener: BeforeEndListener) -> None:
        """Call `listener(key)` when a session is about to end here, before the end is certain."""
        self.ends.before = listener

    def add_life_listener(self, listener: LifeListener) -> None:
        """Notify a listener of what is opened, changed and ended here."""
        self.ends.life = listener

    def add_end_listener(self, listener: EndListener) -> None:
        """Await `listener(key, reason)` after a session was ended here, before `end` returns.

        Also if it turns out to have ended before.
        """
        self.ends.listeners.append(listener)

    async def create(self, usage: Usage | None = None, *, in_use: bool = True) -> Session:
        """Create a session under a fresh id; not `in_use`, it is short-lived until its cookie comes back."""
        session_id = new_session_id()
        key = session_key(session_id)
        policy = self.policy
        idle = policy.idle if in_use else policy.first
        record = await self.store.create(key, EMPTY, idle=idle, absolute=policy.absolute)
        record = _as_used(record, policy)
        logger.info("session created", extra={"session": short(key)})
        if self.ends.life is not None:
            self.ends.life.created(key, record)
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
                if self.ends.life is not None:
                    self.ends.life.committed(key, before, record.data)
                return record, result

    def note_commit(self, key: str, before: bytes, after: bytes) -> None:
        """Notify the listener of data that were replaced here."""
        if self.ends.life is not None:
            self.ends.life.committed(key, before, after)

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

    async def is_done(self, name: str) -> bool:
        """Return whether something was noted as done, on any node, within a quarter of an hour."""
        return await self.store.load(_done_key(name)) is not None

    async def note_done(self, name: str) -> None:
        """Note that something was done; that it was noted before is no error."""
        with suppress(SessionExistsError):
            key = _done_key(name)
            await self.store.create(key, EMPTY, idle=_DONE_SECONDS, absolute=_DONE_SECONDS)

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
        added = await self._entries.add(rotation.key, record)
        if signed_in is not None:
            at = await self._entries.time(key, record) if added is None else added
            record = signed_in(record, at)
        try:
            found = await rotation.run(record, changes, until=self._entries.latest(added))
        except SessionExistsError:  # a tombstone of `revoke`, which came between
            raise SessionEndedError(EndReason.REVOKED) from None
        except SessionEndedError as error:  # by this rotation, if the new record was ended first
            self.ends.before(key)
            await self.ends.notify(key, error.reason)
            raise
        except StoreUnavailableError:
            if rotation.begun:
                self.ends.before(key)
            raise
        self.ends.before(key)
        await self.ends.announce(key, EndReason.ROTATED, record)
        await self._entries.remove(key, Committed(record))
        return found

    async def complete(self, key: str, record: Record) -> Record | None:
        """Do what is left of a rotation to a record; return it, or None if it has no session any more.

        Raises:
            SessionEndedError: the session was ended before it could move.
        """
        predecessor = Predecessor.read(key, record.predecessor).key
        try:
            found = await resume(
                self.store, self.policy, key, record, self.answers, self.ends.supersede
            )
        except SessionEndedError as error:
            if error.reason in _WITHOUT_SUCCESSOR:
                return None
            raise
        self.ends.before(predecessor)
        await self.ends.announce(predecessor, EndReason.ROTATED, record)
        return found

    async def ping(self) -> None:
        """Return if the store accepts writes; raise StoreUnavailableError if it does not."""
        await self.store.ping()

    async def aclose(self) -> None:
        """End what runs in the background, and close the store."""
        await cancel(*self._tasks)
        await self.store.aclose()


def _as_used(record: Record, policy: Policy) -> Record:
    """Return a new record with the deadline that it has from the moment that its cookie comes back."""
    lease = record.lease
    if lease is None:
        return record
    expires_at = min(lease.now + policy.idle, record.absolute_at)
    return record._replace(lease=lease._replace(expires_at=expires_at))


def _done_key(name: str) -> str:
    return session_key(f"done {name}")  # no session id has a space
