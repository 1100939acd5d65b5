"""Clients of three nodes during a failover: they count, and some log out."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

import httpx

from tests.failovers.history import Counted, Ended, History
from tests.support.browsers import DriverError, JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.service import Service

SESSIONS = 3
_PAUSE = 0.02
_LOGOUT_EVERY = 0.1
_CLOSED_WITHIN = 15.0
_ANSWERED_WITHIN = 15.0


class Traffic:
    """An async context manager: sessions that are incremented, and sessions that come and end."""

    def __init__(self, js: JsClients, nodes: Sequence[Service]) -> None:
        self.history = History()
        self._js = js
        self._nodes = nodes
        self._clients: list[httpx.AsyncClient] = []
        self._browsers: list[JsBrowser] = []
        self._sockets: list[list[JsClient]] = []
        self._ended: list[tuple[Ended, str, list[JsClient]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._last = time.monotonic()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for node in self._nodes:
            client = await self._stack.enter_async_context(http_client(node.url, jarless=True))
            self._clients.append(client)
        for _ in range(SESSIONS):
            await self._add_session()
        self._tasks += [asyncio.create_task(self._log_out_now_and_then()) for _ in self._nodes]
        await self.flows()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self._stack.aclose()

    async def flows(self, *, within: float = 30.0) -> None:
        """Return when each session is written again, by HTTP and by sockets."""
        before = [len(each.acknowledged) for each in self.history.counted]
        enough = 4 * (1 + len(self._nodes))

        def all_do() -> bool:
            counted = zip(before, self.history.counted, strict=True)
            return all(len(each.acknowledged) >= had + enough for had, each in counted)

        await eventually(all_do, within=within)

    async def finish(self) -> History:
        """Stop, read what is true now, and return the history."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        for counted, browser, sockets in zip(
            self.history.counted, self._browsers, self._sockets, strict=True
        ):
            answer = await browser.fetch("GET", "/session")
            counted.count = answer.json()["count"] if not answer.set_cookies else None
            gone = [event.args[0] for each in sockets for event in each.named("disconnect")]
            counted.reasons = gone
        await asyncio.gather(*(self._look_after(*each) for each in self._ended))
        return self.history

    async def _add_session(self) -> None:
        browser = await self._js.browser(self._nodes[0].url)
        await browser.fetch("GET", "/session")
        cookie = await browser.cookie_header()
        transports = list(Transport)
        sockets = [
            await browser.connect(transports[number % len(transports)], url=node.url)
            for number, node in enumerate(self._nodes)
        ]
        counted = Counted()
        self.history.counted.append(counted)
        self._browsers.append(browser)
        self._sockets.append(sockets)
        self._tasks.append(asyncio.create_task(self._post(counted, cookie)))
        self._tasks += [asyncio.create_task(self._emit(counted, each)) for each in sockets]

    async def _post(self, counted: Counted, cookie: str) -> None:
        turn = 0
        while not self._stopping.is_set():
            turn += 1
            client = self._clients[turn % len(self._clients)]
            answer = await client.post("/incr", headers={"cookie": cookie})
            if answer.status_code == httpx.codes.OK:
                self._acknowledge(counted, answer.json())
            else:
                self._refuse(counted, answer.status_code, answer.json().get("type"))
            await asyncio.sleep(_PAUSE)

    async def _emit(self, counted: Counted, socket: JsClient) -> None:
        while not self._stopping.is_set():
            try:
                ack = await socket.emit("incr", within=10.0)
            except DriverError as error:
                counted.in_doubt += 1
                counted.reasons.append(str(error))
                return
            if isinstance(ack, int):
                self._acknowledge(counted, ack)
            else:
                self._refuse(counted, 503, ack["error"]["type"])
            await asyncio.sleep(_PAUSE)

    def _acknowledge(self, counted: Counted, count: int) -> None:
        counted.acknowledged.append(count)
        now = time.monotonic()
        began, over = self.history.unavailable
        if now - self._last > over - began:
            self.history.unavailable = (self._last, now)
        self._last = now

    def _refuse(self, counted: Counted, status: int, kind: str) -> None:
        counted.in_doubt += 1
        if (status, kind) != (503, "store-unavailable"):
            self.history.odd.append(f"an increment was answered with {status} {kind}")

    async def _log_out_now_and_then(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            with suppress(AssertionError, DriverError):  # there is no store at the moment
                await self._log_one_out(number)
            await asyncio.sleep(_LOGOUT_EVERY)

    async def _log_one_out(self, number: int) -> None:
        browser = await self._js.browser(self._nodes[0].url)
        if (await browser.fetch("GET", "/session")).status != 200:
            return
        cookie = await browser.cookie_header()
        sockets = [await browser.connect(url=node.url, within=2.0) for node in self._nodes]
        await asyncio.sleep(_LOGOUT_EVERY)
        client = self._clients[number % len(self._clients)]
        answer = await client.post("/logout", headers={"cookie": cookie})
        ended = Ended(time.monotonic() if answer.status_code == 204 else None)
        self.history.ended.append(ended)
        self._ended.append((ended, cookie, sockets))

    async def _look_after(self, ended: Ended, cookie: str, sockets: list[JsClient]) -> None:
        if ended.at is None:
            return
        for socket in sockets:
            try:
                event = await socket.wait_for("disconnect", within=_CLOSED_WITHIN)
                ended.closed.append(event.at)
            except AssertionError:
                ended.closed.append(None)
        answer = await eventually(lambda: self._ask(cookie), within=_ANSWERED_WITHIN)
        assert answer is not None
        if answer.status_code == httpx.codes.OK:
            ended.alive = "set-cookie" not in answer.headers
        elif answer.status_code != httpx.codes.CONFLICT:
            self.history.odd.append(f"an ended session is answered with {answer.status_code}")

    async def _ask(self, cookie: str) -> httpx.Response | None:
        answer = await self._clients[0].get("/session", headers={"cookie": cookie})
        return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer
