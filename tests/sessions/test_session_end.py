"""How a session ends: logout, revocation, expiry; and that its handles know it."""

from collections.abc import Awaitable, Callable

import pytest

from app.sessions import (
    EndReason,
    Policy,
    Session,
    SessionEndedError,
    Sessions,
    Tombstone,
)
from app.sessions.opener import Opener
from tests.sessions.handles import again, count_up
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore

Write = Callable[[Session], Awaitable[object]]


async def _set_and_save(session: Session) -> None:
    session["late"] = True
    await session.save()


WRITES: dict[str, Write] = {
    "update": lambda session: session.update(count_up),
    "save": _set_and_save,
    "reload": lambda session: session.reload(),
    "rotate": lambda session: session.rotate(),
}


@pytest.fixture
async def session(sessions: Sessions) -> Session:
    """A session that counts 1."""
    session = await sessions.create()
    await session.update(count_up)
    return session


async def test_destroy_ends_the_session_for_every_handle(
    sessions: Sessions, elsewhere: Sessions, session: Session
) -> None:
    other = await again(elsewhere, session)
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
    session.forget_changes()
    assert dict(session) == {}
    assert not session.modified


async def test_listeners_hear_of_an_end_before_the_caller_goes_on(
    sessions: Sessions, session: Session
) -> None:
    heard: list[tuple[str, EndReason]] = []

    async def listen(key: str, reason: EndReason) -> None:
        heard.append((key, reason))

    sessions.on_end(listen)
    old_key = session.key
    await session.rotate()
    assert heard == [(old_key, EndReason.ROTATED)]
    await session.destroy()
    assert heard[1:] == [(session.key, EndReason.LOGOUT)]
    await sessions.end(session.key, EndReason.REVOKED)
    assert heard[2:] == [(session.key, EndReason.LOGOUT)], "told again how it has ended"


async def test_a_herald_hears_of_an_end_that_others_have_to_look_at(
    sessions: Sessions, session: Session
) -> None:
    heard: list[str] = []
    sessions.on_ending(heard.append)
    old_key = session.key
    await session.rotate()
    assert heard == [old_key]
    await session.destroy()
    assert heard == [old_key, session.key]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("reason", [EndReason.LOGOUT, EndReason.REVOKED, EndReason.ROTATED])
async def test_a_late_writer_is_told_that_and_why_the_session_has_ended(
    sessions: Sessions, elsewhere: Sessions, session: Session, reason: EndReason, write: Write
) -> None:
    late = await again(elsewhere, session)
    await sessions.end(session.key, reason)
    with pytest.raises(SessionEndedError) as ended:
        await write(late)
    assert ended.value.reason is reason
    assert late.ended is reason
    assert await sessions.find(session.key) == Tombstone(reason)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_late_writer_after_expiry_does_not_revive_the_session(
    store: HookedStore, write: Write
) -> None:
    sessions = Sessions(store, Policy(idle=0.05, absolute=3600))
    late = await sessions.create()

    async def expired() -> bool:
        return await sessions.find(late.key) is None

    await eventually(expired)
    with pytest.raises(SessionEndedError) as ended:
        await write(late)
    assert ended.value.reason is EndReason.EXPIRED
    assert await store.live_keys() == []


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_an_ended_handle_refuses_to_be_written_and_asks_the_store_no_more(
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


async def test_an_id_that_we_never_issued_opens_nothing(sessions: Sessions) -> None:
    assert await sessions.load("x" * 43) is None


async def test_logout_of_an_unknown_or_ended_session_does_nothing(
    sessions: Sessions, session: Session
) -> None:
    await sessions.logout("x" * 43)
    assert session.id is not None
    await sessions.logout(session.id)
    await sessions.logout(session.id)
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_logout_with_the_old_cookie_ends_the_session_that_a_rotation_made_of_it(
    sessions: Sessions, session: Session
) -> None:
    old_id = session.id
    assert old_id is not None
    await session.rotate()
    await session.rotate()
    await sessions.logout(old_id)
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_destroy_ends_the_session_that_a_rotation_elsewhere_made_of_it(
    elsewhere: Sessions, sessions: Sessions, session: Session
) -> None:
    late = await again(elsewhere, session)
    await session.rotate()
    await late.destroy()
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


async def test_a_request_that_opened_its_session_logs_out_its_successor_as_well(
    elsewhere: Sessions, sessions: Sessions, session: Session
) -> None:
    request = Opener(elsewhere, session.id)
    await request.open()
    await session.rotate()
    await request.logout()
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)
