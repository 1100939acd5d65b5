"""The session that a route or an event handler holds."""

import inspect
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar

from ..injected import Injected
from .changes import EMPTY, NO_CHANGES, Changes, dump
from .errors import (
    RotationImpossibleError,
    SessionEndedError,
    SessionHandleError,
    StoreUnavailableError,
)
from .live_data import LiveData
from .mapping import Data, SessionMapping
from .models import EndReason, Record, newer
from .once import Name, commit_once
from .sign_in import (
    SignIn,
    check_label,
    check_user,
    oidc_session,
    sign_in_to,
    unpack,
    user_of,
    with_time,
)
from .usage import Usage

if TYPE_CHECKING:
    from .manager import SessionManager
    from .write_lock import WriteLock

Result = TypeVar("Result")

_CONTAINERS = {dict, list}
_GENERATORS = {GeneratorType, AsyncGeneratorType}
_LONGEST_LIFE = 10 * 365 * 24 * 3600.0


class Session(Injected, SessionMapping):
    """A session's data as a mapping, and what can be done with the session itself.

    It has the habits of a dict: one without data is falsy, so that whoever asks whether there is a session
    asks `is None`. Values are what JSON gives back as it was, types included: a value
    of any other type is refused when it is set, one within a list or dict at the latest when the
    handler ends. Plain writes, nested ones too, are found by comparison with what was loaded; they
    are stored, merged by top-level key, when the response or ack starts, or by `save`. A
    read-modify-write that must not lose another's is `transact`.

    It belongs to one request or event. After the response has started plain writes are stored when
    the request ends, and no cookie can follow; after the end they are refused.

    Every method that calls the store raises SessionEndedError if the session has ended, and
    StoreUnavailableError if there is no reply. Those that write raise SessionDataError, with the
    key's path, if JSON would not give the data back as they are, and SessionTooLargeError if they
    are over the limit; the stored data stays as it was.
    """

    __slots__ = (
        "_data",
        "_destroyed",
        "_ended",
        "_id",
        "_in_doubt",
        "_key",
        "_manager",
        "_record",
        "_replayed",
        "_usage",
    )

    def __init__(
        self,
        manager: "SessionManager",
        key: str,
        record: Record,
        session_id: str | None,
        usage: Usage | None = None,
    ) -> None:
        self._key = key
        self._manager = manager
        self._record = record
        self._id = session_id
        self._usage = usage or Usage()
        self._data: LiveData | None = None
        self._ended: EndReason | None = None
        self._destroyed = False
        self._in_doubt = False
        self._replayed: int | None = None

    @property
    def key(self) -> str:
        """The session key: SHA-256 of the id, 64 hex digits. It is no secret, and changes by `rotate`."""
        return self._key

    @property
    def manager(self) -> "SessionManager":
        """What it was created or loaded by."""
        return self._manager

    @property
    def id(self) -> str | None:
        """The secret in the cookie, None where only the key is known. Never log or send it."""
        return self._id

    @property
    def version(self) -> int:
        """The version of the data as last read: 1 at creation, one more with every commit."""
        return self._record.version

    @property
    def state_version(self) -> int:
        """The version that what was read or returned last belongs to; it orders what is published.

        The same as `version`, but after a `transact` that was a repeat: then that at which the first
        one was stored, so that its answer, which may be outdated, follows no newer one.
        """
        return self._record.version if self._replayed is None else self._replayed

    @property
    def created_at(self) -> datetime:
        """When the session was created, in UTC by the store's clock; `rotate` does not change it."""
        return datetime.fromtimestamp(self._record.created_at, UTC)

    @property
    def expires_at(self) -> datetime:
        """When the session ends if it is not used again, in UTC by the store's clock.

        As of the last read or write of this object that returned the deadline; what other requests
        did since may have extended it. Without such a read it is the absolute deadline, beyond which
        no use extends a session.
        """
        lease = self._record.lease
        expires_at = self._record.absolute_at if lease is None else lease.expires_at
        return datetime.fromtimestamp(expires_at, UTC)

    @property
    def read_at(self) -> datetime:
        """When the session was last read or written by this object, in UTC by the store's clock."""
        lease = self._record.lease
        return datetime.now(UTC) if lease is None else datetime.fromtimestamp(lease.now, UTC)

    @property
    def max_age(self) -> float:
        """Seconds from the last read until the absolute deadline, beyond which no use extends it."""
        record = self._record
        now = record.created_at if record.lease is None else record.lease.now
        return record.absolute_at - now

    @property
    def user(self) -> str | None:
        """The user who is signed in, by the id that `sign_in` was given; None if nobody is."""
        return user_of(self._record.owner)

    @property
    def signed_in_at(self) -> datetime | None:
        """When that user signed in last, in UTC by the store's clock; None if nobody is signed in."""
        sign_in = unpack(self._record.owner)
        return None if sign_in is None else datetime.fromtimestamp(sign_in.at, UTC)

    @property
    def ended(self) -> EndReason | None:
        """Why the session has ended, as far as this object knows; None while it lives."""
        return self._ended

    @property
    def destroyed(self) -> bool:
        """Whether this object ended the session, rather than found that it had ended."""
        return self._destroyed

    @property
    def accessed(self) -> bool:
        """Whether the data were read or written since they were loaded."""
        return self._data is not None

    @property
    def modified(self) -> bool:
        """Whether there are plain writes that are not stored yet."""
        return self._data is not None and self._ended is None and bool(self._changes())

    async def transact(self, fn: Callable[[Data], Result], once: str | None = None) -> Result:
        """Change the data by an atomic read-modify-write.

        Plain writes made before are stored in the same step. Within a request that has an
        Idempotency-Key, and within an event with `once=True`, each takes effect once by itself.

        Args:
            fn: a plain function that gets the newest data as a dict and changes it in place. If
                another write came first it is called again with newer data, so it must have no other
                effect. If it raises, nothing is stored.
            once: a key, 8 to 64 characters: with the same key the change takes effect once for ten
                minutes, and the first answer is returned again, whatever `fn` would do. What it
                returns has to be a JSON value of at most 8 KiB then.

        Returns:
            What `fn` returned when its change was stored. A list or dict in the data is the
            session's: a later change to it is a plain write. The whole dict that `fn` got is not.

        Raises:
            TypeError: `fn` is a coroutine function or a generator function.
            ValueError: `once` is no key.
            SessionEndedError: the session has ended; nothing was stored.
            SessionDataError: JSON would not give the data, or an answer that is kept, back as they are;
                nothing was stored.
            SessionTooLargeError: the data would be over SESSION_MAX_BYTES; nothing was stored.
            TooManyOnceKeysError: a thousand keys are kept already; nothing was stored.
            StoreUnavailableError: there was no reply; the change may have been stored.
        """
        if once is not None:
            return await self._commit(fn, Name.of_key(once))
        steps = self._usage.steps
        return await self._commit(fn, None if steps is None else steps.next())

    async def save(self) -> None:
        """Store the plain writes, merged by top-level key with what others wrote meanwhile.

        Raises:
            SessionEndedError: the session has ended; nothing was stored.
            SessionDataError: JSON would not give the data back as they are, or a list or dict was
                changed after newer data had taken its place; nothing was stored.
            SessionTooLargeError: the data would be over SESSION_MAX_BYTES; nothing was stored.
            StoreUnavailableError: there was no reply; the writes may have been stored.
        """
        if self._changes():
            await self._commit(_no_further_change)

    async def reload(self) -> None:
        """Drop plain writes that are not stored, and load the newest data.

        Raises:
            SessionEndedError: the session has ended.
            StoreUnavailableError: there was no reply.
        """
        if self._in_doubt:
            raise _doubt()
        try:
            record = await self._manager.load_live(self._key)
        except SessionEndedError as error:
            self._end(error.reason)
            raise
        if self._data is not None:
            self._data.drop_changes(record.data)
        self._set_record(record)

    async def rotate(self) -> None:
        """Move the session to a new id, plain writes included; the old one ends immediately.

        OWASP asks for a new id at every change of privilege. What was written to the session before
        moves in the same step: the old id never has it.

        If the store's reply is lost the response, whatever it is, carries the new id as well, whose
        first use completes the rotation. Until then the session cannot be written to.

        Raises:
            RotationImpossibleError: this is the session of a socket, which cannot send a cookie, the
                response has started, or the route is idempotent.
            SessionEndedError: the session has ended.
            StoreUnavailableError: there was no reply; the rotation may have happened.
        """
        await self._rotate(lambda record: record)

    async def sign_in(
        self,
        user: str,
        *,
        label: str | None = None,
        oidc: Mapping[str, Any] | None = None,
        absolute: float | None = None,
    ) -> None:
        """Bind the session to a user, and move it to a new id, as `rotate` does; its data stay.

        Whoever knew the id before has nothing by it (OWASP: session fixation). Its sockets reconnect,
        signed in. A second sign-in of the same user renews `signed_in_at`, and keeps the label, the
        claims and the lifetime of the first unless it is given others.

        Args:
            user: your own id of a person, 1 to 256 characters. Check who it is before.
            label: what a list of devices calls this client, at most 200 characters; made of the
                User-Agent if None is given.
            oidc: the claims of the ID token that the sign-in came of, of which `iss`, `sub` and `sid`
                are kept: back-channel logout finds the session by them.
            absolute: seconds that the session may live at the most from now on, in place of
                SESSION_ABSOLUTE_TIMEOUT; it is not ended earlier for want of use ("remember me").

        Raises:
            TypeError: the user is no string.
            ValueError: the user, the label, the claims or the lifetime cannot be used.
            SignedInAlreadyError: another user is signed in; `sign_out` first.
            RotationImpossibleError: this is the session of a socket, which cannot send a cookie, the
                response has started, or the route is idempotent.
            SessionEndedError: the session has ended; a sign-in that races with the end of all
                sessions of its user does so, too.
            StoreUnavailableError: there was no reply; the sign-in may have happened.
        """
        check_user(user)
        label, claims = check_label(label), None if oidc is None else oidc_session(oidc)
        if absolute is not None and not 0 < absolute < _LONGEST_LIFE:
            raise ValueError(f"absolute: seconds, more than none and less than {_LONGEST_LIFE:g}")
        visitor = self._usage.visitor()
        sign_in = SignIn(
            *(user, 0.0, label, visitor.address, claims), remembered=absolute is not None
        )
        change = partial(sign_in_to, sign_in=sign_in, client=visitor.label, absolute=absolute)
        await self._rotate(change, partial(with_time, absolute=absolute))
        await self._manager.ends.end_oldest(user)

    async def sign_out(self) -> None:
        """End the session: its user is signed out, its data are deleted, its sockets disconnected.

        The same as `destroy`; works in events, too.

        Raises:
            StoreUnavailableError: there was no reply; the session may have ended.
        """
        await self.destroy()

    async def _rotate(
        self,
        change: Callable[[Record], Record],
        signed_in: Callable[[Record, float], Record] | None = None,
    ) -> None:
        if self._usage.idempotent:
            raise RotationImpossibleError(
                "an idempotent route cannot rotate the session, nor sign in: a repeat would come with "
                "the old id; remove Depends(idempotent)"
            )
        if self._id is None:
            raise RotationImpossibleError(
                "a socket cannot carry a new cookie; sign in, or rotate, over HTTP"
            )
        if self._usage.answered:
            raise RotationImpossibleError("the response has started; rotate before it does")
        self._refuse_if_ended()
        async with self._manager.write_lock(self._key) as lock:
            changes, mark = self._changes(), self._mark()
            rotation = self._manager.rotation(self._key)
            newest = change(newer(self._record, lock.latest))
            try:
                record = await self._manager.rotate(
                    rotation, self._key, newest, changes, signed_in=signed_in
                )
            except SessionEndedError as error:
                self._end(error.reason)
                raise
            except BaseException:  # no reply came, or nobody waits for it
                self._in_doubt = rotation.begun
                raise
            finally:
                if rotation.begun and self._ended is None:
                    self._id, self._key = rotation.issued_id, rotation.key
        self._rebase(record, mark)

    async def destroy(self) -> None:
        """End the session: its data are deleted, its sockets disconnected. A second call does nothing.

        If the session has got a new id meanwhile, it ends under that one.

        Raises:
            StoreUnavailableError: there was no reply; the session may have ended.
        """
        if self._ended in (None, EndReason.ROTATED):
            self._usage.before_destroy()
            await self._manager.ends.destroy(self._key)
            self._end(EndReason.LOGOUT)
            self._destroyed = True

    def discard_changes(self) -> None:
        """Drop plain writes that are not stored."""
        if self._ended is None and self._data is not None:
            self._data.drop_changes(self._record.data)

    def __repr__(self) -> str:
        return f"<Session {self._key[:8]} version {self.version}>"

    def _items(self) -> Data:
        if self._data is None:
            self._data = LiveData(self._record.data, self._key)
        return self._data.items

    def _writable_items(self) -> Data:
        self._refuse_if_ended()
        if self._usage.refused:
            raise SessionHandleError(
                "the response refuses a visitor who has no session (its status is 400 or above), so "
                "the one that was opened is deleted; what is to be kept has to be written before"
            )
        if self._usage.over:
            raise SessionHandleError(
                "the request or event of this session object is over, and nobody stores what is "
                "written to it; use: await session.transact(fn)"
            )
        return self._items()

    def _changes(self) -> Changes:
        return NO_CHANGES if self._data is None else self._data.changes(self._record.data)

    def _mark(self) -> bytes:
        """Return the data as JSON, to separate later writes from those made so far."""
        return self._record.data if self._data is None else dump(self._data.items)

    def _rebase(
        self,
        record: Record,
        mark: bytes,
        removed: Collection[str] = (),
        draft: Data | None = None,
    ) -> None:
        """Take a record as the base, with the plain writes made since the mark on top of it."""
        if self._data is not None:
            self._data.rebase(record.data, mark, removed, draft)
        elif draft is not None:
            self._data = LiveData.of(draft, self._key)
        self._set_record(record)

    def _set_record(self, record: Record) -> None:
        """Replace the record; one that was read without its lease keeps the one known so far."""
        if record.lease is None and self._record.lease is not None:
            record = record._replace(lease=self._record.lease)
        self._record = self._usage.record = record
        self._replayed = None

    def _end(self, reason: EndReason) -> None:
        self._ended = reason
        self._data = LiveData(EMPTY, self._key)

    def _refuse_if_ended(self) -> None:
        if self._ended is not None:
            raise SessionEndedError(self._ended)
        if self._in_doubt:
            raise _doubt()

    async def _commit(self, fn: Callable[[Data], Result], name: Name | None = None) -> Result:
        self._refuse_if_ended()
        lock = self._manager.write_lock(self._key)
        if not lock.take():
            await lock.wait()
        try:
            # Under the lock: what another task wrote by this object while this one was queued is stored.
            changes, mark = self._changes(), self._mark()
            before: list[str] = []
            draft: Data = {}

            def change(data: Data) -> Result:
                nonlocal before, draft
                if changes is not NO_CHANGES:
                    changes.apply_to(data)
                before, draft = [*data], data
                result = fn(data)
                _refuse_unfinished(fn, result)
                return result

            extend = self._usage.extends
            if name is None:
                record, result = await self._manager.commit(
                    lock, self._key, self._record, change, extend
                )
            else:
                done = await commit_once(
                    self._manager, lock, self._key, self._record, change, name, extend=extend
                )
                if done.record is None:
                    self._replayed = done.version
                    return done.result
                record, result = done.record, done.result
        except (SessionEndedError, StoreUnavailableError) as error:
            self._note_failure(error, lock)
            raise
        else:
            # A function may have kept or returned a list or dict of it, or brought one.
            keeps = fn is not _no_further_change and _has_containers(draft)
            removed = () if self._data is None else {*before}.difference(draft)
            self._rebase(record, mark, removed, draft if keeps else None)
            return result
        finally:
            lock.release()

    def _note_failure(
        self, error: SessionEndedError | StoreUnavailableError, lock: "WriteLock"
    ) -> None:
        if isinstance(error, SessionEndedError):
            self._end(error.reason)
        else:
            lock.note_failure()


def _doubt() -> StoreUnavailableError:
    return StoreUnavailableError(
        "session store unavailable: the reply to a rotation was lost, and the first use of "
        "the new id has to complete it"
    )


def _has_containers(data: Data) -> bool:
    for value in data.values():  # noqa: SIM110 - any() takes several times as long for a few
        if type(value) in _CONTAINERS:
            return True
    return False


def _no_further_change(_: Data) -> None:
    """Change nothing beside the plain writes, which is what `save` stores."""


def _refuse_unfinished(fn: object, result: object) -> None:
    """Raise TypeError for what a function returns before it has done anything."""
    if type(result) in _GENERATORS:  # one may be an answer, but not that of a generator function
        if not (inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn)):
            return
    elif not hasattr(result, "__await__"):
        return
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError("session.transact takes a plain function: it is called again after a conflict")
