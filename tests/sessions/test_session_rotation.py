"""Session.rotate: a new id, the same data, and the end of the old id."""

from typing import Any

import pytest

from app.sessions import (
    EndReason,
    MemoryStore,
    Policy,
    Record,
    RotationImpossibleError,
    Session,
    SessionDataError,
    SessionEndedError,
    SessionManager,
    SessionTooLargeError,
    Tombstone,
    UnreadableRecordError,
)
from app.sessions.ids import new_session_id, session_key
from app.sessions.rotation import Predecessor
from app.testing.contracts.store_base import HOUR, left, live
from tests.sessions.handles import again, count_up, stored
from tests.sessions.store_worlds import MemoryWorld
from tests.support.hooked_store import HookedStore


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


async def test_writes_and_deletions_move_on_top_of_what_another_has_written_meanwhile(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    await session.sign_in("ann")
    await session.transact(lambda data: data.update(gone=1, both=1))
    other = await again(other_node, session)
    session["mine"] = 1
    del session["gone"]
    del session["both"]

    async def write_twice() -> None:
        await other.transact(lambda data: (data.pop("both"), count_up(data)))
        store.before("end", lambda: other.transact(count_up))

    store.before("end", write_twice)
    await session.rotate()
    assert session == await stored(sessions, session) == {"count": 3, "mine": 1}
    assert session.user == "ann"


async def test_what_cannot_be_read_any_more_when_it_is_to_move_is_an_error_of_its_session(
    store: HookedStore, session: Session
) -> None:
    session["mine"], key, version = 1, session.key, session.version
    store.before("end", lambda: store.inner.commit(key, version, b"{cut off"))
    with pytest.raises(UnreadableRecordError, match=key[:8]):
        await session.rotate()


async def test_a_session_that_is_to_be_remembered_is_so_after_a_rotation() -> None:
    world = MemoryWorld()
    sessions = SessionManager(world.store, Policy(idle=600, absolute=3600))
    remembered, other = await sessions.create(), await sessions.create()
    await remembered.sign_in("ann", absolute=9000)
    await other.sign_in("eve")
    for session in (remembered, other):
        await session.rotate()
    assert left(live(await sessions.find(other.key))) == 600
    world.advance_time(8999)
    assert await sessions.find(remembered.key) is not None
    world.advance_time(2)
    assert await sessions.find(remembered.key) is None


async def test_a_rotation_whose_data_are_over_the_limit_is_refused_and_the_session_goes_on() -> (
    None
):
    sessions = SessionManager(MemoryStore(), Policy(idle=600, absolute=3600, max_data=100))
    session = await sessions.create()
    key = session.key
    session["text"] = "x" * (101 - len('{"text":""}'))
    with pytest.raises(SessionTooLargeError) as refused:
        await session.rotate()
    assert (refused.value.size, refused.value.limit) == (101, 100)
    assert session.key == key
    assert not session._in_doubt
    session["text"] = "x" * (100 - len('{"text":""}'))
    await session.rotate()
    assert session.key != key


class PlainStore(MemoryStore):
    """What a store had to know before stores could have an index."""

    async def create(self, key: str, data: bytes, **options: Any) -> Record:
        assert "until" not in options
        return await super().create(key, data, **options)


async def test_a_store_without_an_index_is_told_of_no_time_until_which_it_may_create() -> None:
    session = await SessionManager(PlainStore(), Policy(idle=600, absolute=3600)).create()
    await session.sign_in("ann")
    assert session.user == "ann"


async def test_a_value_that_json_would_not_give_back_is_refused_by_a_rotation() -> None:
    sessions = SessionManager(MemoryStore(), Policy(idle=600, absolute=3600))
    session = await sessions.create()
    session["list"] = []
    session["list"].append((1, 2))
    with pytest.raises(SessionDataError):
        await session.rotate()
    session["list"] = [[1, 2]]
    await session.rotate()
    assert await stored(sessions, session) == {"list": [[1, 2]]}


async def test_a_new_record_that_a_failover_has_lost_again_takes_nothing_of_its_predecessor_with_it(
    sessions: SessionManager, session: Session
) -> None:
    """It was read at the old master, after an increment was copied to it, which no replica had received."""
    copied = session._record
    new_id = new_session_id()
    key = session_key(new_id)
    pending = await sessions.store.create(
        key,
        copied.data,
        idle=60.0,
        absolute=HOUR,
        predecessor=Predecessor(session.key, copied.version, []).write(),
    )
    assert await session.transact(count_up) == 2
    merged = Predecessor(session.key, session.version, []).write()
    lost = pending._replace(version=2, data=session._record.data, predecessor=merged)

    await sessions.complete(key, lost)

    moved = await sessions.load(new_id)
    assert moved is not None
    assert dict(moved) == {"count": 2}


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", "cut off", '["a",1,[],"more"]'])
async def test_a_predecessor_that_nobody_can_read_is_an_error_of_the_new_session(
    text: str | None,
) -> None:
    with pytest.raises(UnreadableRecordError, match="aaaaaaaa"):
        Predecessor.read("a" * 64, text)


def test_a_predecessor_reads_as_it_was_written() -> None:
    predecessor = Predecessor("b" * 64, 7, ["name", "ü"])
    assert Predecessor.read("a" * 64, predecessor.write()) == predecessor
