"""Races on one session: each is named by what must not happen, and is run many times."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from app.sessions import EndReason, Session, SessionEndedError, SessionManager, Tombstone
from tests.sessions.handles import again, count_up, stored
from tests.support.hooked_store import HookedStore

TRIALS = 20


async def _opened(sessions: SessionManager) -> Session:
    session = await sessions.create()
    await session.transact(count_up)
    return session


async def _end_of(write: Awaitable[object]) -> EndReason | None:
    """Await a write, and return the reason if the session had ended."""
    try:
        await write
    except SessionEndedError as error:
        return error.reason
    return None


async def test_late_save_does_not_revive_a_destroyed_session(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager
) -> None:
    for _ in range(TRIALS):
        session = await _opened(sessions)
        late = await again(other_node, session)
        late["late"] = True
        await session.destroy()
        assert await _end_of(late.save()) is EndReason.LOGOUT
    assert await store.live_keys() == []


async def test_a_logout_amid_a_burst_of_writes_is_final(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager
) -> None:
    for trial in range(TRIALS):
        session = await _opened(sessions)
        assert session.id is not None
        handles = [await again(node, session) for node in (sessions, other_node) * 10]
        writes = [_end_of(handle.transact(count_up)) for handle in handles]
        writes.insert(trial, _end_of(sessions.ends.logout(session.id)))
        reasons = await asyncio.gather(*writes)
        assert set(reasons) <= {None, EndReason.LOGOUT}
        assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)
    assert await store.live_keys() == []


async def test_two_rotations_and_a_write_at_once_have_one_winner_and_leave_no_orphan(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager
) -> None:
    for trial in range(TRIALS):
        session = await _opened(sessions)
        one, writer = await again(sessions, session), await again(other_node, session)
        two = await again(sessions if trial % 2 else other_node, session)
        writer["written"] = True
        racing = [_end_of(one.rotate()), _end_of(two.rotate())]
        racing.insert(trial % 3, _end_of(writer.save()))
        reasons = await asyncio.gather(*racing)
        written = reasons.pop(trial % 3) is None
        assert sorted(reasons, key=str) == [None, EndReason.ROTATED]
        winner = one if one.ended is None else two
        expected = {"count": 1, "written": True} if written else {"count": 1}
        assert await stored(sessions, winner) == expected
        assert await sessions.find(session.key) == Tombstone(EndReason.ROTATED, winner.key)
        await winner.destroy()
    assert await store.live_keys() == []


async def test_after_two_rotations_at_once_only_the_winner_s_record_lives(
    store: HookedStore, sessions: SessionManager
) -> None:
    for _ in range(TRIALS):
        session = await _opened(sessions)
        handles = [await again(sessions, session) for _ in range(2)]
        await asyncio.gather(*(_end_of(handle.rotate()) for handle in handles))
        (winner,) = (handle for handle in handles if handle.ended is None)
        assert await store.live_keys() == [winner.key]
        await winner.destroy()


async def test_a_write_under_way_during_a_rotation_is_carried_over(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager
) -> None:
    for _ in range(TRIALS):
        session = await _opened(sessions)
        writer = await again(other_node, session)
        store.before("end", partial(writer.transact, count_up))
        await session.rotate()
        assert session == await stored(sessions, session) == {"count": 2}


async def test_many_writes_during_a_rotation_are_carried_over_or_refused_and_none_is_lost(
    sessions: SessionManager, other_node: SessionManager
) -> None:
    for trial in range(TRIALS):
        session = await _opened(sessions)
        writers = [await again(node, session) for node in (sessions, other_node) * 10]
        racing = [_end_of(writer.transact(count_up)) for writer in writers]
        racing.insert(trial, _end_of(session.rotate()))
        reasons = await asyncio.gather(*racing)
        assert reasons.pop(trial) is None
        assert await stored(sessions, session) == {"count": 1 + reasons.count(None)}


@pytest.mark.parametrize("verb", ["create", "end", "commit"])
async def test_a_logout_during_a_rotation_ends_its_successor_too(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager, verb: str
) -> None:
    for _ in range(TRIALS):
        session = await _opened(sessions)
        old_id = session.id
        assert old_id is not None
        store.before(verb, partial(other_node.ends.logout, old_id))
        assert await _end_of(session.rotate()) is EndReason.LOGOUT
        assert session.ended is EndReason.LOGOUT
    assert await store.live_keys() == []


Logout = Callable[[SessionManager, Session], Awaitable[object]]


async def _by_id(node: SessionManager, session: Session) -> None:
    assert session.id is not None
    await node.ends.logout(session.id)


LOGOUTS: dict[str, Logout] = {
    "by its id": _by_id,
    "by its handle": lambda _, session: session.destroy(),
}


@pytest.mark.parametrize("logout", LOGOUTS.values(), ids=LOGOUTS)
async def test_a_logout_and_a_rotation_at_once_leave_nothing_alive(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager, logout: Logout
) -> None:
    for trial in range(2 * TRIALS):
        session = await _opened(sessions)
        other = await again(other_node, session)

        async def log_out(other: Session = other, turns: int = trial) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            await logout(other_node, other)

        await asyncio.gather(_end_of(session.rotate()), log_out())
    assert await store.live_keys() == []


async def test_a_rotation_does_not_revive_a_destroyed_session(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager
) -> None:
    for _ in range(TRIALS):
        session = await _opened(sessions)
        late = await again(other_node, session)
        await session.destroy()
        assert await _end_of(late.rotate()) is EndReason.LOGOUT
    assert await store.live_keys() == []
    assert len(store.created) == TRIALS


async def test_a_session_that_expires_during_its_rotation_is_not_revived(
    store: HookedStore, sessions: SessionManager
) -> None:
    for _ in range(TRIALS):
        session = await _opened(sessions)
        store.before("end", partial(store.inner.delete, session.key))
        assert await _end_of(session.rotate()) is EndReason.EXPIRED
    assert await store.live_keys() == []
