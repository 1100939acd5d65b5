"""Raw Engine.IO: for frames that no proper client sends, and to see what the server does to a socket.

Engine.IO v4 packets: 0 open, 1 close, 2 ping, 3 pong, 4 message, 5 upgrade, 6 noop. Socket.IO v5
packets inside a message: 0 connect, 1 disconnect, 2 event, 3 ack, 4 connect error.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from tests.support.eventually import PATIENCE
from tests.support.http import SetCookie, http_client, parse_set_cookie
from tests.support.issued import note_issued

SEPARATOR = "\x1e"
_PATH = "/socket.io/?EIO=4&transport="


class RawWebSocket:
    """An Engine.IO WebSocket. It answers pings by itself while it receives."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.opened: dict[str, Any] = {}
        """What the server's OPEN packet says: sid, pingInterval ..."""

    @property
    def set_cookies(self) -> list[SetCookie]:
        """Every Set-Cookie of the handshake's response."""
        return [parse_set_cookie(value) for value in self.headers("set-cookie")]

    def headers(self, name: str) -> list[str]:
        """The values of a header of the handshake's response."""
        response = self._connection.response
        assert response is not None
        return response.headers.get_all(name)

    async def send(self, frame: str | bytes, *, text: bool | None = None) -> None:
        """Send one frame as it stands; bytes may go as text, whether they are or not."""
        await self._connection.send(frame, text=text)

    async def receive(self, within: float = PATIENCE) -> str:
        """The next frame that is no ping; fails if none comes, ConnectionClosed if it is closed."""
        async with asyncio.timeout(within):
            while True:
                frame = await self._connection.recv()
                assert isinstance(frame, str), f"a binary frame: {frame!r}"
                if frame != "2":
                    return frame
                await self.send("3")

    async def receive_until(self, prefix: str, within: float = PATIENCE) -> str:
        """The next frame that starts so; what comes before is dropped."""
        async with asyncio.timeout(within):
            while not (frame := await self.receive(within)).startswith(prefix):
                pass
            return frame

    async def join(self, namespace: str = "/") -> str:
        """Send CONNECT and return the answer: `40{"sid":...}` or `44{"message":...}`."""
        await self.send("40" if namespace == "/" else f"40{namespace},")
        return await self.receive_until("4")

    async def emit(self, event: str, *args: Any, ack: int | None = None) -> None:
        """Send an event; its ack, if asked for, arrives as the frame `43<ack>[...]`."""
        await self.send(f"42{'' if ack is None else ack}{json.dumps([event, *args])}")

    async def frames_until_closed(self, within: float = PATIENCE) -> list[str]:
        """All frames up to the server's close; fails if it does not close in time."""
        frames: list[str] = []
        deadline = time.monotonic() + within
        try:
            while True:
                frames.append(await self.receive(max(deadline - time.monotonic(), 0)))
        except ConnectionClosed:
            return frames
        except TimeoutError:
            raise AssertionError(f"not closed within {within} s; heard {frames}") from None

    @property
    def close_code(self) -> int | None:
        """The close code, or None while open; 1006 if the connection was dropped without one."""
        return self._connection.close_code

    async def fragments(self, *parts: str) -> None:
        """Send one text in so many frames."""
        await self._connection.send(list(parts))

    async def ping(self) -> None:
        """Send a ping frame."""
        await self._connection.ping()

    def write(self, data: bytes) -> None:
        """Write bytes to the connection as they stand."""
        self._connection.transport.write(data)

    def cut(self) -> None:
        """End the TCP connection when all is written, without a Close frame."""
        self._connection.transport.close()

    def stop_reading(self) -> None:
        """Read no more from the network, as a client that hangs does."""
        self._connection.transport.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        self._connection.transport.resume_reading()


@asynccontextmanager
async def raw_websocket(
    url: str,
    *,
    cookie: str | None = None,
    origin: str | None = None,
    query: str = "",
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
) -> AsyncIterator[RawWebSocket]:
    """Open an Engine.IO WebSocket on a node's `http://` URL and read its OPEN packet.

    With `query="&sid=..."` it is an upgrade, which has no OPEN packet. Raises
    websockets.exceptions.InvalidStatus if the handshake is refused; see `refused_websocket`.
    """
    sent = dict(headers or {})
    if cookie is not None:
        sent["Cookie"] = cookie
    address = url.replace("http", "ws", 1) + _PATH + "websocket" + query
    connection = await connect(
        address,
        additional_headers=sent,
        origin=origin,  # type: ignore[arg-type] # a NewType of str
        ping_interval=None,
        proxy=None,
        max_size=None,
        subprotocols=subprotocols,  # type: ignore[arg-type] # as above
        close_timeout=0.2,
    )
    async with connection:
        raw = RawWebSocket(connection)
        note_issued(raw.headers("set-cookie"))
        if "sid=" not in query:
            raw.opened = json.loads((await raw.receive_until("0"))[1:])
        yield raw


async def refused_websocket(url: str, **how: Any) -> Response:
    """The HTTP response that refuses a WebSocket handshake; fails if it is accepted."""
    try:
        async with raw_websocket(url, **how):
            pass
    except InvalidStatus as error_ack:
        return error_ack.response
    raise AssertionError("the handshake was accepted")


class RawPolling:
    """An Engine.IO polling connection, one request at a time."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.opened: dict[str, Any] = {}
        self.handshake: httpx.Response | None = None
        self._kept: list[str] = []

    @property
    def address(self) -> str:
        """Where this connection's requests go, with its Engine.IO id."""
        return f"{_PATH}polling&sid={self.opened['sid']}"

    async def open(self) -> httpx.Response:
        """The handshake; on 200 it also fills `opened`."""
        self.handshake = await self.client.get(f"{_PATH}polling")
        if self.handshake.status_code == httpx.codes.OK:
            self.opened = json.loads(self.handshake.text[1:])
        return self.handshake

    async def post(self, *packets: str) -> httpx.Response:
        """Send packets in one request."""
        return await self.client.post(self.address, content=SEPARATOR.join(packets))

    async def poll(self) -> httpx.Response:
        """One long poll."""
        return await self.client.get(self.address)

    async def receive_until(self, prefix: str, within: float = PATIENCE) -> str:
        """Poll until a packet starts so, and return it; what came before is dropped."""
        return await self._next(lambda packet: packet.startswith(prefix), within)

    async def join(self) -> str:
        """Send CONNECT and return the answer."""
        await self.post("40")
        return await self.receive_until("4")

    async def emit(self, event: str, *args: Any, ack: int | None = None) -> httpx.Response:
        """Send an event."""
        return await self.post(f"42{'' if ack is None else ack}{json.dumps([event, *args])}")

    async def _next(self, wanted: Callable[[str], bool], within: float) -> str:
        async with asyncio.timeout(within):
            while True:
                while self._kept:
                    if wanted(packet := self._kept.pop(0)):
                        return packet
                await self._refill()

    async def _refill(self) -> None:
        response = await self.poll()
        assert response.status_code == httpx.codes.OK, f"{response.status_code} {response.text}"
        self._kept = response.text.split(SEPARATOR)
        if "2" in self._kept:
            await self.post("3")


@asynccontextmanager
async def raw_polling(
    url: str, *, cookie: str | None = None, jarless: bool = False, leave: bool = True
) -> AsyncIterator[RawPolling]:
    """An Engine.IO polling connection to a node, opened; it keeps cookies in `.client`'s jar, if it has one.

    With `leave`, it says good-bye in the end; without, it is gone without a word.
    """
    async with http_client(url, cookie=cookie, jarless=jarless, timeout=30.0) as client:
        polling = RawPolling(client)
        await polling.open()
        yield polling
        if leave and polling.opened:
            await polling.post("1")
