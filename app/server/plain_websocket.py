"""The WebSocket of a connection without fast paths, which can be closed on a client that does not read."""

from starlette.types import Send

from ..realtime.engineio.websocket import AsgiWebSocket
from .plain_websocket_protocol import PlainWebSocketProtocol


class PlainWebSocket(AsgiWebSocket):
    """The WebSocket of one PlainWebSocketProtocol."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: PlainWebSocketProtocol) -> None:
        super().__init__(protocol.receive, protocol.send)
        self._protocol = protocol

    def abort(self) -> None:
        """Close the connection at once, for clients that do not read; ASGI has no way to ask for it."""
        self._protocol.transport.abort()

    def release_handshake(self) -> None:
        """Do nothing: uvicorn's protocol holds on to its handshake."""


def plain_websocket(send: Send) -> PlainWebSocket | None:
    """Return the WebSocket that an ASGI `send` belongs to, None if its protocol is another one."""
    protocol = getattr(send, "__self__", None)
    return PlainWebSocket(protocol) if isinstance(protocol, PlainWebSocketProtocol) else None
