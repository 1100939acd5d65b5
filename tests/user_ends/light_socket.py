"""A Socket.IO socket that costs its client next to nothing, so that many on one core delay nobody."""

import asyncio
import time

from tests.support.raw_frames import close_frame, text_frames
from tests.support.service import Service

_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\nCookie: {cookie}\r\n\r\n"
)
_CONNECT = text_frames("40")
_PONG = text_frames("3")
_CLOSE = close_frame(1000)
_PING = b"\x81\x012"
_CONNECTED = b'40{"sid"'
_TOLD = b"42["
_CLOSE_OPCODE = 0x88
_CLOSE_BYTES = 4
"""Of a close that says a code and nothing more: the two of its head and the two of the code."""


class LightSocket(asyncio.Protocol):
    """A WebSocket as bytes: it connects, answers pings and closes, and notes when it was told what.

    Attributes:
        told_at: when it received its last event, None if there was none.
        closed_at: when the close came; None while there was none.
    """

    def __init__(self, cookie: str) -> None:
        self.told_at: float | None = None
        self.closed_at: float | None = None
        self._cookie = cookie
        self._opened = False
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HANDSHAKE.format(cookie=self._cookie).encode())

    def data_received(self, data: bytes) -> None:
        """Look at what has come; frames of one write come together."""
        now = time.time()
        if not self._opened and b"0{" in data:
            self._opened = True
            self._transport.write(_CONNECT)
        if not self.ready.done() and _CONNECTED in data:
            self.ready.set_result(None)
        if _TOLD in data:
            self.told_at = now
        if data == _PING:
            self._transport.write(_PONG)
        if _ends_with_close(data):
            self._close(now)

    def connection_lost(self, _error: Exception | None) -> None:
        """Note the end of the connection, if no close came before it."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before it was connected"))
        self._close(time.time())

    def abort(self) -> None:
        """Close it, whatever its state."""
        self._transport.abort()

    def _close(self, now: float) -> None:
        if not self.closed.done():
            self.closed_at = now
            self.closed.set_result(None)
            self._transport.write(_CLOSE)


def _ends_with_close(data: bytes) -> bool:
    return len(data) >= _CLOSE_BYTES and data[-_CLOSE_BYTES] == _CLOSE_OPCODE


async def light_socket(node: Service, cookie: str) -> LightSocket:
    """Return a socket that is connected to its namespace; raise ConnectionError if it is refused."""
    loop = asyncio.get_running_loop()
    _transport, socket = await loop.create_connection(
        lambda: LightSocket(cookie), "127.0.0.1", node.port
    )
    await asyncio.wait_for(socket.ready, 10.0)
    return socket
