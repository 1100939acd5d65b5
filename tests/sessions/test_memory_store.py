"""MemoryStore: the contract, its limit, and that what has expired takes no memory."""

import pytest

from app.sessions import (
    EndReason,
    MemoryStore,
    SessionExistsError,
    StoreFullError,
    TooLateError,
)
from app.sessions.stores.answers import LIMITS, NoRoom
from app.testing.contracts.answers import AnswerStoreContract
from app.testing.contracts.store import AdvanceTime, StoreContract
from app.testing.contracts.store_base import DATA, HOUR, OTHER, committed, conflict, live, new_key
from app.testing.contracts.user_index import UserIndexContract
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock=clock)


class TestContract(StoreContract, UserIndexContract, AnswerStoreContract):
    """MemoryStore is a SessionStore."""

    @pytest.fixture
    def store(self, clock: Clock) -> MemoryStore:
        return MemoryStore(clock=clock)

    @pytest.fixture
    def advance_time(self, clock: Clock) -> AdvanceTime:
        return clock.advance


async def _fill(store: MemoryStore, number: int, *, idle: float = 60) -> list[str]:
    keys = [new_key() for _ in range(number)]
    for key in keys:
        await store.create(key, DATA, idle=idle, absolute=HOUR)
    return keys


async def test_a_full_store_refuses_new_sessions_and_serves_existing_ones(clock: Clock) -> None:
    store = MemoryStore(max_sessions=3, clock=clock)
    keys = await _fill(store, 3)
    with pytest.raises(StoreFullError, match=r"^the memory store is full \(3 sessions\)$"):
        await _fill(store, 1)
    assert len(store) == 3
    for key in keys:
        committed(await store.commit(key, 1, OTHER, idle=60))
        assert live(await store.load(key, idle=60)).data == OTHER


async def test_a_full_store_has_room_again_when_a_session_expires(clock: Clock) -> None:
    store = MemoryStore(max_sessions=3, clock=clock)
    await _fill(store, 1, idle=10)
    await _fill(store, 2, idle=60)
    await clock.advance(11)
    await _fill(store, 1)
    with pytest.raises(StoreFullError):
        await _fill(store, 1)


async def test_a_tombstone_counts_until_it_expires(clock: Clock) -> None:
    store = MemoryStore(max_sessions=1, clock=clock)
    (key,) = await _fill(store, 1)
    await store.end(key, EndReason.LOGOUT, keep=60)
    with pytest.raises(StoreFullError):
        await _fill(store, 1)
    await clock.advance(61)
    await _fill(store, 1)


async def test_what_has_expired_is_removed_without_being_read(
    store: MemoryStore, clock: Clock
) -> None:
    await _fill(store, 500, idle=10)
    ended = await _fill(store, 500, idle=10)
    for key in ended:
        await store.end(key, EndReason.LOGOUT, keep=10)
    await clock.advance(11)
    await store.load(new_key())
    assert not store._entries
    assert not store._deadlines


async def test_at_its_deadline_a_session_is_gone(store: MemoryStore, clock: Clock) -> None:
    deleted_by_its_own, deleted_by_a_later_one = await _fill(store, 2, idle=10)
    await clock.advance(5)
    await store.load(deleted_by_a_later_one, idle=10)
    await clock.advance(5)
    assert await store.load(deleted_by_its_own) is None
    assert await store.load(deleted_by_a_later_one) is not None
    await clock.advance(5)
    assert await store.load(deleted_by_a_later_one) is None


async def test_a_record_that_has_to_follow_something_by_a_time_is_late_at_that_time(
    store: MemoryStore, clock: Clock
) -> None:
    with pytest.raises(TooLateError, match=r"^the time to create this record is over$"):
        await store.create(new_key(), DATA, idle=60, absolute=HOUR, until=clock())
    await store.create(new_key(), DATA, idle=60, absolute=HOUR, until=clock() + 1)


async def test_the_last_state_of_a_session_comes_with_the_time_of_the_store(
    store: MemoryStore, clock: Clock
) -> None:
    """Whoever reads a deadline there has the time beside it, not that of another clock."""
    (key,) = await _fill(store, 1)
    newer = conflict(await store.commit(key, 7, OTHER))
    last = committed(await store.end(key, EndReason.LOGOUT, keep=60))
    for record in (newer, last):
        assert record.lease is not None
        assert record.lease.now == clock()


async def test_of_a_key_that_is_taken_the_error_says_which(store: MemoryStore) -> None:
    (key,) = await _fill(store, 1)
    with pytest.raises(SessionExistsError, match=key):
        await store.create(key, DATA, idle=60, absolute=HOUR)


async def test_an_extended_record_outlives_its_earlier_deadline(
    store: MemoryStore, clock: Clock
) -> None:
    (key,) = await _fill(store, 1, idle=10)
    for _ in range(20):
        await clock.advance(9)
        assert live(await store.load(key, idle=10)).version == 1
    await clock.advance(11)
    assert await store.load(key) is None
    assert not store._deadlines


async def test_a_record_with_a_later_deadline_outlives_a_shorter_extension(
    store: MemoryStore, clock: Clock
) -> None:
    (key,) = await _fill(store, 1, idle=600)
    await store.load(key, idle=10)
    await clock.advance(599)
    assert await store.load(key) is not None
    await clock.advance(2)
    assert len(store) == 0


async def test_touching_a_session_ten_thousand_times_keeps_no_more_than_touching_it_once(
    store: MemoryStore, clock: Clock
) -> None:
    (key,) = await _fill(store, 1)
    for number in range(10_000):
        await clock.advance(0.01)
        await store.load(key, idle=60 if number % 2 else 59)
        await store.commit(key, number + 1, DATA, idle=60)
    assert len(store) == 1
    assert len(store._deadlines) <= 2


async def test_sessions_that_have_ended_leave_no_deadlines_behind(store: MemoryStore) -> None:
    for _ in range(5_000):
        deleted, ended = await _fill(store, 2, idle=HOUR)
        await store.delete(deleted)
        await store.end(ended, EndReason.LOGOUT, keep=60)
        await store.delete(ended)
    assert len(store) == 0
    assert len(store._deadlines) < 200


async def test_deadlines_that_nothing_has_replaced_are_not_sorted_anew(store: MemoryStore) -> None:
    """Each write would cost as much as all sessions are many."""
    deadlines = store._deadlines
    await _fill(store, 200)
    assert store._deadlines is deadlines


async def test_names_of_users_who_never_came_back_take_no_room(
    store: MemoryStore, clock: Clock
) -> None:
    await store.add_to_index("stays", "key", keep=HOUR)
    for number in range(1023):
        await store.add_to_index(f"gone {number}", "key", keep=10)
    await clock.advance(10)
    assert await store.read_index("gone 0") == []
    await store.add_to_index("new", "key", keep=10)
    assert set(store._names) == {"stays", "new"}
    await store.remove_from_index("new", "key")
    assert set(store._names) == {"stays"}


async def test_names_are_looked_through_again_when_there_are_twice_as_many(
    store: MemoryStore, clock: Clock
) -> None:
    for number in range(1025):
        await store.add_to_index(f"stays {number}", "key", keep=HOUR)
    names = store._names
    for number in range(1023):
        await store.add_to_index(f"gone {number}", "key", keep=10)
    assert store._names is names
    await clock.advance(11)
    await store.add_to_index("new", "key", keep=10)
    assert len(store._names) == 1026


async def test_an_answer_that_is_too_large_alone_has_no_room_for_as_long_as_any_is_kept(
    store: MemoryStore,
) -> None:
    (key,) = await _fill(store, 1)
    limits = LIMITS._replace(max_bytes=3)
    assert await store.swap_answer(key, "name", b"four", limits=limits) == NoRoom(limits.keep)
