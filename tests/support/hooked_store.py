"""A store that tells what was asked of it, and lets a test step in before any verb."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from app.sessions import CommitOutcome, EndReason, LoadResult, Record, SessionStore

Step = Callable[[], Awaitable[object]]


class HookedStore(SessionStore):
    """Passes every call on to another store.

    Each takes a turn of the event loop at least, so that callers of a memory store interleave as
    those of a server do.
    """

    def __init__(self, inner: SessionStore) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self.created: list[str] = []
        """Every key under which a record was made."""
        self.most_at_once = 0
        """How many calls have begun in one turn of the event loop at the most."""
        self._begun = 0
        self._steps: dict[str, Step] = {}

    def before(self, verb: str, step: Step) -> None:
        """Await `step()` before the next call of a verb is passed on; once."""
        self._steps[verb] = step

    async def live_keys(self) -> list[str]:
        """Give the keys of all that was made through this store and still lives."""
        found = await self.inner.load_many(self.created)
        return [
            key for key, each in zip(self.created, found, strict=True) if isinstance(each, Record)
        ]

    async def create(
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        **options: Any,
    ) -> Record:
        await self._about_to("create")
        self.created.append(key)
        return await self.inner.create(key, data, idle=idle, absolute=absolute, **options)

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        await self._about_to("load")
        return await self.inner.load(key, idle=idle)

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        await self._about_to("load_many")
        return await self.inner.load_many(keys)

    async def commit(self, key: str, version: int, data: bytes, **options: Any) -> CommitOutcome:
        await self._about_to("commit")
        return await self.inner.commit(key, version, data, **options)

    async def end(
        self,
        key: str,
        reason: EndReason,
        *,
        keep: float,
        version: int | None = None,
        successor: str | None = None,
    ) -> CommitOutcome:
        await self._about_to("end")
        return await self.inner.end(key, reason, keep=keep, version=version, successor=successor)

    async def delete(self, key: str) -> None:
        await self._about_to("delete")
        await self.inner.delete(key)

    async def ping(self) -> None:
        await self.inner.ping()

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def _about_to(self, verb: str) -> None:
        self.calls.append(verb)
        self._begun += 1
        self.most_at_once = max(self.most_at_once, self._begun)
        await asyncio.sleep(0)
        self._begun = 0
        step = self._steps.pop(verb, None)
        if step is not None:
            await step()
