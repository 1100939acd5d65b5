"""Connections that end for another reason than their session: nothing of them is left, on any transport."""

import asyncio
import time

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually
from tests.support.extended_app import CONNECT_TIMEOUT
from tests.support.http import http_client
from tests.support.metrics import counted
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service

LATE = 5.0


@pytest.fixture
def store_name() -> str:
    """One store: connections have nothing to do with it."""
    return "memory"


async def _sockets(node: Service, cookie: str) -> int:
    async with http_client(node.url, cookie=cookie) as client:
        sockets: int = (await client.get("/session")).json()["sockets"]
        return sockets


async def _none_is_left(node: Service) -> None:
    async with http_client(node.url) as observer:

        async def none() -> bool:
            sockets = await counted(observer, "mooring_sockets")
            return sockets + await counted(observer, "mooring_sessions_connected") == 0

        await eventually(none)


async def test_a_client_that_leaves_is_counted_no_more(
    js: JsClients, node: Service, transport: Transport
) -> None:
    browser = await js.browser(node.url)
    socket = await browser.connect(transport)
    cookie = await browser.cookie_header()
    assert await _sockets(node, cookie) == 1

    await socket.close()

    assert (await socket.wait_for("disconnect")).args[0] == "io client disconnect"
    await eventually(lambda: _is(node, cookie, 0))


async def test_a_client_whose_connection_is_cut_comes_back_and_is_counted_once(
    js: JsClients, node: Service, transport: Transport
) -> None:
    browser = await js.browser(node.url)
    socket = await browser.connect(transport)
    mark = socket.mark

    await socket.cut()

    await socket.wait_for("connect", after=mark)
    assert await socket.emit("incr") == 1
    cookie = await browser.cookie_header()
    await eventually(lambda: _is(node, cookie, 1))


async def _is(node: Service, cookie: str, sockets: int) -> bool:
    return await _sockets(node, cookie) == sockets


@pytest.mark.slow  # it waits for seconds
async def test_a_websocket_that_never_connects_to_the_namespace_is_closed(
    extended: Service,
) -> None:
    async with raw_websocket(extended.url) as websocket:
        opened = time.monotonic()
        frames = await websocket.frames_until_closed(within=CONNECT_TIMEOUT + LATE)

        assert frames == []
        assert time.monotonic() - opened > CONNECT_TIMEOUT / 2
        assert await _sockets(extended, websocket.set_cookies[0].pair) == 0


@pytest.mark.slow  # it waits for seconds
async def test_a_polling_client_that_never_connects_to_the_namespace_is_closed(
    extended: Service,
) -> None:
    async with raw_polling(extended.url) as polling:
        assert await polling.receive_until("1", within=CONNECT_TIMEOUT + LATE) == "1"
        assert (await polling.poll()).status_code == 400


@pytest.mark.slow  # it waits for seconds
async def test_a_client_that_leaves_the_namespace_and_stays_connected_is_closed(
    extended: Service,
) -> None:
    async with raw_websocket(extended.url) as websocket:
        await websocket.join()
        await websocket.send("41")

        assert await websocket.frames_until_closed(within=CONNECT_TIMEOUT + LATE) == []
        async with http_client(extended.url, cookie=websocket.set_cookies[0].pair) as client:
            assert (await client.get("/data")).json() == {}


async def test_a_client_may_leave_the_namespace_and_come_back_on_the_same_connection(
    extended: Service,
) -> None:
    async with raw_websocket(extended.url) as websocket:
        first = await websocket.join()
        await websocket.send("41")
        second = await websocket.join()

        assert first.startswith('40{"sid":')
        assert second.startswith('40{"sid":')
        assert first != second
        await websocket.emit("incr", ack=1)
        assert await websocket.receive() == '42["current count",1]'
        assert await websocket.receive() == "431[1]"
        assert await _sockets(extended, websocket.set_cookies[0].pair) == 1


@pytest.mark.slow  # it waits for seconds
async def test_a_client_that_promises_attachments_and_sends_none_is_closed(
    extended: Service,
) -> None:
    async with raw_websocket(extended.url) as websocket:
        await websocket.join()
        await websocket.send('451-["incr",{"_placeholder":true,"num":0}]')

        await websocket.frames_until_closed(within=CONNECT_TIMEOUT + LATE)


async def test_connections_that_end_at_any_moment_leave_nothing(extended: Service) -> None:
    async def leave_after(steps: int) -> None:
        async with raw_websocket(extended.url) as websocket:
            for frame in ["40", '42["incr"]', '451-["incr"]', "41"][:steps]:
                await websocket.send(frame)

    async def leave_polling_after(steps: int) -> None:
        async with raw_polling(extended.url) as polling:
            for frame in ["40", '42["incr"]', '451-["incr"]', "41"][:steps]:
                await polling.post(frame)

    trials = [leave(steps) for leave in (leave_after, leave_polling_after) for steps in range(5)]
    await asyncio.gather(*trials)

    await _none_is_left(extended)
