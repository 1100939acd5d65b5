"""A flood of first contacts: what it leaves goes soon, and in a full store before anything else."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import (
    EndReason,
    MemoryStore,
    Policy,
    Record,
    RequestSession,
    Session,
    SessionManager,
    StoreFullError,
    Tombstone,
)
from app.sessions.changes import EMPTY
from app.testing.contracts.store_base import DATA, HOUR, committed, left, live, new_key
from tests.sessions.handles import count_up
from tests.support.clock import Clock
from tests.support.hooked_store import HookedStore

POLICY = Policy(idle=600, absolute=3600, unused=120)


@pytest.fixture
def manager(store: HookedStore) -> SessionManager:
    """The sessions on each store in turn."""
    return SessionManager(store, POLICY)


async def _left(manager: SessionManager, key: str) -> float:
    return left(live(await manager.find(key)))


async def _first_contact(manager: SessionManager) -> RequestSession:
    request = RequestSession(manager, None)
    await request.get_or_create()
    return request


async def test_a_session_whose_cookie_does_not_come_back_ends_soon(manager: SessionManager) -> None:
    session = await (await _first_contact(manager)).get_or_create()
    assert await _left(manager, session.key) == pytest.approx(120, abs=5)


async def test_it_lives_as_long_as_any_from_its_second_request_on(manager: SessionManager) -> None:
    session = await (await _first_contact(manager)).get_or_create()
    await RequestSession(manager, session.id).get_or_create()
    assert await _left(manager, session.key) == pytest.approx(600, abs=5)


async def test_so_does_one_that_was_written_to_or_rotated(manager: SessionManager) -> None:
    session = await (await _first_contact(manager)).get_or_create()
    await session.transact(count_up)
    assert await _left(manager, session.key) == pytest.approx(600, abs=5)

    session = await (await _first_contact(manager)).get_or_create()
    session["theme"] = "dark"
    await session.save()
    assert await _left(manager, session.key) == pytest.approx(600, abs=5)

    session = await (await _first_contact(manager)).get_or_create()
    await session.rotate()
    assert await _left(manager, session.key) == pytest.approx(600, abs=5)


async def test_so_does_one_that_a_websocket_has_opened(manager: SessionManager) -> None:
    for request in (RequestSession(manager, None, in_use=True), RequestSession(manager, None)):
        session = await request.get_or_create(in_use=True)
        assert await _left(manager, session.key) == pytest.approx(600, abs=5)


async def test_an_idle_time_that_is_shorter_counts(store: HookedStore) -> None:
    manager = SessionManager(store, Policy(idle=60, absolute=3600, unused=120))
    session = await (await _first_contact(manager)).get_or_create()
    assert await _left(manager, session.key) == pytest.approx(60, abs=5)


async def _open(store: MemoryStore, data: bytes = EMPTY, owner: str | None = None) -> str:
    key = new_key()
    await store.create(key, data, idle=600, absolute=HOUR, owner=owner)
    return key


async def test_in_a_full_store_the_longest_unused_of_the_empty_sessions_makes_room() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=4, clock=clock)
    cart, user = await _open(store, DATA), await _open(store, owner="ada")
    first, second = await _open(store), await _open(store)
    await clock.advance(4)
    await store.load(first, idle=600)
    await clock.advance(2)
    await _open(store)
    assert [isinstance(each, Record) for each in await store.load_many([cart, user])] == [True] * 2
    assert await store.load(second) is None
    assert isinstance(await store.load(first), Record)


async def test_one_whose_sockets_are_reloaded_is_in_use() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=2, clock=clock)
    first, second = await _open(store), await _open(store)
    await clock.advance(4)
    await store.load_many([first])
    await clock.advance(2)
    await _open(store)
    with pytest.raises(StoreFullError):
        await _open(store)
    assert isinstance(await store.load(first), Record)
    assert await store.load(second) is None


async def test_one_that_has_ended_keeps_its_tombstone() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=1, clock=clock)
    ended = await _open(store)
    await store.end(ended, EndReason.LOGOUT, keep=600)
    await clock.advance(60)
    with pytest.raises(StoreFullError):
        await _open(store)
    assert isinstance(await store.load(ended), Tombstone)


async def test_one_that_was_opened_just_now_is_given_time_to_come_back() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=1, clock=clock)
    first = await _open(store)
    await clock.advance(4.9)
    with pytest.raises(StoreFullError):
        await _open(store)
    assert isinstance(await store.load(first), Record)
    await clock.advance(5)
    await _open(store)
    assert await store.load(first) is None


async def test_one_that_was_written_to_makes_no_room() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=1, clock=clock)
    written = await _open(store)
    committed(await store.commit(written, 1, EMPTY))
    await clock.advance(60)
    with pytest.raises(StoreFullError):
        await _open(store)
    assert isinstance(await store.load(written), Record)


async def test_what_was_deleted_has_no_room_to_give() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=1, clock=clock)
    await store.delete(await _open(store))
    written = await _open(store, DATA)
    await clock.advance(60)
    with pytest.raises(StoreFullError):
        await _open(store)
    assert isinstance(await store.load(written), Record)


async def test_a_rotation_takes_the_room_of_one_that_was_opened_just_now() -> None:
    store = MemoryStore(max_sessions=2, clock=Clock())
    old, fresh = await _open(store, DATA), await _open(store)
    successor = new_key()
    await store.create(successor, DATA, idle=600, absolute=HOUR, predecessor=old)
    found = await store.load_many([old, fresh, successor])
    assert [isinstance(each, Record) for each in found] == [True, False, True]


@pytest.mark.parametrize(("size", "reserve"), [(1, 1), (19, 1), (20, 2)])
async def test_rotations_have_a_tenth_more_at_least_one(size: int, reserve: int) -> None:
    store = MemoryStore(max_sessions=size, clock=Clock())
    old = [await _open(store, DATA) for _ in range(size)]

    async def begin_to_rotate() -> None:
        await store.create(new_key(), DATA, idle=600, absolute=HOUR, predecessor=old[0])

    for _ in range(reserve):
        await begin_to_rotate()
    with pytest.raises(StoreFullError):
        await begin_to_rotate()


async def test_a_session_in_a_full_store_can_rotate_again_and_again() -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=50, clock=clock)
    manager = SessionManager(store, POLICY)
    sessions = [await manager.create() for _ in range(50)]
    for session in sessions:
        await session.transact(count_up)
    with pytest.raises(StoreFullError):
        await manager.create()
    for _ in range(20):
        for session in sessions:
            await session.rotate()
            assert await session.transact(count_up) > 1
    assert len(store) <= 55


async def test_a_flood_is_logged_once_a_minute_with_its_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    store = MemoryStore(max_sessions=10, clock=clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            await _open(store)
            await clock.advance(1)
    lines = [each for each in caplog.records if "full" in each.message]
    assert [vars(each)["evicted"] for each in lines] == [1, 60]


class _SmallStore:
    """Ten places, the sessions that were opened in them, and those that have something to lose."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(max_sessions=10, clock=self.clock)
        self.manager = SessionManager(self.store, Policy(idle=10_000, absolute=100_000))
        self.opened: list[Session] = []
        self.kept: list[Session] = []

    async def open(self, _number: int) -> None:
        with suppress(StoreFullError):
            self.opened.append(await self.manager.create())

    async def fill_cart(self, _number: int) -> None:
        with suppress(StoreFullError):
            session = await self.manager.create()
            await session.transact(count_up)
            self.kept.append(session)

    async def load(self, number: int) -> None:
        for session in self.opened[number : number + 1]:
            await self.manager.find(session.key, extend=True)

    async def write(self, number: int) -> None:
        for session in self.kept[number : number + 1]:
            await session.transact(count_up)

    async def rotate(self, number: int) -> None:
        for session in self.kept[number : number + 1]:
            await session.rotate()

    async def end(self, number: int) -> None:
        for session in self.kept[number : number + 1]:
            await self.manager.ends.end(session.key, EndReason.LOGOUT)
            del self.kept[number]

    async def wait(self, number: int) -> None:
        await self.clock.advance(number)


ACTS = [_SmallStore.open] * 3 + [
    *(_SmallStore.fill_cart, _SmallStore.load, _SmallStore.write),
    *(_SmallStore.rotate, _SmallStore.end, _SmallStore.wait),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 11)), max_size=120))
async def test_whatever_comes_a_full_store_is_bounded_and_keeps_what_has_something_to_lose(
    acts: list[tuple[Callable[[_SmallStore, int], Awaitable[None]], int]],
) -> None:
    small = _SmallStore()
    for act, number in acts:
        await act(small, number)
    assert len(small.store) <= 11
    for session in small.kept:
        assert await small.manager.load(session.id or "") is not None
