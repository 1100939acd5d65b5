"""The handle on a session that a route or an event handler holds."""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Protocol, Self, TypeVar

from app.sessions.data import Changes, dump, parse
from app.sessions.errors import (
    RotationImpossibleError,
    SessionEndedError,
    StoreUnavailableError,
)
from app.sessions.outage import Outage
from app.sessions.records import CommitOutcome, Committed, Conflict, EndReason, Record

Result = TypeVar("Result")
Data = dict[str, Any]


class Turn:
    """The queue of one session's writers on this node, and what the last of them wrote."""

    def __init__(self, outage: Outage) -> None:
        self.latest: Record | None = None
        self._outage = outage
        self._began = 0.0
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        since = time.monotonic()
        await self._lock.acquire()
        try:
            self._outage.check(since)
        except StoreUnavailableError:
            self._lock.release()
            raise
        self._began = time.monotonic()
        return self

    async def __aexit__(self, _type: object, error: object, _traceback: object) -> None:
        if isinstance(error, StoreUnavailableError):
            self._outage.note(self._began)
        self._lock.release()


class Keeper(Protocol):
    """What a handle asks of the service that made it; see Sessions."""

    def turn(self, key: str) -> Turn: ...

    async def look(self, key: str) -> Record: ...

    async def commit(self, key: str, record: Record, data: bytes) -> CommitOutcome: ...

    async def rotate(self, key: str, record: Record) -> tuple[str, str, Record]: ...

    async def destroy(self, key: str) -> None: ...


class Session(MutableMapping[str, Any]):
    """A session's data as a mapping, and what can be done with the session itself.

    It is one stable object: `reload`, `update`, `rotate` change it in place. Values are what JSON
    has. Plain writes, nested ones too, are noticed by comparison with what was loaded and are
    merged by top-level key when the request or event ends, or at `save`.

    Every method that talks to the store raises SessionEndedError if the session has ended, and
    StoreUnavailableError if the store gives no answer. Writes raise SessionDataError if the data
    is not JSON, SessionTooLargeError if it is over the limit; the stored data stay as they were.
    """

    __slots__ = ("_data", "_destroyed", "_ended", "_id", "_keeper", "_record", "key")

    def __init__(self, keeper: Keeper, key: str, record: Record, session_id: str | None) -> None:
        self.key = key
        self._keeper = keeper
        self._record = record
        self._id = session_id
        self._data: Data | None = None
        self._ended: EndReason | None = None
        self._destroyed = False

    @property
    def id(self) -> str | None:
        """The secret in the cookie, None where only the key is known. Never log it, never send it."""
        return self._id

    @property
    def version(self) -> int:
        """The version of the record that this handle has seen last; grows by one with every commit."""
        return self._record.version

    @property
    def record(self) -> Record:
        """The record that this handle has seen last."""
        return self._record

    @property
    def ended(self) -> EndReason | None:
        """Why the session has ended, as far as this handle knows; None while it lives."""
        return self._ended

    @property
    def destroyed(self) -> bool:
        """Whether this handle ended the session, rather than found that it had ended."""
        return self._destroyed

    @property
    def accessed(self) -> bool:
        """Whether anybody has looked at the data since they were loaded."""
        return self._data is not None

    @property
    def modified(self) -> bool:
        """Whether there are plain writes that are not stored yet."""
        return self._ended is None and bool(self._changes())

    async def update(self, fn: Callable[[Data], Result]) -> Result:  # type: ignore[override] # the mapping's own update is a plain write; this one is atomic
        """Run `fn` on the newest data until what it makes of them is stored, and give its result.

        `fn` is a plain function that changes the dict it is given. It may run several times, each
        time on fresh data, so it must have no other effect. If it raises, nothing is stored. Plain
        writes made before are stored with it.
        """
        return await self._commit(fn)

    async def save(self) -> None:
        """Store the plain writes, merged by top-level key with what others wrote meanwhile."""
        if self._changes():
            await self._commit(_change_nothing_else)

    async def reload(self) -> None:
        """Forget plain writes that are not stored, and take the data as they are now."""
        try:
            self._record = await self._keeper.look(self.key)
            self._data = None
        except SessionEndedError as error:
            self._end(error.reason)
            raise

    async def rotate(self) -> None:
        """Store plain writes, then move the data to a new id; the old one ends at once (OWASP: renew
        the id at every change of privilege).

        Raises RotationImpossibleError on a handle that has no cookie to send, as a socket's.
        """
        if self._id is None:
            raise RotationImpossibleError("a socket cannot carry a new cookie; rotate over HTTP")
        await self.save()
        self._refuse_if_ended()
        mark = self._mark()
        try:
            self._id, self.key, record = await self._keeper.rotate(self.key, self._record)
        except SessionEndedError as error:
            self._end(error.reason)
            raise
        self._take(record, mark)

    async def destroy(self) -> None:
        """End the session: its data are gone, its sockets are let go. A second call does nothing."""
        if self._ended is None:
            await self._keeper.destroy(self.key)
            self._end(EndReason.LOGOUT)
            self._destroyed = True

    def refresh(self, record: Record) -> None:
        """Take a newer record as the base and keep plain writes on top of it."""
        if record.version > self._record.version:
            self._take(record, self._record.data)

    def forget_changes(self) -> None:
        """Drop plain writes that are not stored."""
        if self._ended is None:
            self._data = None

    def __getitem__(self, name: str) -> Any:
        return self._items()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._refuse_if_ended()
        self._items()[name] = value

    def __delitem__(self, name: str) -> None:
        self._refuse_if_ended()
        del self._items()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def __repr__(self) -> str:
        return f"<Session {self.key[:8]} version {self.version}>"

    def _items(self) -> Data:
        if self._data is None:
            self._data = parse(self._record.data)
        return self._data

    def _changes(self) -> Changes:
        return Changes.between(self._record.data, self._data)

    def _mark(self) -> bytes:
        """Note the data as they are, so that writes made from now on can be told from those before."""
        return self._record.data if self._data is None else dump(self._data)

    def _take(self, record: Record, mark: bytes) -> None:
        """Take a record as the base, with the plain writes made since the mark on top of it."""
        later = Changes.between(mark, self._data)
        self._record = record
        self._data = None
        if later:
            later.apply_to(self._items())

    def _end(self, reason: EndReason) -> None:
        self._ended = reason
        self._data = {}

    def _refuse_if_ended(self) -> None:
        if self._ended is not None:
            raise SessionEndedError(self._ended)

    async def _commit(self, fn: Callable[[Data], Result]) -> Result:
        self._refuse_if_ended()
        async with self._keeper.turn(self.key) as turn:
            try:
                return await self._compare_and_set(fn, turn)
            except SessionEndedError as error:
                self._end(error.reason)
                raise

    async def _compare_and_set(self, fn: Callable[[Data], Result], turn: Turn) -> Result:
        changes, mark = self._changes(), self._mark()
        record, newest = _newer(self._record, turn.latest), False
        while True:
            draft = parse(record.data)
            changes.apply_to(draft)
            result = fn(draft)
            _refuse_awaitable(result)
            data = dump(draft)
            if data != record.data:
                outcome = await self._keeper.commit(self.key, record, data)
                match outcome:
                    case Committed(record):
                        turn.latest = record
                        self._take(record, mark)
                        return result
                    case Conflict(record):
                        newest = True
                    case _:
                        raise SessionEndedError(outcome.reason)
            elif newest:
                self._take(record, mark)
                return result
            else:  # "nothing to change" is only true of data that are still the newest
                record, newest = await self._keeper.look(self.key), True


def _change_nothing_else(_: Data) -> None:
    """What `save` does to the data beside storing plain writes."""


def _newer(record: Record, other: Record | None) -> Record:
    return other if other and other.version > record.version else record


def _refuse_awaitable(result: object) -> None:
    if hasattr(result, "__await__"):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("session.update takes a plain function: it runs again on every conflict")
