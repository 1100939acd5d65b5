"""What takes effect once: names of keys, and a read-modify-write whose answer is kept with it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import orjson

from ..metric_types import Counter
from .changes import dump_checked, parse
from .errors import SessionDataError, SessionEndedError, SessionTooLargeError, TooManyOnceKeysError
from .models import Committed, Conflict, Gone, Record, newer
from .sign_in import is_unicode
from .stores.answers import Answer, NoRoom, Once

if TYPE_CHECKING:
    from .manager import SessionManager
    from .write_lock import WriteLock

Result = TypeVar("Result")

MAX_ANSWER_BYTES = 8 * 1024
"""Of what a function of `transact(once=)` returns, as JSON."""
_SHORTEST, _LONGEST = 8, 64
_RESULT = "answer"

_ONCE = Counter(
    "mooring_once", "What is to take effect once, by kind and outcome.", ["kind", "outcome"]
)
TRANSACTIONS = _ONCE.labels("transact", "first"), _ONCE.labels("transact", "repeated")
REQUESTS = _ONCE.labels("request", "first"), _ONCE.labels("request", "repeated")
EVENTS = _ONCE.labels("event", "first"), _ONCE.labels("event", "repeated")


class Name(NamedTuple):
    """Under which name an answer is kept.

    Attributes:
        text: the name, unique in its session.
        step: whether it belongs to a request or event, which has a name of its own.
    """

    text: str
    step: bool = False

    @classmethod
    def of_key(cls, key: object) -> "Name":
        """Return the name of a key that `transact` was given; raise TypeError or ValueError."""
        if not isinstance(key, str):
            raise TypeError(f"once= takes a string, not {key!r}")
        if not is_key(key):
            raise ValueError(f"once= takes {_SHORTEST} to {_LONGEST} characters, not {key!r:.80}")
        return cls(f"t:{key}")


class Steps:
    """Names for the transactions within one request or event that takes effect once, by their ordinals.

    A repeat of it finds the answers of those that the first one has done, however far it came.
    """

    __slots__ = ("_name", "_number")

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0

    def next(self) -> Name:
        """Return the name of the next one."""
        self._number += 1
        return Name(f"{self._name}#{self._number}", step=True)


class Done(NamedTuple, Generic[Result]):
    """What has taken effect, now or before.

    Attributes:
        result: what the function returned; of a repeat what JSON made of it.
        record: the record that was written; None if this is a repeat.
        version: that of the record which was written.
    """

    result: Result
    record: Record | None
    version: int


def is_key(text: str) -> bool:
    """Return True for what may be a key: 8 to 64 characters that can be written as UTF-8."""
    return _SHORTEST <= len(text) <= _LONGEST and is_unicode(text)


async def commit_once(
    manager: "SessionManager",
    lock: "WriteLock",
    key: str,
    record: Record,
    change: Callable[[dict[str, Any]], Result],
    name: Name,
    *,
    extend: bool = False,
) -> Done[Result]:
    """Apply a change to the newest data by compare-and-set, unless its answer is kept: then return that.

    That it is kept is found out by the commit itself, which costs no round trip of its own. Only where
    the change fails it is asked for first: after the first time there may be nothing left to change.
    """
    store = manager.answer_store()
    record = newer(record, lock.latest)
    while True:
        try:
            result, data, answer = _draft(key, record, change, manager.policy.max_data)
        except Exception:
            kept = await store.read_answer(key, name.text)
            if kept is None:
                raise
            return _repeated(kept)
        idle = manager.policy.idle if extend else None
        outcome = await store.commit_once(
            *(key, record.version, data, Once(name.text, answer, name.step)),
            idle=idle,
            owner=record.owner,
        )
        if isinstance(outcome, Committed):
            lock.latest = outcome.record
            manager.note_commit(key, record.data, outcome.record.data)
            TRANSACTIONS[0].inc()
            return Done(result, outcome.record, outcome.record.version)
        if isinstance(outcome, Answer):
            return _repeated(outcome)
        record = _newer_of(outcome)


def _newer_of(outcome: Conflict | Gone | NoRoom) -> Record:
    """Return the record that a commit conflicted with; raise what else it was refused for."""
    match outcome:
        case NoRoom(retry_after):
            raise TooManyOnceKeysError(retry_after)
        case Gone():
            raise SessionEndedError(outcome.reason)
    return outcome.record


def _draft(
    key: str, record: Record, change: Callable[[dict[str, Any]], Result], max_data: int
) -> tuple[Result, bytes, bytes]:
    """Return a change's result, the data after it, and the result as JSON."""
    draft = parse(record.data, key)
    result = change(draft)
    data = dump_checked(draft)
    if len(data) > max_data:
        raise SessionTooLargeError(len(data), max_data)
    answer = dump_checked({_RESULT: result})
    if len(answer) > MAX_ANSWER_BYTES:
        raise SessionDataError(
            f"what a function returns to transact(once=) takes {len(answer)} bytes as JSON, "
            f"the limit is {MAX_ANSWER_BYTES}"
        )
    return result, data, answer


def _repeated(kept: Answer) -> Done[Any]:
    TRANSACTIONS[1].inc()
    return Done(orjson.loads(kept.value)[_RESULT], None, kept.version)
