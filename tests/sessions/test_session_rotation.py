"""Session.rotate: a new id, the same data, and the end of the old id."""

import pytest

from app.sessions import (
    EndReason,
    RotationImpossibleError,
    Session,
    SessionEndedError,
    SessionManager,
    Tombstone,
)
from app.testing.contracts.store_base import left, live
from tests.sessions.handles import again, count_up, stored


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A session that counts 1."""
    session = await sessions.create()
    await session.transact(count_up)
    return session


async def test_rotate_gives_a_new_id_and_keeps_data_and_times(
    sessions: SessionManager, session: Session
) -> None:
    old_id, old_key, before = session.id, session.key, session._record
    session["mine"] = 1
    await session.rotate()
    assert session.id != old_id
    assert session.key != old_key
    assert session == await stored(sessions, await again(sessions, session))
    assert session == {"count": 1, "mine": 1}
    after = await sessions.load_live(session.key)
    assert (after.created_at, after.absolute_at) == (before.created_at, before.absolute_at)


async def test_rotate_keeps_the_owner(sessions: SessionManager, session: Session) -> None:
    record = session._record
    await sessions.store.commit(session.key, record.version, record.data, owner="ada b")
    await session.reload()
    await session.rotate()
    assert (await sessions.load_live(session.key)).owner == "ada b"


async def test_rotate_gives_the_new_id_the_whole_idle_time(
    sessions: SessionManager, session: Session
) -> None:
    await session.rotate()
    assert left(live(await sessions.find(session.key))) == pytest.approx(600, abs=5)


async def test_rotate_ends_the_old_id_at_once_and_names_its_successor(
    sessions: SessionManager, session: Session
) -> None:
    old_id, old_key = session.id, session.key
    assert old_id is not None
    await session.rotate()
    assert await sessions.find(old_key) == Tombstone(EndReason.ROTATED, session.key)
    with pytest.raises(SessionEndedError) as ended:
        await sessions.load(old_id)
    assert ended.value.reason is EndReason.ROTATED


async def test_a_rotated_handle_goes_on(sessions: SessionManager, session: Session) -> None:
    await session.rotate()
    assert await session.transact(count_up) == 2
    await session.rotate()
    assert await session.transact(count_up) == 3
    assert await stored(sessions, session) == {"count": 3}


async def test_a_socket_s_handle_cannot_rotate_and_the_session_lives_on(
    sessions: SessionManager, session: Session
) -> None:
    socket = sessions.attach(session.key, session._record)
    assert socket.id is None
    with pytest.raises(RotationImpossibleError):
        await socket.rotate()
    assert await socket.transact(count_up) == 2
    assert await session.transact(count_up) == 3
