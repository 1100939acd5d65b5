"""SocketRegistry: what it lists, what it counts, and what it tells its listener."""

import pytest

from app.realtime.registry import SLOTS, SocketRegistry, slot_of
from app.realtime.session_sockets import Connection, SessionSockets
from app.sessions import EndReason


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []
        self.namespaces: list[tuple[str, int]] = []
        self.emptied: list[tuple[str, bool]] = []

    def connected_changed(self, key: str, sockets: int) -> None:
        self.connected.append((key, sockets))

    def namespace_changed(self, namespace: str, sockets: int) -> None:
        self.namespaces.append((namespace, sockets))

    def session_emptied(self, session_sockets: SessionSockets) -> None:
        self.emptied.append((session_sockets.key, session_sockets.unused))


@pytest.fixture
def listener() -> Listener:
    """One that was told nothing yet."""
    return Listener()


@pytest.fixture
def registry(listener: Listener) -> SocketRegistry:
    """That of a node without connections."""
    return SocketRegistry(listener)


def connect(registry: SocketRegistry, connection: Connection, *namespaces: str) -> None:
    """Have sockets of a connection connected."""
    for namespace in namespaces:
        member = registry.enter(connection, namespace, f"{connection.eio_sid}{namespace}")
        registry.set_connected(member, connected=True)


def test_connections_are_found_by_id_and_by_session(registry: SocketRegistry) -> None:
    one, two, other = (
        registry.register("one", "key"),
        registry.register("two", "key"),
        registry.register("other", "its key"),
    )
    assert (len(registry), registry.all()) == (3, [one, two, other])
    assert sorted(registry.keys()) == ["its key", "key"]
    assert registry.sockets("key") == [one, two]
    assert registry.sockets("unknown") == []
    assert registry.connection("two") is two
    assert registry.connection("unknown") is None
    assert registry.connection(None) is None
    assert registry.session_sockets("key") is one.session_sockets is two.session_sockets
    assert "key" in registry.keys_in(slot_of("key"))
    assert sum(len(registry.keys_in(slot)) for slot in range(SLOTS)) == 2


def test_a_session_counts_its_connections_that_have_a_connected_socket(
    registry: SocketRegistry, listener: Listener
) -> None:
    one, two = registry.register("one", "key"), registry.register("two", "key")
    connect(registry, one, "/", "/admin")
    assert (registry.connected("key"), registry.connected("unknown")) == (1, 0)
    connect(registry, two, "/")
    assert registry.connected("key") == 2
    assert listener.connected == [("key", 1), ("key", 1), ("key", 2)]
    assert listener.namespaces == [("/", 1), ("/admin", 1), ("/", 2)]
    assert (registry.connected_in("/"), registry.connected_in("/x")) == (2, 0)
    assert [each.sid for each in registry.members("/")] == ["one/", "two/"]
    assert registry.is_connected("one")

    first = one.members["/"]
    registry.leave(first)
    registry.leave(first)
    assert (registry.connected("key"), registry.is_connected("one")) == (2, True)
    assert (registry.member("one/"), first.connected) == (None, False)
    registry.leave(one.members["/admin"])
    assert (registry.connected("key"), registry.is_connected("one")) == (1, False)
    assert listener.connected[-1] == ("key", 1)
    assert listener.namespaces[3:] == [("/", 1), ("/admin", 0)]
    assert not registry.is_connected("unknown")


def test_what_is_set_twice_is_counted_once(registry: SocketRegistry, listener: Listener) -> None:
    connection = registry.register("one", "key")
    connect(registry, connection, "/")
    registry.set_connected(connection.members["/"], connected=True)
    assert registry.connected("key") == 1
    assert listener.namespaces == [("/", 1)]


def test_who_is_about_to_connect_counts_for_others_but_not_twice(
    registry: SocketRegistry, listener: Listener
) -> None:
    connection = registry.register("one", "key")
    with registry.connecting(connection):
        assert listener.connected == [("key", 1)]
        assert registry.connected("key") == 0
        connect(registry, connection, "/")
        assert listener.connected[-1] == ("key", 2)
    with registry.connecting(connection):
        assert listener.connected[-1] == ("key", 1)
    registry.leave(connection.members["/"])
    assert listener.connected[-1] == ("key", 0)
    with pytest.raises(ZeroDivisionError), registry.connecting(connection):
        raise ZeroDivisionError
    assert connection.session_sockets.connecting == 0


def test_all_who_are_about_to_connect_count_for_others(
    registry: SocketRegistry, listener: Listener
) -> None:
    one, two = registry.register("one", "key"), registry.register("two", "key")
    with registry.connecting(one), registry.connecting(two):
        assert listener.connected == [("key", 1), ("key", 2)]
    assert one.session_sockets.connecting == 0


def test_of_who_comes_nothing_is_known_yet(registry: SocketRegistry) -> None:
    connection = registry.register("one", "key")
    member = registry.enter(connection, "/", "sid")
    assert (connection.address, connection.handshake) == (None, None)
    assert (member.loaded, member.connected, member.greeted) == (False, False, False)
    assert (member.user, member.calls, member.recovery) == (None, None, None)
    assert member.held == [], "what it is sent has to wait for the answer to its CONNECT"
    sockets = connection.session_sockets
    assert (sockets.watched, sockets.record, sockets.deadline) == (None, None, 0.0)
    assert not sockets.expired
    assert sockets.accept("count", 1, "of any version")


def test_sessions_are_spread_over_all_slots(registry: SocketRegistry) -> None:
    keys = [f"key {number}" for number in range(300)]
    for key in keys:
        registry.register(key, key)
    assert all(registry.keys_in(slot) for slot in range(SLOTS))


def test_who_goes_is_on_no_list(registry: SocketRegistry, listener: Listener) -> None:
    one, two = registry.register("one", "key"), registry.register("two", "key")
    connect(registry, one, "/", "/admin")
    registry.unregister("one")
    registry.unregister("one")
    registry.unregister("unknown")
    assert registry.all() == registry.sockets("key") == [two]
    assert registry.members("/") == registry.members("/admin") == []
    assert (registry.connected("key"), one.members) == (0, {})
    assert listener.emptied == []
    registry.unregister("two")
    assert (registry.keys(), registry.session_sockets("key")) == ([], None)
    assert listener.emptied == [("key", False)]
    assert registry.session_sockets_of(["key"]) == [None]


@pytest.mark.parametrize("connects", [False, True])
def test_a_session_that_a_handshake_has_opened_is_unused_until_a_socket_connects(
    registry: SocketRegistry, listener: Listener, connects: bool
) -> None:
    connection = registry.register("one", "key", opened=True)
    assert connection.opened
    assert not registry.register("two", "key").opened
    assert connection.session_sockets.unused
    if connects:
        connect(registry, connection, "/")
    for sid in ("one", "two"):
        registry.unregister(sid)
    assert listener.emptied == [("key", not connects)]


def test_a_connection_moves_to_another_session(
    registry: SocketRegistry, listener: Listener
) -> None:
    connection = registry.register("one", "before", opened=True)
    connection.pending_close = EndReason.ROTATED
    registry.move(connection, "after")
    assert registry.keys() == ["after"]
    assert registry.sockets("after") == [connection]
    assert connection.session_sockets is registry.session_sockets("after")
    after = registry.connection("one")
    assert after is not None
    assert (after.pending_close, after.session_sockets.unused) == (None, False)
    assert listener.emptied == [("before", True)]


def test_a_socket_can_change_its_id(registry: SocketRegistry) -> None:
    connection = registry.register("one", "key")
    member = registry.enter(connection, "/", "old")
    registry.rename(member, "new")
    assert (registry.member("old"), registry.member("new")) == (None, member)
    registry.leave(member)
    assert registry.member("new") is None


def test_each_session_reports_newer_records(registry: SocketRegistry) -> None:
    registry.when_newer = lambda _sockets: None
    assert registry.register("one", "key").session_sockets.when_newer is registry.when_newer
