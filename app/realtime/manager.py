"""Rooms over all nodes, as python-socketio's client manager."""

from collections.abc import Awaitable, Callable
from typing import Any

from socketio.async_pubsub_manager import AsyncPubSubManager

from app.realtime.messages import Library

Send = Callable[[Library], None]


class RoomManager(AsyncPubSubManager):  # type: ignore[misc] # the library has no types
    """The library's rooms over our bus, and word of the moment in which a socket is connected.

    It knows the rooms of each socket: python-socketio 5.18.1 looks for one that leaves in all rooms
    there are, and every socket has a room of its own, so that to let ten thousand go would take
    twenty seconds.

    With it `server.emit(..., room=...)` and the like reach every node. What the library would do
    with a task and a subscription of its own is the post's: see app.realtime.post.
    """

    def __init__(self) -> None:
        super().__init__()
        self.send: Send = lambda _message: None
        self._rooms_of: dict[tuple[str, str], list[str | None]] = {}
        self.on_connected: Callable[[str], Awaitable[None]] | None = None
        self._methods: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "emit": self._handle_emit,
            "callback": self._handle_callback,
            "disconnect": self._handle_disconnect,
            "enter_room": self._handle_enter_room,
            "leave_room": self._handle_leave_room,
            "close_room": self._handle_close_room,
        }

    def initialize(self) -> None:
        """Start nothing: messages come in through `receive`."""

    async def connect(self, sid: str, namespace: str) -> Any:
        """Mark a socket as connected, then tell."""
        connected = await super().connect(sid, namespace)
        if self.on_connected is not None:
            await self.on_connected(connected)
        return connected

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        """Put a socket into a room; raises ValueError for a room that is another socket's own."""
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        rooms = self._rooms_of.setdefault((namespace, sid), [])
        if room not in rooms:
            rooms.append(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Take a socket out of a room. If it is not there, this does nothing."""
        super().basic_leave_room(sid, namespace, room)
        rooms = self._rooms_of.get((namespace, sid))
        if rooms is not None and room in rooms:
            rooms.remove(room)

    def basic_disconnect(self, sid: str, namespace: str, **_options: Any) -> None:
        """Forget a socket."""
        for room in self._rooms_of.pop((namespace, sid), ()):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """Give the rooms that a socket is in."""
        return [room for room in self._rooms_of.get((namespace, sid), ()) if room is not None]

    async def receive(self, message: Library) -> None:
        """Apply a message of another node's library; one that we do not know does nothing."""
        method = self._methods.get(message.body.get("method", ""))
        if method is not None:
            await method(message.body)

    async def _publish(self, data: dict[str, Any]) -> None:
        self.send(Library(body=data))
