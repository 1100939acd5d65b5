"""A store whose every verb is counted and timed."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, TypeVar

from prometheus_client import Counter, Histogram

from app.sessions.errors import StoreUnavailableError
from app.sessions.records import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Found,
    Gone,
    Newer,
    Record,
)
from app.sessions.store import SessionStore

Answer = TypeVar("Answer")

_SECONDS = Histogram(
    "mooring_store_seconds",
    "Time that the session store took to answer.",
    ["verb"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
_ERRORS = Counter("mooring_store_errors", "Calls that the session store did not answer.", ["verb"])
_COMMITS = Counter(
    "mooring_commits", "Writes of session data, by what became of them.", ["outcome"]
)


class MeasuredStore(SessionStore):
    """Hands everything on to another store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def create(self, key: str, data: bytes, **options: Any) -> Record:
        return await _CREATE(self._store.create(key, data, **options))

    async def load(self, key: str, *, idle: float | None = None) -> Found:
        return await _LOAD(self._store.load(key, idle=idle))

    async def load_many(self, keys: Sequence[str]) -> list[Found]:
        return await _LOAD_MANY(self._store.load_many(keys))

    async def load_newer(self, keys: Sequence[str], versions: Sequence[int]) -> list[Newer]:
        return await _LOAD_NEWER(self._store.load_newer(keys, versions))

    async def commit(
        self,
        key: str,
        version: int,
        data: bytes,
        *,
        idle: float | None = None,
        owner: str | None = None,
    ) -> CommitOutcome:
        outcome = await _COMMIT(self._store.commit(key, version, data, idle=idle, owner=owner))
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


def _measured(verb: str) -> Callable[[Awaitable[Answer]], Awaitable[Answer]]:
    seconds, errors = _SECONDS.labels(verb), _ERRORS.labels(verb)

    async def measure(call: Awaitable[Answer]) -> Answer:
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
_LOAD: Callable[[Awaitable[Found]], Awaitable[Found]] = _measured("load")
_LOAD_MANY: Callable[[Awaitable[list[Found]]], Awaitable[list[Found]]] = _measured("load_many")
_LOAD_NEWER: Callable[[Awaitable[list[Newer]]], Awaitable[list[Newer]]] = _measured("load_many")
_COMMIT: Callable[[Awaitable[CommitOutcome]], Awaitable[CommitOutcome]] = _measured("commit")
_END: Callable[[Awaitable[CommitOutcome]], Awaitable[CommitOutcome]] = _measured("end")
_DELETE: Callable[[Awaitable[None]], Awaitable[None]] = _measured("delete")
_PING: Callable[[Awaitable[None]], Awaitable[None]] = _measured("ping")

_OUTCOMES = {
    Committed: _COMMITS.labels("committed"),
    Conflict: _COMMITS.labels("conflict"),
    Gone: _COMMITS.labels("gone"),
}
