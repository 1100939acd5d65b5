"""How a session ends: logout, revocation, expiry; and how its objects report it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.sessions import (
    EndReason,
    MemoryStore,
    Policy,
    Session,
    SessionEndedError,
    SessionManager,
    StoreUnavailableError,
    Tombstone,
)
from app.sessions.request_session import RequestSession
from tests.sessions.handles import again, count_up
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore

Write = Callable[[Session], Awaitable[object]]


async def _set_and_save(session: Session) -> None:
    session["late"] = True
    await session.save()


WRITES: dict[str, Write] = {
    "transact": lambda session: session.transact(count_up),
    "save": _set_and_save,
    "reload": lambda session: session.reload(),
    "rotate": lambda session: session.rotate(),
}


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A session that counts 1."""
    session = await sessions.create()
    await session.transact(count_up)
    return session


async def test_destroy_ends_the_session_for_every_handle(
    sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    other = await again(other_node, session)
    await session.destroy()
    assert (session.ended, session.destroyed) == (EndReason.LOGOUT, True)
    assert dict(session) == {}
    with pytest.raises(SessionEndedError):
        await other.reload()
    assert (other.ended, other.destroyed) == (EndReason.LOGOUT, False)
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_destroy_twice_does_nothing_more(store: HookedStore, session: Session) -> None:
    await session.destroy()
    before = len(store.calls)
    await session.destroy()
    assert store.calls[before:] == []


async def test_the_data_of_a_destroyed_session_do_not_come_back_to_its_handle(
    session: Session,
) -> None:
    await session.destroy()
    session.discard_changes()
    assert dict(session) == {}
    assert not session.modified


async def test_end_listeners_are_awaited_before_the_caller_continues(
    sessions: SessionManager, session: Session
) -> None:
    notified: list[tuple[str, EndReason]] = []

    async def listen(key: str, reason: EndReason) -> None:
        notified.append((key, reason))

    sessions.add_end_listener(listen)
    old_key = session.key
    await session.rotate()
    assert notified == [(old_key, EndReason.ROTATED)]
    await session.destroy()
    assert notified[1:] == [(session.key, EndReason.LOGOUT)]
    await sessions.ends.end(session.key, EndReason.REVOKED)
    assert notified[2:] == [(session.key, EndReason.LOGOUT)], "notified again of how it ended"


async def test_before_end_listeners_are_called_with_the_key(
    sessions: SessionManager, session: Session
) -> None:
    notified: list[str] = []
    sessions.add_before_end_listener(notified.append)
    old_key = session.key
    await session.rotate()
    assert notified == [old_key]
    await session.destroy()
    assert notified == [old_key, session.key]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("reason", [EndReason.LOGOUT, EndReason.REVOKED, EndReason.ROTATED])
async def test_a_late_write_raises_the_reason_why_the_session_has_ended(
    sessions: SessionManager,
    other_node: SessionManager,
    session: Session,
    reason: EndReason,
    write: Write,
) -> None:
    late = await again(other_node, session)
    await sessions.ends.end(session.key, reason)
    with pytest.raises(SessionEndedError) as ended:
        await write(late)
    assert ended.value.reason is reason
    assert late.ended is reason
    assert await sessions.find(session.key) == Tombstone(reason)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_late_writer_after_expiry_does_not_revive_the_session(
    store: HookedStore, write: Write
) -> None:
    sessions = SessionManager(store, Policy(idle=0.05, absolute=3600))
    late = await sessions.create()

    async def expired() -> bool:
        return await sessions.find(late.key) is None

    await eventually(expired)
    with pytest.raises(SessionEndedError) as ended:
        await write(late)
    assert ended.value.reason is EndReason.EXPIRED
    assert await store.live_keys() == []


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_an_ended_session_refuses_writes_without_calling_the_store(
    store: HookedStore, session: Session, write: Write
) -> None:
    await session.destroy()
    with pytest.raises(SessionEndedError):
        session["late"] = True
    with pytest.raises(SessionEndedError):
        del session["count"]
    with pytest.raises(SessionEndedError):
        await write(session)
    assert await store.live_keys() == []


async def test_an_id_that_was_never_issued_loads_nothing(sessions: SessionManager) -> None:
    assert await sessions.load("x" * 43) is None


async def test_logout_of_an_unknown_or_ended_session_does_nothing(
    sessions: SessionManager, session: Session
) -> None:
    await sessions.ends.logout("x" * 43)
    assert session.id is not None
    await sessions.ends.logout(session.id)
    await sessions.ends.logout(session.id)
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_logout_with_the_old_cookie_ends_the_session_that_a_rotation_made_of_it(
    sessions: SessionManager, session: Session
) -> None:
    old_id = session.id
    assert old_id is not None
    await session.rotate()
    await session.rotate()
    await sessions.ends.logout(old_id)
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_destroy_ends_the_session_that_a_rotation_elsewhere_made_of_it(
    other_node: SessionManager, sessions: SessionManager, session: Session
) -> None:
    late = await again(other_node, session)
    await session.rotate()
    await late.destroy()
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_destroy_by_a_handle_that_has_met_the_rotation_ends_the_successor_too(
    other_node: SessionManager, sessions: SessionManager, session: Session
) -> None:
    late = await again(other_node, session)
    await session.rotate()
    with pytest.raises(SessionEndedError):
        await late.reload()

    await late.destroy()

    assert late.destroyed
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_a_request_that_opened_its_session_logs_out_its_successor_as_well(
    other_node: SessionManager, sessions: SessionManager, session: Session
) -> None:
    request = RequestSession(other_node, session.id)
    await request.get_or_create()
    await session.rotate()
    await request.logout()
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_an_end_that_takes_long_is_announced_again_once_it_is_true() -> None:
    store = HookedStore(MemoryStore())
    sessions = SessionManager(store, Policy(idle=600, absolute=3600))
    session = await sessions.create()
    announced: list[str] = []

    async def hang() -> None:  # longer than those who look twice wait
        await asyncio.sleep(0.06)
        announced.append("is true")

    store.before("end", hang)
    sessions.add_before_end_listener(announced.append)
    await sessions.ends.revoke(session.key)

    assert announced == [session.key, "is true", session.key]


async def test_an_end_is_announced_before_the_store_has_replied() -> None:
    """P6: the reply may be lost, and nobody may repeat the call; others look for themselves."""
    store = HookedStore(MemoryStore())
    sessions = SessionManager(store, Policy(idle=600, absolute=3600))
    session = await sessions.create()
    looked_at: list[str] = []
    sessions.add_before_end_listener(looked_at.append)

    async def lose() -> None:
        assert looked_at == [session.key]
        raise StoreUnavailableError("the reply was lost")

    store.before("end", lose)
    with pytest.raises(StoreUnavailableError):
        await session.destroy()
    assert looked_at == [session.key]
