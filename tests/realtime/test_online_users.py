"""OnlineUsers: who is here, in whichever session, and who has gone for longer than a moment."""

import asyncio

import pytest

from app.realtime.user_presence import LocalUserPresence, OnlineUsers
from tests.support.eventually import eventually, stays

DELAY = 0.05


@pytest.fixture
def reported() -> list[tuple[str, bool]]:
    """Who came and went."""
    return []


@pytest.fixture
def users(reported: list[tuple[str, bool]]) -> OnlineUsers:
    """Those of a node on which nobody is."""
    presence = LocalUserPresence()
    presence.start(lambda user, online: reported.append((user, online)))
    return OnlineUsers(presence, DELAY)


async def test_who_comes_and_goes_is_reported_once(
    users: OnlineUsers, reported: list[tuple[str, bool]]
) -> None:
    users.discard("of nobody")
    users.add("session", "ann")
    users.add("session", "ann")
    assert reported == [("ann", True)]
    users.discard("session")
    users.discard("session")
    assert reported == [("ann", True)], "a moment is given"
    await eventually(lambda: reported == [("ann", True), ("ann", False)])
    users.add("session", "ann")
    assert reported[2:] == [("ann", True)]


async def test_who_has_another_session_stays(
    users: OnlineUsers, reported: list[tuple[str, bool]]
) -> None:
    for key, user in (("one", "ann"), ("two", "ann"), ("three", "eve")):
        users.add(key, user)
    users.discard("one")
    await stays(lambda: reported == [("ann", True), ("eve", True)], during=4 * DELAY)
    users.discard("two")
    await eventually(lambda: reported[2:] == [("ann", False)])


async def test_who_comes_back_at_once_was_not_away(
    users: OnlineUsers, reported: list[tuple[str, bool]]
) -> None:
    users.add("one", "ann")
    users.discard("one")
    await asyncio.sleep(0)
    users.add("two", "ann")
    await stays(lambda: reported == [("ann", True)], during=4 * DELAY)
