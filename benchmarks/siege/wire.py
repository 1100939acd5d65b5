"""What a hostile client writes: frames, packets and requests as bytes."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

SEPARATOR = b"\x1e"
PATH = "/socket.io/?EIO=4&transport="

TEXT, BINARY, CONTINUATION, PING, PONG = 0x1, 0x2, 0x0, 0x9, 0xA

_MASK = bytes(4)
"""It is a mask as good as any for who has nothing to hide."""

_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """A client's frame."""
    first, length = opcode | (0x80 if fin else 0), len(payload)
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + _MASK + payload


def request(method: str, path: str, cookie: str = "", *lines: str) -> bytes:
    """The head of a request."""
    more = "".join(f"{line}\r\n" for line in lines)
    sent = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\n{sent}{more}\r\n".encode()


class Wire:
    """One connection, which may read or not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._reading: asyncio.Task[None] | None = None

    async def write(self, data: bytes) -> None:
        """Write, and wait while the node does not read. Raise OSError when it has closed."""
        if self.reader.at_eof() or self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, data: bytes) -> None:
        """Write the same again and again, until the node closes."""
        while True:
            await self.write(data)

    async def read_head(self) -> bytes:
        """Read up to the end of a response's head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def read_response(self) -> bytes:
        """Read a response whose length is declared; return its head and body."""
        head = await self.read_head()
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head + await self.reader.readexactly(int(length or 0))

    async def read_until(self, wanted: bytes) -> bytes:
        """Read until some bytes have come."""
        received = b""
        while wanted not in received:
            more = await self.reader.read(65_536)
            if not more:
                raise ConnectionResetError
            received = received[-1_000:] + more
        return received

    def stop_reading(self) -> None:
        """Read nothing from now on, not even what would be kept for later."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined] # it reads as well

    def read_on(self) -> None:
        """Read and drop all that comes from now on."""
        self._reading = asyncio.create_task(self._read_all())

    async def _read_all(self) -> None:
        with suppress(OSError):
            while await self.reader.read(65_536):
                pass

    def close(self) -> None:
        """Close it at once."""
        if self._reading is not None:
            self._reading.cancel()
        self.writer.transport.abort()


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Wire]:
    """A connection to a node."""
    wire = Wire(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield wire
    finally:
        wire.close()


@asynccontextmanager
async def websocket(port: int, cookie: str = "", *, join: bool = True) -> AsyncIterator[Wire]:
    """An accepted WebSocket that has read its OPEN packet, and has connected to the namespace."""
    async with connection(port) as wire:
        await wire.write(request("GET", f"{PATH}websocket", cookie, _UPGRADE.rstrip()))
        if not (await wire.read_head()).startswith(b"HTTP/1.1 101"):
            raise ConnectionRefusedError
        if join:
            await wire.write(frame(b"40"))
            await wire.read_until(b'40{"sid"')
        yield wire


async def new_session(port: int) -> str:
    """Open a session, and return its cookie."""
    async with connection(port) as wire:
        await wire.write(request("GET", "/session"))
        return cookie_in(await wire.read_response())


def cookie_in(response: bytes) -> str:
    """Return the cookie that a response sets."""
    line = response.partition(b"et-cookie: ")[2] or response.partition(b"et-Cookie: ")[2]
    return line.partition(b";")[0].decode()


async def new_polling(port: int, cookie: str) -> str:
    """Open a polling socket, and return its path."""
    async with connection(port) as wire:
        await wire.write(request("GET", f"{PATH}polling", cookie))
        opened = await wire.read_response()
        sid = opened.partition(b'"sid":"')[2].partition(b'"')[0].decode()
        return f"{PATH}polling&sid={sid}"
