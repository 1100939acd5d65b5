"""A client of Socket.IO with a session, which can come back."""

import asyncio
import json
from itertools import count
from typing import Any

import aiohttp
from yarl import URL

from tests.soak.wire import LostError, Wire, opened

WITHIN = 45.0
"""Seconds for what should take a moment; on a busy machine it takes more."""


class RefusedError(Exception):
    """The namespace did not let it in."""


class Client:
    """A browser, of which one socket is connected at a time.

    Attributes:
        http: sends its requests.
        received: how many events it has received.
        ended: the reason of the last `session ended`.
        lost: is set while no connection is open.
    """

    def __init__(self, connector: aiohttp.TCPConnector) -> None:
        self.http = aiohttp.ClientSession(
            connector=connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # the nodes have IP addresses
            timeout=aiohttp.ClientTimeout(total=WITHIN),
        )
        self.received = 0
        self.ended: str | None = None
        self.lost = asyncio.Event()
        self.lost.set()
        self.sid = ""
        self._pid: str | None = None
        self._offset: str | None = None
        self._wire: Wire | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ids = count()
        self._acks: dict[int, asyncio.Future[Any]] = {}

    async def post(self, url: str, *, expect: int = 200, **options: Any) -> Any:
        """Send a request; return the answer's JSON."""
        async with self.http.post(url, **options) as answer:
            text = await answer.text()
        if answer.status != expect:
            raise RefusedError(f"{URL(url).path} got {answer.status}: {text[:200]}")
        return json.loads(text) if text else None

    async def connect(self, transport: str, urls: list[str]) -> bool:
        """Connect; return whether it was recovered."""
        self._wire = await opened(self.http, transport, urls)
        self.ended = None
        self.lost.clear()
        auth = {} if self._pid is None else {"pid": self._pid, "offset": self._offset}
        await self._wire.send("0" + (json.dumps(auth) if auth else ""))
        async with asyncio.timeout(WITHIN):
            answer = await self._wire.receive()
        if answer[0] != "0":
            await self.leave(goodbye=True)
            raise RefusedError(f"the namespace answered {answer[:200]}")
        found = json.loads(answer[1:])
        self.sid, before, self._pid = found["sid"], self._pid, found.get("pid")
        self._reader = asyncio.create_task(self._read(self._wire))
        return before is not None and before == self._pid

    async def call(self, event: str, *args: Any) -> Any:
        """Emit an event, and return its ack."""
        number = next(self._ids)
        done = self._acks[number] = asyncio.get_running_loop().create_future()
        try:
            await self._send(f"2{number}" + json.dumps([event, *args]))
            async with asyncio.timeout(WITHIN):
                ack = await done
        finally:
            self._acks.pop(number, None)
            if done.done():
                done.exception()  # it is that of the connection, which the send has raised already
        if isinstance(ack, dict) and "error" in ack:
            raise RefusedError(f"{event} got {ack['error']}")
        return ack

    async def emit(self, event: str, *args: Any) -> None:
        """Emit an event."""
        await self._send("2" + json.dumps([event, *args]))

    async def until_lost(self, more: float = 0.0) -> str | None:
        """Wait until the connection has ended; return the reason that the server gave.

        Fails if it is there still so many seconds after it should have ended, and `more`.
        """
        async with asyncio.timeout(WITHIN + more):
            await self.lost.wait()
        await self.leave(goodbye=False)
        return self.ended

    async def leave(self, *, goodbye: bool) -> None:
        """Close the connection."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._wire is not None:
            await self._wire.aclose(goodbye=goodbye)
        self._wire = self._reader = None
        self.lost.set()

    def forget(self) -> None:
        """Forget what it would come back with."""
        self._pid = self._offset = None

    async def aclose(self) -> None:
        """Leave, and close the HTTP client."""
        await self.leave(goodbye=True)
        await self.http.close()

    async def _send(self, packet: str) -> None:
        if self._wire is None:
            raise LostError("it is not connected")
        await self._wire.send(packet)

    async def _read(self, wire: Wire) -> None:
        try:
            while True:
                await self._handle(await wire.receive())
        except LostError:
            pass
        finally:
            self.lost.set()
            for each in self._acks.values():
                if not each.done():
                    each.set_exception(LostError("the connection ended before the ack"))

    async def _handle(self, packet: str) -> None:
        kind, rest = packet[0], packet[1:]
        if kind == "1":
            raise LostError("disconnected by the server")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        data = json.loads(rest[len(digits) :])
        if kind == "3" and (done := self._acks.get(int(digits))) is not None and not done.done():
            done.set_result(data[0] if data else None)
        if kind == "2":
            await self._take(data, digits)

    async def _take(self, data: list[Any], digits: str) -> None:
        self.received += 1
        if data[0] == "session ended":
            self.ended = data[1]["reason"]
        elif digits:
            await self._send(f"3{digits}[{data[1] * 7}]")
        elif isinstance(data[-1], str) and len(data) > 2:
            self._offset = data[-1]
