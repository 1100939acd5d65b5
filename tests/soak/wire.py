"""Engine.IO connections of a client: polling, WebSocket, and polling that is upgraded."""

import asyncio
import json
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

import aiohttp

_SEPARATOR = "\x1e"
_POLL_SECONDS = 60.0

Failures = (aiohttp.ClientError, OSError, TimeoutError)
"""What a request, or a WebSocket, of a connection that is lost ends with."""


class LostError(Exception):
    """The connection has ended, or was never opened."""


class Wire(Protocol):
    """One connection."""

    async def send(self, packet: str) -> None:
        """Send a packet; raise LostError if the connection has ended."""

    async def receive(self) -> str:
        """Return the next packet of Socket.IO, without Engine.IO's digit; raise LostError at the end."""

    async def aclose(self, *, goodbye: bool) -> None:
        """Close it, with Engine.IO's packet for it or as a network does that fails."""


class PollingWire:
    """A connection that polls, at one node or at several in turn."""

    def __init__(self, http: aiohttp.ClientSession, urls: list[str]) -> None:
        self._http = http
        self._urls = urls
        self._turn = 0
        self._sid = ""
        self._packets: deque[str] = deque()

    async def open(self) -> None:
        """Shake hands."""
        self._packets.extend(await self._get())
        self._sid = json.loads(self._packets.popleft()[1:])["sid"]

    async def send(self, packet: str) -> None:
        """Post a packet of Socket.IO."""
        await self._post("4" + packet)

    async def receive(self) -> str:
        """Return the next packet of Socket.IO."""
        while True:
            while not self._packets:
                self._packets.extend(await self._get())
            packet = self._packets.popleft()
            if packet[0] == "4":
                return packet[1:]
            if packet[0] == "1":
                raise LostError("closed by the server")
            if packet[0] == "2":
                await self._post("3")

    async def aclose(self, *, goodbye: bool) -> None:
        """Close it; without a goodbye it is merely not polled any more."""
        if goodbye:
            with suppress(LostError):
                await self._post("1")

    async def upgrade(self) -> "WebSocketWire":
        """Return the WebSocket that it goes on with, as the JavaScript client does it."""
        poll = asyncio.create_task(self._get())
        try:
            socket = WebSocketWire(self._http, self._urls[0])
            await socket.open(self._sid)
            # The server answers the poll, so that none is under way at the change.
            self._packets.extend(await poll)
        finally:
            poll.cancel()
        await socket.finish(self._packets)
        return socket

    def _address(self) -> str:
        self._turn += 1
        sid = f"&sid={self._sid}" if self._sid else ""
        return f"{self._urls[self._turn % len(self._urls)]}?EIO=4&transport=polling{sid}"

    async def _get(self) -> list[str]:
        timeout = aiohttp.ClientTimeout(total=_POLL_SECONDS)
        try:
            async with self._http.get(self._address(), timeout=timeout) as answer:
                text = await answer.text()
        except Failures as error:
            raise LostError(f"a poll failed: {error!r}") from error
        if answer.status != 200:
            raise LostError(f"a poll got {answer.status}: {text[:200]}")
        return text.split(_SEPARATOR)

    async def _post(self, packet: str) -> None:
        try:
            async with self._http.post(self._address(), data=packet) as answer:
                text = await answer.text()
        except Failures as error:
            raise LostError(f"a post failed: {error!r}") from error
        if answer.status != 200:
            raise LostError(f"a post got {answer.status}: {text[:200]}")


class WebSocketWire:
    """A connection by WebSocket."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self._before: deque[str] = deque()
        self._socket: Any = None

    async def open(self, sid: str = "") -> None:
        """Shake hands, or probe for an upgrade."""
        named = f"&sid={sid}" if sid else ""
        url = f"{self._url}?EIO=4&transport=websocket{named}"
        try:
            self._socket = await self._http.ws_connect(url, compress=0, autoclose=True)
        except Failures as error:
            raise LostError(f"a WebSocket was refused: {error!r}") from error
        if sid:
            await self._send("2probe")
            if (answer := await self._next()) != "3probe":
                raise LostError(f"the probe was answered by {answer[:50]}")
        else:
            await self._next()

    async def finish(self, before: deque[str]) -> None:
        """Complete an upgrade; `before` is what polls have brought."""
        self._before = before
        await self._send("5")

    async def send(self, packet: str) -> None:
        """Send a packet of Socket.IO."""
        await self._send("4" + packet)

    async def receive(self) -> str:
        """Return the next packet of Socket.IO."""
        while True:
            packet = self._before.popleft() if self._before else await self._next()
            if packet[0] == "4":
                return packet[1:]
            if packet[0] == "2":
                await self._send("3")

    async def aclose(self, *, goodbye: bool) -> None:
        """Close it."""
        if self._socket is None:
            return
        if goodbye:
            with suppress(LostError):
                await self._send("1")
                await self._socket.close()
        elif (response := getattr(self._socket, "_response", None)) is not None:
            response.close()  # the TCP connection, without a close frame

    async def _send(self, packet: str) -> None:
        try:
            await self._socket.send_str(packet)
        except Failures as error:
            raise LostError(f"nothing can be sent: {error!r}") from error

    async def _next(self) -> str:
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        raise LostError(f"the WebSocket ended: {message.type.name} {message.data}")


async def opened(http: aiohttp.ClientSession, transport: str, urls: list[str]) -> Wire:
    """Open a connection: `websocket`, `polling`, `upgraded`, or `roaming`, which polls all nodes in turn."""
    urls = [f"{each}/socket.io/" for each in urls]
    if transport == "websocket":
        socket = WebSocketWire(http, urls[0])
        await socket.open()
        return socket
    polling = PollingWire(http, urls if transport == "roaming" else urls[:1])
    await polling.open()
    return await polling.upgrade() if transport == "upgraded" else polling
