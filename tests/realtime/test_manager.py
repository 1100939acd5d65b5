"""Rooms: who is in which, and that nothing is left of who has gone."""

import pytest
import socketio

from app.realtime.manager import RoomManager


@pytest.fixture
async def manager() -> RoomManager:
    """A manager with three sockets, two of them in one session's room."""
    manager = RoomManager()
    socketio.AsyncServer(client_manager=manager, async_mode="asgi")
    for eio_sid, room in (("a", "one"), ("b", "one"), ("c", "two")):
        sid = await manager.pre_connect(eio_sid, "/")
        manager.basic_enter_room(sid, "/", room)
    return manager


def sid_of(manager: RoomManager, eio_sid: str) -> str:
    """The id in the namespace."""
    sid = manager.sid_from_eio_sid(eio_sid, "/")
    assert isinstance(sid, str)
    return sid


def members(manager: RoomManager, room: str) -> set[str]:
    """The engine ids in a room."""
    return {eio_sid for _sid, eio_sid in manager.get_participants("/", room)}


def test_a_socket_is_in_a_room_of_its_own_and_in_those_it_entered(manager: RoomManager) -> None:
    sid = sid_of(manager, "a")
    assert sorted(manager.get_rooms(sid, "/")) == sorted([sid, "one"])
    assert members(manager, "one") == {"a", "b"}


def test_a_room_entered_twice_is_left_once(manager: RoomManager) -> None:
    sid = sid_of(manager, "a")
    manager.basic_enter_room(sid, "/", "one")
    manager.basic_leave_room(sid, "/", "one")
    assert manager.get_rooms(sid, "/") == [sid]
    assert members(manager, "one") == {"b"}


def test_who_has_gone_is_in_no_room_and_the_others_are_where_they_were(
    manager: RoomManager,
) -> None:
    sid = sid_of(manager, "a")
    manager.pre_disconnect(sid, "/")
    manager.basic_disconnect(sid, "/")
    manager.basic_disconnect(sid, "/")
    assert manager.get_rooms(sid, "/") == []
    assert not manager.is_connected(sid, "/")
    assert members(manager, "one") == {"b"}
    assert members(manager, "two") == {"c"}


def test_a_closed_room_is_left_by_all(manager: RoomManager) -> None:
    manager.basic_close_room("one", "/")
    for eio_sid in ("a", "b"):
        sid = sid_of(manager, eio_sid)
        assert manager.get_rooms(sid, "/") == [sid]


def test_nothing_is_left_when_all_have_gone(manager: RoomManager) -> None:
    for eio_sid in ("a", "b", "c"):
        sid = sid_of(manager, eio_sid)
        manager.basic_disconnect(sid, "/")
    assert manager.rooms == {}
    assert manager._rooms_of == {}
    assert manager.pending_connect == {}
