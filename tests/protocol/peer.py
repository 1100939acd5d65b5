"""A client of the protocols that does what a case says and nothing by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.http import begin, cookie_header, http_client

PATH = "/socket.io/"

_ROUNDS = 2
"""A poll has come when so many requests were answered that were sent after it: one may overtake it."""


class Jar(Enum):
    """Whether a client keeps the cookies that it is given."""

    COOKIES = "cookies"
    NONE = "no jar"


class Peer:
    """One client, with or without a jar. Answers no ping, and joins no namespace."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http = http
        self._url = url

    async def open(self) -> dict[str, Any]:
        """Open a polling socket; return what its OPEN packet says."""
        answer = await self.request()
        assert answer.status_code == 200
        assert answer.text[0] == "0"
        opened: dict[str, Any] = json.loads(answer.text[1:])
        return opened

    async def request(
        self, method: str = "GET", content: str | None = None, **query: str | None
    ) -> httpx.Response:
        """Send a request; of the query EIO=4 and transport=polling are there unless said otherwise."""
        return await self.http.request(method, PATH, params=_query(query), content=content)

    async def post(self, sid: str, *packets: str) -> httpx.Response:
        """Send packets to a polling socket."""
        return await self.request("POST", "\x1e".join(packets), sid=sid)

    async def poll(self, sid: str) -> httpx.Response:
        """Send one long poll."""
        return await self.request(sid=sid)

    async def waiting_poll(self, sid: str) -> asyncio.Task[httpx.Response]:
        """Start a long poll that waits by the time that this returns."""
        poll = await begin(self.http, "GET", PATH, params=_query({"sid": sid}))
        for _ in range(_ROUNDS):
            assert (await self.request(transport="pigeon")).status_code == 400
        return poll

    @asynccontextmanager
    async def websocket(self, **query: str | None) -> AsyncIterator["PeerWebSocket"]:
        """Open a WebSocket, with this client's cookies."""
        address = (
            httpx.URL(self._url)
            .join(PATH)
            .copy_merge_params(_query({"transport": "websocket", **query}))
        )
        cookie = cookie_header(self.http)
        async with connect(
            str(address).replace("http", "ws", 1),
            additional_headers={"Cookie": cookie} if cookie else {},
            ping_interval=None,
            proxy=None,
            close_timeout=0.2,
        ) as connection:
            yield PeerWebSocket(connection)

    async def is_refused(self, **query: str | None) -> bool:
        """Return True if the handshake of a WebSocket is refused with 400."""
        try:
            async with self.websocket(**query):
                return False
        except InvalidStatus as error:
            return error.response.status_code == httpx.codes.BAD_REQUEST


class PeerWebSocket:
    """One WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, *frames: str | bytes) -> None:
        """Send frames."""
        for frame in frames:
            await self._connection.send(frame)

    async def receive(self) -> str | bytes:
        """Return the next frame, of whatever kind."""
        return await self._connection.recv()

    async def receive_message(self) -> str | bytes:
        """Return the next frame that is no ping."""
        while (frame := await self.receive()) == "2":
            pass
        return frame

    async def open(self) -> dict[str, Any]:
        """Return what the OPEN packet says."""
        frame = await self.receive()
        assert isinstance(frame, str)
        assert frame[0] == "0"
        opened: dict[str, Any] = json.loads(frame[1:])
        return opened

    async def join(self, connect: str = "40") -> str:
        """Connect to a namespace; return the answer."""
        await self.send(connect)
        answer = await self.receive_message()
        assert isinstance(answer, str)
        return answer

    async def receive_or_none(self) -> str | bytes | None:
        """Return the next frame, None if the server closes the connection."""
        try:
            return await self.receive()
        except ConnectionClosed:
            return None

    async def rest(self) -> list[str | bytes]:
        """Return the frames that are no pings, up to the server's close."""
        frames: list[str | bytes] = []
        while (frame := await self.receive_or_none()) is not None:
            if frame != "2":
                frames.append(frame)
        return frames

    async def closed(self) -> int | None:
        """Wait for the server to close the connection; return the close code."""
        await self.rest()
        return self._connection.close_code


@asynccontextmanager
async def peer_of(url: str, jar: Jar) -> AsyncIterator[Peer]:
    """A client of a node."""
    async with http_client(url) as http:
        if jar is Jar.NONE:
            http.event_hooks["response"].append(lambda _response: _forget(http))
        yield Peer(http, url)


async def _forget(http: httpx.AsyncClient) -> None:
    http.cookies.clear()


def _query(query: dict[str, str | None]) -> dict[str, str]:
    fields = {"EIO": "4", "transport": "polling"} | query
    return {name: value for name, value in fields.items() if value is not None}
