"""A store whose replies get lost: a call is executed, or is not, and raises in either case."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar

from app.sessions import (
    CommitOutcome,
    EndReason,
    LoadResult,
    Record,
    SessionError,
    SessionStore,
    StoreUnavailableError,
)

Result = TypeVar("Result")


class Fate(Enum):
    """What becomes of a call."""

    ANSWERED = "answered"
    REPLY_LOST = "executed, and its reply lost"
    NOT_EXECUTED = "not executed"
    LATE = "executed behind the next call"
    LATER = "executed behind the fifth call from there"


_BEHIND = {Fate.LATE: 1, Fate.LATER: 5}


class LossyStore(SessionStore):
    """Passes calls on to another store, each as `fates` says: the next one for each call, then all."""

    def __init__(self, inner: SessionStore) -> None:
        self.inner = inner
        self.fates: list[Fate] = []
        self._late: list[tuple[int, Callable[[], Awaitable[Any]]]] = []
        self.created: list[str] = []
        """Every key under which a record was to be made."""

    async def live(self) -> list[str]:
        """The keys of the sessions that live, beside those that wait for their predecessor's end."""
        found = await self.inner.load_many(self.created)
        return [
            key
            for key, each in zip(self.created, found, strict=True)
            if isinstance(each, Record) and each.predecessor is None
        ]

    async def create(self, key: str, data: bytes, **options: Any) -> Record:
        self.created.append(key)
        return await self._pass_on(lambda: self.inner.create(key, data, **options))

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        return await self._pass_on(lambda: self.inner.load(key, idle=idle))

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        return await self._pass_on(lambda: self.inner.load_many(keys))

    async def commit(self, key: str, version: int, data: bytes, **options: Any) -> CommitOutcome:
        return await self._pass_on(lambda: self.inner.commit(key, version, data, **options))

    async def end(self, key: str, reason: EndReason, **options: Any) -> CommitOutcome:
        return await self._pass_on(lambda: self.inner.end(key, reason, **options))

    async def delete(self, key: str) -> None:
        await self._pass_on(lambda: self.inner.delete(key))

    async def ping(self) -> None:
        await self.inner.ping()

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def _pass_on(self, call: Callable[[], Awaitable[Result]]) -> Result:
        fate = self.fates.pop(0) if self.fates else Fate.ANSWERED
        try:
            if fate in _BEHIND:
                self._late.append((_BEHIND[fate] + 1, call))
            elif fate is not Fate.NOT_EXECUTED:
                result = await call()
                if fate is Fate.ANSWERED:
                    return result
            raise StoreUnavailableError(f"a test's call was {fate.value}")
        finally:
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Execute what a server that hung has got long ago."""
        late, self._late = self._late, []
        for calls, call in late:
            if calls > 1:
                self._late.append((calls - 1, call))
            else:
                with suppress(SessionError):
                    await call()
