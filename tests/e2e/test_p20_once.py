"""P20: what is repeated counts once, whoever lost the first answer. ONCE_TRIALS=10000 for more of them.

One in ten loses its answer: between node and client, or between the store and a node.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from random import Random

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.proxy import Proxy, proxy_to
from tests.support.samples import times
from tests.support.servers import StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

TRIALS = int(os.environ.get("ONCE_TRIALS") or times(40, of=500))
KEYS_OF_A_SESSION = 400
"""No more than a session may have within ten minutes."""
AT_ONCE = 4
"""Requests, and events, of one session."""
_COMES_AGAIN = {409, 503}


def _url(proxy: Proxy) -> str:
    return proxy.url.replace("redis://", "http://").removesuffix("/0")


@dataclass
class Site:
    """Two nodes, each behind a proxy, on one server behind another."""

    server: StoreServer
    store: Proxy
    nodes: list[Service]
    fronts: list[Proxy]
    random: Random = field(default_factory=lambda: Random(20))
    lost: int = 0

    async def lose_one_in_ten(self, key: str, front: Proxy) -> None:
        """Lose the answer to a request that has the key, or the store's next reply to a node."""
        if self.random.random() < 0.1:
            self.lost += 1
            if self.random.random() < 0.5:
                front.lose_reply_to(key.encode())
            else:
                self.store.lose_next_reply()
        if self.random.random() < 0.002:
            await asyncio.to_thread(self.server.drop_clients)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Nodes and proxies of this test's own."""
    with store_server("valkey") as server:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(proxy_to(server.port))
            settings = server_settings(server) | {"redis_url": store.url, "client_rate": 0}
            nodes = [stack.enter_context(service(**settings)) for _ in range(2)]
            fronts = [await stack.enter_async_context(proxy_to(_port(node))) for node in nodes]
            yield Site(server, store, nodes, fronts)


class Visitor:
    """One session, used by requests and by sockets on both nodes."""

    def __init__(self, site: Site, browser: JsBrowser, sockets: list[JsClient]) -> None:
        self._site = site
        self._browser = browser
        self._sockets = sockets
        self.answers: list[int] = []

    async def request(self, http: httpx.AsyncClient, key: str) -> None:
        """Post until there is an answer."""
        while True:
            front = self._site.random.choice(self._site.fronts)
            await self._site.lose_one_in_ten(key, front)
            with suppress(httpx.TransportError):
                answer = await http.post(f"{_url(front)}/incr", headers={"idempotency-key": key})
                if answer.status_code == 200:
                    self.answers.append(answer.json())
                    return
                assert answer.status_code in _COMES_AGAIN, answer.text
            await asyncio.sleep(0.02)

    async def event(self, socket: JsClient, key: str) -> None:
        """Emit until there is an ack that is none of a store that did not reply."""
        while True:
            if self._site.random.random() < 0.1:
                self._site.lost += 1
                asyncio.get_running_loop().call_later(
                    self._site.random.uniform(0.0, 0.01),
                    lambda: asyncio.ensure_future(socket.cut()),
                )
            ack = await socket.emit("incr once", key, within=2.0)
            if isinstance(ack, int):
                self.answers.append(ack)
                return
            assert ack["error"]["type"] == "store-unavailable", ack

    async def use(self, keys: list[str]) -> None:
        """Do all of these, half of them by requests."""
        waiting = list(keys)
        async with http_client("", cookie=await self._browser.cookie_header()) as http:

            async def request() -> None:
                while waiting:
                    await self.request(http, waiting.pop())

            async def emit(socket: JsClient) -> None:
                while waiting:
                    await self.event(socket, waiting.pop())

            await asyncio.gather(*(request() for _ in range(AT_ONCE)), *map(emit, self._sockets))

    async def count(self) -> object:
        """What the session counts."""

        async def answered() -> object:
            got = await self._browser.fetch("GET", "/session")
            assert got.status == 200
            return got.json()["count"]

        return await eventually(answered, within=20.0)


@pytest.fixture
async def front(node: Service) -> AsyncIterator[Proxy]:
    """A proxy in front of a node on each store in turn."""
    async with proxy_to(_port(node)) as proxy:
        yield proxy


# The proxies come before the clients, so that they are there until those have closed.
@pytest.mark.every_transport
@pytest.mark.parametrize("transport", Transport)
async def test_the_retries_of_the_javascript_client_count_once(
    front: Proxy, js: JsClients, transport: Transport
) -> None:
    browser = await js.browser(_url(front))
    await browser.fetch("GET", "/session")
    socket = await browser.connect(transport, options={"retries": 10})
    for number in range(1, 4):
        front.lose_next_reply()
        assert await socket.emit("incr once", f"the id {number}") == number
    assert (await browser.fetch("GET", "/session")).json()["count"] == 3
    assert len(socket.named("disconnect")) >= (transport is Transport.WEBSOCKET)


@pytest.mark.proof
async def test_of_requests_and_events_one_in_ten_of_which_loses_its_answer_the_count_is_exact(
    site: Site, js: JsClients
) -> None:
    for first in range(0, TRIALS, KEYS_OF_A_SESSION):
        keys = [
            f"the key {number}" for number in range(first, min(first + KEYS_OF_A_SESSION, TRIALS))
        ]
        browser = await js.browser(site.nodes[0].url)
        await browser.fetch("GET", "/session")
        sockets = [
            await browser.connect(transport, url=node.url, options={"retries": 100})
            for node, transport in zip(
                site.nodes, (Transport.WEBSOCKET, Transport.POLLING), strict=True
            )
        ]
        visitor = Visitor(site, browser, sockets)
        await visitor.use(keys)
        assert await visitor.count() == len(keys)
        assert sorted(visitor.answers) == list(range(1, len(keys) + 1))
        for socket in sockets:
            await socket.close()
    assert site.lost >= TRIALS / 20
    assert not any("Traceback" in node.log() for node in site.nodes)


def _port(node: Service) -> int:
    return int(node.url.rpartition(":")[2])
