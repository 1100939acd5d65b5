"""Which of many records are sessions that can be used, and under which keys one session goes on."""

from collections.abc import Sequence

import pytest

from app.sessions import EndReason, LoadResult, MemoryStore
from app.sessions.live import ids_of, load_live
from app.sessions.rotation import Predecessor


class StrictStore(MemoryStore):
    """Takes keys that are strings alone, as a server does."""

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        assert all(isinstance(key, str) for key in keys)
        return await super().load_many(keys)


@pytest.fixture
def store() -> StrictStore:
    """An empty one."""
    return StrictStore()


async def _create(store: MemoryStore, key: str, predecessor: str | None = None) -> None:
    await store.create(key, b"{}", idle=60, absolute=60, predecessor=predecessor)


async def _end(store: MemoryStore, key: str, reason: EndReason, successor: str | None) -> None:
    await _create(store, key)
    await store.end(key, reason, keep=60, successor=successor)


def _after(key: str) -> str:
    return Predecessor(key, 1, []).write()


async def test_a_session_lives_if_it_replaces_none_or_one_that_has_ended_for_it(
    store: StrictStore,
) -> None:
    await _create(store, "plain")
    await _create(store, "old")
    await _end(store, "moved", EndReason.ROTATED, "after moved")
    await _end(store, "moved elsewhere", EndReason.ROTATED, "there")
    await _end(store, "revoked", EndReason.REVOKED, "after revoked")
    for old in ("old", "moved", "moved elsewhere", "revoked", "gone"):
        await _create(store, f"after {old}", _after(old))
    await _create(store, "unreadable", "cut off")
    keys = [
        *("unknown", "after old", "after moved", "old", "after moved elsewhere", "after revoked"),
        *("moved", "after gone", "unreadable", "plain"),
    ]

    found = await load_live(store, keys)

    assert list(found) == ["after moved", "old", "plain"]


async def test_a_session_goes_on_under_all_ids_that_rotations_gave_it(store: StrictStore) -> None:
    await _end(store, "first", EndReason.ROTATED, "second")
    await _end(store, "second", EndReason.ROTATED, "third")
    await _create(store, "third")
    await _create(store, "next", _after("third"))
    await _create(store, "another's", _after("another"))
    await _create(store, "unreadable", "cut off")
    await _create(store, "stranger")

    found = await ids_of(store, "first", ["next", "another's", "unreadable", "stranger", "gone"])

    assert found == {"first", "second", "third", "next"}


@pytest.mark.parametrize("successor", [None, "first"], ids=["nowhere", "in a circle"])
async def test_a_rotation_that_leads_nowhere_or_in_a_circle_ends_there(
    store: StrictStore, successor: str | None
) -> None:
    await _end(store, "first", EndReason.ROTATED, "second")
    await _end(store, "second", EndReason.ROTATED, successor)
    assert await ids_of(store, "first", []) == {"first", "second"}


async def test_what_was_revoked_goes_on_nowhere(store: StrictStore) -> None:
    await _end(store, "first", EndReason.REVOKED, "second")
    await _create(store, "second")
    assert await ids_of(store, "first", ["second"]) == {"first"}
