"""python-socketio's clients."""

import asyncio
from typing import Any

import aiohttp
import requests
import socketio
from websocket import WebSocket

from tests.clients.base import pair_of
from tests.support.browsers import Transport
from tests.support.issued import note_issued

OPTIONS = {"reconnection_delay": 0.05, "reconnection_delay_max": 0.2, "randomization_factor": 0}
_WAIT = 5.0


class _Happened:
    """What has happened to a client."""

    def __init__(self) -> None:
        self.connects = 0
        self.counts: list[int] = []
        self.ended: list[str] = []
        self.disconnects: list[str] = []
        self.cookies: list[str] = []

    def _connected(self) -> None:
        self.connects += 1

    def _given(self, set_cookies: list[str]) -> None:
        note_issued(set_cookies)
        self.cookies += map(pair_of, set_cookies)

    def _listen(self, client: Any) -> None:
        client.on("connect", self._connected)
        client.on("current count", self.counts.append)
        client.on("session ended", lambda value: self.ended.append(value["reason"]))
        client.on("disconnect", self.disconnects.append)


class AsyncPythonClient(_Happened):
    """AsyncClient, with the session that it makes for itself: all that is added is who listens to it."""

    def __init__(self) -> None:
        super().__init__()
        self._http: aiohttp.ClientSession | None = None
        self._client: Any = None

    async def open(self, url: str, transport: Transport) -> None:
        """Connect."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._note)
        self._http = aiohttp.ClientSession(trace_configs=[trace])
        self._client = socketio.AsyncClient(http_session=self._http, **OPTIONS)
        self._listen(self._client)
        await self._client.connect(url, transports=transport.names, wait_timeout=_WAIT)

    async def incr(self) -> Any:
        """Emit `incr`, and return the ack."""
        return await self._client.call("incr", timeout=_WAIT)

    @property
    def transport(self) -> str:
        """The transport that it is on."""
        return str(self._client.transport())

    async def close(self) -> None:
        """Disconnect for good."""
        await self._client.shutdown()
        if self._http is not None:
            await self._http.close()

    async def _note(self, _session: Any, _context: Any, end: aiohttp.TraceRequestEndParams) -> None:
        self._given(end.response.headers.getall("Set-Cookie", []))


class SyncPythonClient(_Happened):
    """Client, in threads of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._websockets: list[WebSocket] = []
        """It closes none of those that the server has closed."""
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.hooks["response"].append(self._note)
        websockets = {"class_": self._new_websocket}
        self._client = socketio.Client(
            http_session=self._http, websocket_extra_options=websockets, **OPTIONS
        )
        self._listen(self._client)

    async def open(self, url: str, transport: Transport) -> None:
        """Connect."""
        await asyncio.to_thread(
            self._client.connect, url, transports=transport.names, wait_timeout=_WAIT
        )

    async def incr(self) -> Any:
        """Emit `incr`, and return the ack."""
        return await asyncio.to_thread(self._client.call, "incr", timeout=_WAIT)

    @property
    def transport(self) -> str:
        """The transport that it is on."""
        return str(self._client.transport())

    async def close(self) -> None:
        """Disconnect for good."""
        await asyncio.to_thread(self._client.shutdown)
        for each in self._websockets:
            each.shutdown()  # type: ignore[no-untyped-call] # the library has no types for it
        self._http.close()

    def _connected(self) -> None:
        super()._connected()
        websocket = self._client.eio.ws
        if websocket is not None and (given := websocket.headers.get("set-cookie")):
            self._given([given])

    def _new_websocket(self, *args: Any, **options: Any) -> WebSocket:
        made = WebSocket(*args, **options)
        self._websockets.append(made)
        return made

    def _note(self, response: requests.Response, **_options: Any) -> None:
        given = response.headers.get("set-cookie")
        if given:
            self._given([given])
