"""Rooms over all nodes, as python-socketio's client manager."""

from collections.abc import Awaitable, Callable
from typing import Any

from socketio.async_pubsub_manager import AsyncPubSubManager

from app.realtime.messages import Library

Send = Callable[[Library], None]


class RoomManager(AsyncPubSubManager):  # type: ignore[misc] # the library has no types
    """The library's rooms over our bus, and word of the moment in which a socket is connected.

    With it `server.emit(..., room=...)` and the like reach every node. What the library would do
    with a task and a subscription of its own is the post's: see app.realtime.post.
    """

    def __init__(self) -> None:
        super().__init__()
        self.send: Send = lambda _message: None
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

    async def receive(self, message: Library) -> None:
        """Apply a message of another node's library; one that we do not know does nothing."""
        method = self._methods.get(message.body.get("method", ""))
        if method is not None:
            await method(message.body)

    async def _publish(self, data: dict[str, Any]) -> None:
        self.send(Library(body=data))
