"""SIGTERM: sockets are sent elsewhere, and the process is gone in time."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.driver import DriverError
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.raw import RawPolling, RawWebSocket, raw_polling, raw_websocket
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import server_settings

Raw = TypeVar("Raw", RawWebSocket, RawPolling)

MANY = 500
AT_ONCE = 50
FAREWELL = '42["session ended",{"reason":"shutdown"}]'


@pytest.fixture(autouse=True)
def many_files() -> None:
    """Allow as many connections as the system does."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def test_five_hundred_websockets_and_pollers_are_let_go_and_the_process_ends(
    js: JsClients, valkey: StoreServer
) -> None:
    async with service(**server_settings(valkey)) as node, AsyncExitStack() as crowd:
        client = await crowd.enter_async_context(http_client(node.url))
        browser = await js.browser(node.url)
        witnesses = [await browser.connect(transport) for transport in Transport]
        sockets = await _many(lambda: _joined(crowd, raw_websocket(node.url)))
        pollers = await _many(lambda: _joined(crowd, raw_polling(node.url, leave=False)))
        watchers = [asyncio.create_task(each.frames_until_closed(10.0)) for each in sockets]
        polls = [asyncio.create_task(each.receive_until(FAREWELL, 10.0)) for each in pollers]
        start = time.monotonic()

        node.terminate()

        refused = await eventually(lambda: _refusals(client), within=1.0)
        assert [problem(answer) for answer in refused] == [(503, "store-unavailable")] * 2
        farewells = await asyncio.gather(*watchers)
        assert all(FAREWELL in frames for frames in farewells)
        await asyncio.gather(*polls)
        await eventually(lambda: not node.alive, within=10.0)
        assert time.monotonic() - start < 10
        assert node.stop() == 0
        for witness in witnesses:
            assert witness.values("session ended") == [{"reason": "shutdown"}]
            assert witness.values("disconnect")[0] == "transport close"


async def test_every_acknowledged_write_is_in_the_store_after_a_shutdown(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    settings = server_settings(shared_store_server)
    async with service(**settings) as other:
        browser = await js.browser(other.url)
        await browser.fetch("GET", "/session")
        acknowledged = [0]
        async with service(**settings) as node:
            writer = asyncio.create_task(_write(browser, node.url, acknowledged))
            await eventually(lambda: acknowledged[-1] > 20)
            assert await asyncio.to_thread(node.stop) == 0
            writer.cancel()
        count = (await browser.fetch("GET", f"{other.url}/session")).json()["count"]

    assert acknowledged[-1] <= count <= acknowledged[-1] + 1


async def test_a_second_signal_ends_the_process_at_once(js: JsClients) -> None:
    async with service() as node:
        browser = await js.browser(node.url)
        for _ in range(3):
            await browser.connect(Transport.POLLING)
        node.terminate()
        await eventually(lambda: "shutting down" in node.log())
        start = time.monotonic()

        node.terminate()

        await eventually(lambda: not node.alive, within=2.0)
        assert time.monotonic() - start < 2


async def _many(open_one: Callable[[], Awaitable[Raw]]) -> list[Raw]:
    """Open many, some at a time: all of them are to be there before the first ping."""
    opened: list[Raw] = []
    while len(opened) < MANY:
        opened += await asyncio.gather(*(open_one() for _ in range(AT_ONCE)))
    return opened


async def _joined(crowd: AsyncExitStack, opening: AbstractAsyncContextManager[Raw]) -> Raw:
    raw = await crowd.enter_async_context(opening)
    await raw.join()
    return raw


async def _refusals(client: httpx.AsyncClient) -> list[httpx.Response]:
    """What /readyz and a handshake are answered, once both are refused."""
    paths = ("/readyz", "/socket.io/?EIO=4&transport=polling")
    answers = await asyncio.gather(*(client.get(path) for path in paths))
    return answers if all(answer.status_code == 503 for answer in answers) else []


async def _write(browser: JsBrowser, url: str, acknowledged: list[int]) -> None:
    while True:
        try:
            answer = await browser.fetch("POST", f"{url}/incr")
        except DriverError:  # the node is gone
            return
        if answer.status == 200:
            acknowledged.append(answer.json())
