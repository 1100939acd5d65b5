"""What a request gets whose session has ended: for five seconds an error, then a session of its own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import (
    EndReason,
    Policy,
    RequestSession,
    SessionEndedError,
    SessionManager,
    Tombstone,
)
from tests.sessions.handles import count_up
from tests.sessions.store_worlds import MemoryWorld, ServerWorld, World
from tests.support.stores import StoreSettings

POLICY = Policy(idle=600, absolute=3600)
UNDER_WAY = [EndReason.LOGOUT, EndReason.ROTATED]


@pytest.fixture
def world(any_store: StoreSettings) -> World:
    """Each store in turn, with its time."""
    return ServerWorld(any_store["redis_url"]) if "redis_url" in any_store else MemoryWorld()


@pytest.fixture
def manager(world: World) -> SessionManager:
    """The sessions in it."""
    return SessionManager(world.store, POLICY)


async def _ended(manager: SessionManager, reason: EndReason) -> str:
    session = await manager.create()
    assert session.id is not None
    await manager.ends.end(session.key, reason)
    return session.id


@pytest.mark.parametrize("reason", UNDER_WAY)
async def test_for_five_seconds_a_request_may_have_been_under_way_and_is_refused(
    world: World, manager: SessionManager, reason: EndReason
) -> None:
    ended = await _ended(manager, reason)
    for seconds in (0, 4):
        world.advance_time(seconds)
        request = RequestSession(manager, ended)
        with pytest.raises(SessionEndedError) as refused:
            await request.get_or_create()
        assert refused.value.reason is reason
        assert (request.issued_id, request.cookie_changed, request.accessed) == (None, False, False)


@pytest.mark.parametrize("reason", UNDER_WAY)
async def test_after_that_it_is_served_as_if_it_had_no_cookie(
    world: World, manager: SessionManager, reason: EndReason
) -> None:
    ended = await _ended(manager, reason)
    world.advance_time(5.1)

    await _is_served_afresh(manager, ended)


async def test_one_whose_session_was_revoked_is_served_so_at_once(manager: SessionManager) -> None:
    await _is_served_afresh(manager, await _ended(manager, EndReason.REVOKED))


async def _is_served_afresh(manager: SessionManager, ended: str) -> None:
    assert await RequestSession(manager, ended).get() is None
    request = RequestSession(manager, ended)
    fresh = await request.get_or_create()
    assert request.issued_id == fresh.id != ended
    assert isinstance(await manager.find(_key(manager, ended)), Tombstone)


@pytest.mark.parametrize("seconds", [0, 6])
async def test_a_logout_with_a_rotated_id_ends_the_successor_however_old_the_rotation_is(
    world: World, manager: SessionManager, seconds: float
) -> None:
    session = await manager.create()
    old = session.id
    await session.rotate()
    world.advance_time(seconds)

    request = RequestSession(manager, old)
    await request.logout()

    assert request.cookie_cleared
    assert await manager.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_a_logout_by_a_request_that_was_given_a_session_meanwhile_ends_the_successor_too(
    world: World, manager: SessionManager
) -> None:
    session = await manager.create()
    old = session.id
    await session.rotate()
    world.advance_time(6)

    request = RequestSession(manager, old)
    fresh = await request.get_or_create()
    await request.logout()

    for ended in (session, fresh):
        assert await manager.find(ended.key) == Tombstone(EndReason.LOGOUT)


@pytest.mark.parametrize("reason", [*UNDER_WAY, EndReason.REVOKED])
async def test_a_handle_from_before_the_end_writes_nothing_at_any_time_after_it(
    world: World, manager: SessionManager, reason: EndReason
) -> None:
    session = await manager.create()
    await session.transact(count_up)
    late = [await manager.load(session.id or "") for _ in range(3)]
    await manager.ends.end(session.key, reason)
    for seconds, handle in zip((0, 6, 40), late, strict=True):
        world.advance_time(seconds)
        assert handle is not None
        with pytest.raises(SessionEndedError):
            await handle.transact(count_up)
        assert await manager.find(session.key) == Tombstone(reason)


@settings(max_examples=40, deadline=None)
@given(
    reason=st.sampled_from([*UNDER_WAY, EndReason.REVOKED]),
    lapses=st.lists(st.floats(0, 20), max_size=5),
    reload_interval=st.sampled_from([30, 50]),
)
async def test_the_age_of_an_end_alone_decides_between_refused_and_served(
    reason: EndReason, lapses: list[float], reload_interval: float
) -> None:
    world = MemoryWorld()
    manager = SessionManager(
        world.store, Policy(idle=600, absolute=3600, tombstone=2 * reload_interval)
    )
    ended, age = await _ended(manager, reason), 0.0
    for lapse in [0.0, *lapses]:
        world.advance_time(lapse)
        age += lapse
        if reason is not EndReason.REVOKED and age < 4.999:
            with pytest.raises(SessionEndedError):
                await manager.load(ended)
        elif reason is EndReason.REVOKED or age > 5.001:
            assert await manager.load(ended) is None


def _key(manager: SessionManager, session_id: str) -> str:
    key = RequestSession(manager, session_id).requested_key
    assert key is not None
    return key
