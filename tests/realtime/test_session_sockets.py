"""The order of a session's state: an older value never follows a newer one, and none is lost."""

import pytest

from app.realtime.registry import SessionSockets


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
