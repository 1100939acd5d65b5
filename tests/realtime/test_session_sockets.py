"""The order of a session's state: an older value never follows a newer one, and none is lost."""

import asyncio
from unittest.mock import Mock

import pytest

from app.realtime.registry import SocketRegistry
from app.realtime.session_sockets import SessionSockets
from app.sessions import Record
from tests.support.eventually import eventually


def record(version: int) -> Record:
    """A record that has nothing but a version."""
    return Record(b"{}", version, 0.0, 0.0)


@pytest.fixture
def sockets() -> SessionSockets:
    """Sockets of a session that connected at version 5."""
    sockets = SessionSockets("key")
    sockets.add_baseline(5)
    return sockets


def test_an_older_version_never_follows_a_newer_one(sockets: SessionSockets) -> None:
    assert sockets.accept("count", 7, "seven")
    assert not sockets.accept("count", 6, "six")
    assert sockets.accept("count", 8, "eight")


def test_what_is_older_than_the_first_socket_is_dropped(sockets: SessionSockets) -> None:
    assert not sockets.accept("count", 4, "four")
    assert sockets.accept("count", 5, "five")


def test_two_values_at_one_version_keep_their_order(sockets: SessionSockets) -> None:
    published = ["a", "b", "a"]
    assert [sockets.accept("count", 6, value) for value in published] == [True] * 3
    last = sockets.last_sent("count")
    assert last is not None
    assert (last.version, last.value) == (6, "a")


def test_the_same_value_at_one_version_is_sent_once(sockets: SessionSockets) -> None:
    assert sockets.accept("count", 6, "six")
    assert not sockets.accept("count", 6, "six")


def test_events_are_ordered_each_by_itself(sockets: SessionSockets) -> None:
    assert sockets.accept("count", 7, 7)
    assert sockets.accept("name", 6, "six")


def test_a_seed_is_not_followed_by_another_value_of_its_version(sockets: SessionSockets) -> None:
    """The socket knows version 5 from its connect: a late message of version 4 is outdated."""
    sockets.seed("count", 4, "five")
    assert not sockets.accept("count", 4, "four")
    assert sockets.accept("count", 5, "five")


def test_a_seed_never_replaces_what_was_received(sockets: SessionSockets) -> None:
    sockets.accept("count", 7, "seven")
    sockets.seed("count", 5, "six")
    last = sockets.last_sent("count")
    assert last is not None
    assert last.value == "seven"


def test_the_first_socket_s_version_stays_the_baseline(sockets: SessionSockets) -> None:
    """What the first has loaded is what no message may go behind; a later one loads what is newer."""
    sockets.add_baseline(8)
    assert sockets.accept("count", 6, "six"), "the first socket lacks it"


def test_a_reload_is_due_for_a_socket_that_comes_with_something_older(
    sockets: SessionSockets,
) -> None:
    sockets.reloaded_version = 7
    sockets.add_baseline(6)
    assert sockets.reloaded_version == 6
    sockets.add_baseline(9)
    assert sockets.reloaded_version == 6


def test_what_is_known_is_the_newest_of_the_record_and_of_what_was_received(
    sockets: SessionSockets,
) -> None:
    assert sockets.known_version == 0
    sockets.seed("count", 9, "taken to be known")
    assert sockets.known_version == 0
    sockets.refresh(record(6))
    assert sockets.known_version == 6
    sockets.accept("name", 8, "received")
    assert sockets.known_version == 8


def test_an_older_record_is_kept_only_where_a_failover_has_lost_the_newer(
    sockets: SessionSockets,
) -> None:
    newer: list[int] = []
    sockets.seed("name", 3, "as of long ago")
    sockets.when_newer = lambda each: newer.append(each.known_version)
    for version in (6, 6, 5, 7):
        sockets.refresh(record(version))
    assert sockets.record == record(7)
    assert newer == [6, 7]

    sockets.accept("count", 7, "seven")
    sockets.go_back(record(4))
    assert sockets.record == record(4)
    assert sockets.known_version == 4
    known = [sockets.last_sent(event) for event in ("count", "name")]
    assert known == [(3, "seven", True), (3, "as of long ago", False)], "what to compare it with"
    assert sockets.accept("count", 4, "four")
    assert sockets.accept("fresh", 4, "of no socket yet")


def test_state_is_for_the_sockets_of_a_namespace_that_have_loaded_the_session() -> None:
    registry = SocketRegistry(Mock())
    connected = [registry.register(name, "key") for name in ("one", "two", "three")]
    one = registry.enter(connected[0], "/", "of one")
    registry.enter(connected[1], "/", "still loading")
    registry.enter(connected[2], "/admin", "elsewhere").loaded = True
    one.loaded = True
    assert one.connection.session_sockets.loaded() == [one]
    registry.leave(one)
    assert one.connection.session_sockets.loaded() == []


async def test_an_event_never_shares_a_read_that_began_before_it_came(
    sockets: SessionSockets,
) -> None:
    """P1: what was stored between the two is what the second has to see."""
    begun: list[asyncio.Future[Record]] = []

    async def load(_key: str) -> Record:
        begun.append(asyncio.get_running_loop().create_future())
        return await begun[-1]

    first, beside = (asyncio.create_task(sockets.load_shared(load)) for _ in range(2))
    await eventually(lambda: len(begun) == 1)
    second = asyncio.create_task(sockets.load_shared(load))
    await eventually(lambda: len(begun) == 2)
    begun[1].set_result(record(2))
    begun[0].set_result(record(1))
    assert [await first, await beside, await second] == [record(1), record(1), record(2)]


async def test_a_caller_that_is_cancelled_takes_nobody_s_read_along(
    sockets: SessionSockets,
) -> None:
    gate = asyncio.get_running_loop().create_future()

    async def load(_key: str) -> Record:
        return await gate  # type: ignore[no-any-return] # a future of records

    gone, stays = (asyncio.create_task(sockets.load_shared(load)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    gate.set_result(record(1))
    assert await stays == record(1)
