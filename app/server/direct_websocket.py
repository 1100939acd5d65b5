"""The WebSocket of a connection as Engine.IO uses it, without ASGI's events for plain frames."""

from collections.abc import Callable

from starlette.types import Send

from ..realtime.engineio.websocket import AsgiWebSocket, frame_of
from .websocket_frames import LONGEST_ALONE
from .websocket_protocol import FastWebSocketProtocol


class DirectWebSocket(AsgiWebSocket):
    """The WebSocket of one FastWebSocketProtocol."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: FastWebSocketProtocol) -> None:
        super().__init__(protocol.receive, protocol.send)
        self._protocol = protocol

    async def wait(self) -> str | bytes:
        """Return the next frame. Raise OSError when the connection is closed."""
        # As `next` does, without a frame of its own for as long as it waits: thousands do.
        protocol = self._protocol
        protocol.begin_wait()
        item = await protocol.queue.get()
        protocol.end_wait()
        return item if isinstance(item, str) else frame_of(item)

    def offer(self, take: Callable[[str], bool] | None) -> None:
        """Offer texts to a function while `wait` is waited for; what it returns False for is queued."""
        if take is None or self._protocol.config.ws_max_size >= LONGEST_ALONE:
            self._protocol.take = take

    def send_nowait(self, frame: str | bytes) -> bool:
        """Send a frame if it is a plain one and can be sent at once, and return whether it was."""
        return isinstance(frame, str) and self._protocol.write_plain(frame)

    def abort(self) -> None:
        """Close the connection at once, for clients that do not read."""
        self._protocol.transport.abort()

    def release_handshake(self) -> None:
        """Drop all that the connection holds of its handshake."""
        self._protocol.release_handshake()


def direct_websocket(send: Send) -> DirectWebSocket | None:
    """Return the WebSocket that an ASGI `send` belongs to, None if its protocol is another one."""
    protocol = getattr(send, "__self__", None)
    return DirectWebSocket(protocol) if isinstance(protocol, FastWebSocketProtocol) else None
