"""Stores that keep answers, and whose calls are recorded, or whose replies get lost."""

from typing import Any

from app.sessions import Answer, AnswerStore, CommitOutcome, Gone, NoRoom, Once, SessionStore
from tests.support.hooked_store import HookedStore
from tests.support.lossy_store import LossyStore


def answers_of(store: SessionStore) -> AnswerStore:
    """Return a store as one that keeps answers."""
    assert isinstance(store, AnswerStore)
    return store


class HookedAnswers(HookedStore, AnswerStore):
    """A HookedStore that keeps answers."""

    async def commit_once(
        self, key: str, version: int, data: bytes, once: Once, **options: Any
    ) -> CommitOutcome | Answer | NoRoom:
        await self._about_to("commit_once")
        return await answers_of(self.inner).commit_once(key, version, data, once, **options)

    async def swap_answer(
        self, key: str, name: str, value: bytes | None, **options: Any
    ) -> Answer | Gone | NoRoom | None:
        await self._about_to("swap_answer")
        return await answers_of(self.inner).swap_answer(key, name, value, **options)

    async def read_answer(self, key: str, name: str, **options: Any) -> Answer | None:
        await self._about_to("read_answer")
        return await answers_of(self.inner).read_answer(key, name, **options)

    async def copy_answers(self, key: str, successor: str, **options: Any) -> None:
        await self._about_to("copy_answers")
        await answers_of(self.inner).copy_answers(key, successor, **options)


class LossyAnswers(LossyStore, AnswerStore):
    """A LossyStore that keeps answers."""

    async def commit_once(
        self, key: str, version: int, data: bytes, once: Once, **options: Any
    ) -> CommitOutcome | Answer | NoRoom:
        inner = answers_of(self.inner)
        return await self._pass_on(lambda: inner.commit_once(key, version, data, once, **options))

    async def swap_answer(
        self, key: str, name: str, value: bytes | None, **options: Any
    ) -> Answer | Gone | NoRoom | None:
        inner = answers_of(self.inner)
        return await self._pass_on(lambda: inner.swap_answer(key, name, value, **options))

    async def read_answer(self, key: str, name: str, **options: Any) -> Answer | None:
        inner = answers_of(self.inner)
        return await self._pass_on(lambda: inner.read_answer(key, name, **options))

    async def copy_answers(self, key: str, successor: str, **options: Any) -> None:
        inner = answers_of(self.inner)
        await self._pass_on(lambda: inner.copy_answers(key, successor, **options))
