"""A store that counts and times every verb of another store."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any, TypeVar

from ...metric_types import Counter, Histogram
from ..errors import StoreUnavailableError
from ..models import (
    CommitOutcome,
    Committed,
    ConditionalResult,
    Conflict,
    EndReason,
    Gone,
    LoadResult,
    Record,
)
from .answers import LIMITS, Answer, AnswerLimits, AnswerStore, NoRoom, Once
from .base import SessionStore

Result = TypeVar("Result")

_SECONDS = Histogram(
    "mooring_store_seconds",
    "Duration of session store calls.",
    ["verb"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
_ERRORS = Counter("mooring_store_errors", "Session store calls that failed.", ["verb"])
_COMMITS = Counter("mooring_commits", "Writes of session data, by outcome.", ["outcome"])


class InstrumentedStore(SessionStore):
    """Passes every call on to another store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def create(self, key: str, data: bytes, **options: Any) -> Record:
        return await _CREATE(self._store.create(key, data, **options))

    def load(self, key: str, *, idle: float | None = None) -> Coroutine[Any, Any, LoadResult]:
        return _LOAD(self._store.load(key, idle=idle))

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        return await _LOAD_MANY(self._store.load_many(keys))

    async def load_if_changed(
        self, keys: Sequence[str], versions: Sequence[int]
    ) -> list[ConditionalResult]:
        return await _LOAD_IF_CHANGED(self._store.load_if_changed(keys, versions))

    async def commit(
        self,
        key: str,
        version: int,
        data: bytes,
        *,
        idle: float | None = None,
        owner: str | None = None,
        predecessor: str | None = None,
    ) -> CommitOutcome:
        start = perf_counter()
        try:
            outcome = await self._store.commit(
                key, version, data, idle=idle, owner=owner, predecessor=predecessor
            )
        except StoreUnavailableError:
            _COMMIT_ERRORS.inc()
            raise
        finally:
            _COMMIT_SECONDS.observe(perf_counter() - start)
        _OUTCOMES[type(outcome)].inc()
        return outcome

    async def end(self, key: str, reason: EndReason, **options: Any) -> CommitOutcome:
        return await _END(self._store.end(key, reason, **options))

    async def delete(self, key: str) -> None:
        await _DELETE(self._store.delete(key))

    async def ping(self) -> None:
        await _PING(self._store.ping())

    async def aclose(self) -> None:
        await self._store.aclose()


class InstrumentedAnswers(AnswerStore):
    """Passes every call on to another store that keeps answers."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store

    async def commit_once(
        self, key: str, version: int, data: bytes, once: Once, **options: Any
    ) -> CommitOutcome | Answer | NoRoom:
        outcome = await _COMMIT_ONCE(self._store.commit_once(key, version, data, once, **options))
        if not isinstance(outcome, Answer | NoRoom):
            _OUTCOMES[type(outcome)].inc()
        return outcome

    async def swap_answer(
        self, key: str, name: str, value: bytes | None, **options: Any
    ) -> Answer | Gone | NoRoom | None:
        return await _SWAP(self._store.swap_answer(key, name, value, **options))

    async def read_answer(
        self, key: str, name: str, *, limits: AnswerLimits = LIMITS
    ) -> Answer | None:
        return await _READ(self._store.read_answer(key, name, limits=limits))

    async def copy_answers(
        self, key: str, successor: str, *, limits: AnswerLimits = LIMITS
    ) -> None:
        await _COPY(self._store.copy_answers(key, successor, limits=limits))


def _measured(verb: str) -> Callable[[Awaitable[Result]], Coroutine[Any, Any, Result]]:
    seconds, errors = _SECONDS.labels(verb), _ERRORS.labels(verb)

    async def measure(call: Awaitable[Result]) -> Result:
        start = perf_counter()
        try:
            return await call
        except StoreUnavailableError:
            errors.inc()
            raise
        finally:
            seconds.observe(perf_counter() - start)

    return measure


_CREATE: Callable[[Awaitable[Record]], Awaitable[Record]] = _measured("create")
_LOAD: Callable[[Awaitable[LoadResult]], Coroutine[Any, Any, LoadResult]] = _measured("load")
_LOAD_MANY: Callable[[Awaitable[list[LoadResult]]], Awaitable[list[LoadResult]]] = _measured(
    "load_many"
)
_LOAD_IF_CHANGED: Callable[
    [Awaitable[list[ConditionalResult]]], Awaitable[list[ConditionalResult]]
] = _measured("load_many")
_COMMIT_SECONDS, _COMMIT_ERRORS = _SECONDS.labels("commit"), _ERRORS.labels("commit")
_END: Callable[[Awaitable[CommitOutcome]], Awaitable[CommitOutcome]] = _measured("end")
_DELETE: Callable[[Awaitable[None]], Awaitable[None]] = _measured("delete")
_PING: Callable[[Awaitable[None]], Awaitable[None]] = _measured("ping")

_COMMIT_ONCE: Callable[
    [Awaitable[CommitOutcome | Answer | NoRoom]], Awaitable[CommitOutcome | Answer | NoRoom]
] = _measured("commit_once")
_SWAP: Callable[
    [Awaitable[Answer | Gone | NoRoom | None]], Awaitable[Answer | Gone | NoRoom | None]
] = _measured("swap_answer")
_READ: Callable[[Awaitable[Answer | None]], Awaitable[Answer | None]] = _measured("read_answer")
_COPY: Callable[[Awaitable[None]], Awaitable[None]] = _measured("copy_answers")

_OUTCOMES = {
    Committed: _COMMITS.labels("committed"),
    Conflict: _COMMITS.labels("conflict"),
    Gone: _COMMITS.labels("gone"),
}
