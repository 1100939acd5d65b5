"""A WebSocket as bytes on a connection: for what comes in one write, and for how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.frames import Close, Frame, Opcode

from tests.support.http import SetCookie, parse_set_cookie
from tests.support.issued import note_issued

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def text_frames(*texts: str) -> bytes:
    """The bytes of a client's text frames."""
    return b"".join(
        Frame(Opcode.TEXT, text.encode()).serialize(mask=True, extensions=[]) for text in texts
    )


def close_frame(code: int | None = 1001, reason: str = "") -> bytes:
    """The bytes of a client's close; None is one without a code."""
    payload = b"" if code is None else Close(code, reason).serialize()
    return Frame(Opcode.CLOSE, payload).serialize(mask=True, extensions=[])


class RawFrames:
    """One accepted WebSocket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes
    ) -> None:
        self.reader = reader
        self.writer = writer
        values = [
            line.partition(b":")[2].strip().decode()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"set-cookie:")
        ]
        note_issued(values)
        self.set_cookies: list[SetCookie] = [parse_set_cookie(value) for value in values]

    async def read_until(self, wanted: bytes) -> bytes:
        """Read until some bytes have come."""
        received = b""
        while wanted not in received:
            more = await self.reader.read(65_536)
            assert more, f"closed after {received!r}"
            received += more
        return received

    async def join(self) -> None:
        """Connect to the namespace."""
        self.writer.write(text_frames("40"))
        await self.read_until(b'40{"sid"')

    async def until_closed(self) -> bytes:
        """Read all up to the end of the connection; pings and closes are not answered."""
        received = b""
        while more := await self.reader.read(65_536):
            received += more
        return received


@asynccontextmanager
async def raw_frames(
    port: int, path: str = "/socket.io/?EIO=4&transport=websocket", *, more: str = ""
) -> AsyncIterator[RawFrames]:
    """Open a WebSocket, and read up to its OPEN packet; `more` is more header lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_HANDSHAKE.format(path=path, more=more).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        socket = RawFrames(reader, writer, head)
        if "sid=" not in path:
            await socket.read_until(b'0{"sid"')
        yield socket
    finally:
        writer.close()
