"""A connection without a descriptor: the kernel's part of it, and what its client does."""

import asyncio
import re
from typing import Any

_PING, _PONG = b"\x81\x012", b"\x81\x81\x00\x00\x00\x003"
"""Engine.IO's heartbeat in a frame of WebSocket; the client's is masked, with zeros."""
_CONNECT = b"\x81\x82\x00\x00\x00\x0040"
_OPENED, _CONNECTED = b'0{"sid"', b'40{"sid"'
_HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\ncookie: "
)
_REQUEST = b"POST /incr HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n"
_cookie = re.compile(rb"\r\nset-cookie: ([^;]+)", re.IGNORECASE).search


class Wire(asyncio.Transport):
    """A transport whose client is in the same process, opens a socket, and answers its heartbeats."""

    __slots__ = ("_address", "_awaited", "_protocol", "_received", "_word", "closed")

    def __init__(self, protocol: asyncio.Protocol, address: tuple[str, int]) -> None:
        self._protocol: Any = protocol
        self._address = address
        self._received = b""
        self._word = b""
        self._awaited: asyncio.Future[bytes] | None = None
        self.closed = False
        protocol.connection_made(self)

    async def session_cookie(self) -> bytes:
        """Open a session by a request, and return its cookie."""
        answer = await self._ask(_REQUEST, b"\r\n\r\n")
        found = _cookie(answer)
        assert found, answer
        return found[1]

    async def open_socket(self, cookie: bytes) -> None:
        """Open a socket in the session of a cookie."""
        await self._ask(_HANDSHAKE + cookie + b"\r\n\r\n", _OPENED)
        await self._ask(_CONNECT, _CONNECTED)

    async def _ask(self, request: bytes, word: bytes) -> bytes:
        """Send bytes, and return what has come when a word is in it."""
        self._word, self._received = word, b""
        self._awaited = asyncio.get_running_loop().create_future()
        self._protocol.data_received(request)
        try:
            return await asyncio.wait_for(self._awaited, 10.0)
        finally:
            self._awaited, self._received = None, b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the server sends."""
        if self._awaited is not None:
            self._received += data
            if self._word in self._received and not self._awaited.done():
                self._awaited.set_result(self._received)
        elif _PING in bytes(data):
            asyncio.get_running_loop().call_soon(self._protocol.data_received, _PONG)

    def close(self) -> None:
        """Close."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        """Return True if it is closed."""
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the client's address."""
        return self._address if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give it to another protocol."""
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        """Return 0: the client has read everything."""
        return 0

    def pause_reading(self) -> None:
        """Do nothing: its client sends no more than it has to."""

    resume_reading = pause_reading
