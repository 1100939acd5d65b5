"""P6: logout lets all sockets of the session go for good, and closes their transports."""

import asyncio

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually, settled, stays
from tests.support.http import http_client, problem
from tests.support.js_client import JsClient
from tests.support.metrics import counted
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service, service
from tests.support.stores import StoreSettings, memory_settings

FAREWELL = '42["session ended",{"reason":"logout"}]'
DISCONNECT = "41"
ENDED = (409, "session-ended")


async def _log_out(node: Service, cookie: str) -> None:
    async with http_client(node.url, cookie=cookie) as client:
        assert (await client.post("/logout")).status_code == 204


@pytest.mark.smoke
async def test_all_sockets_are_told_and_let_go_for_good(browser: JsBrowser) -> None:
    await browser.fetch("GET", "/session")
    sockets = [*await browser.connect_on_all(), *await browser.connect_on_all()]

    await browser.fetch("POST", "/logout")

    for socket in sockets:
        disconnected = await socket.wait_for("disconnect", within=1.0)
        assert disconnected.args[0] == "io server disconnect"
        told = await socket.wait_for("session ended")
        assert told.args == ({"reason": "logout"},)
        assert told.index < disconnected.index
    await stays(lambda: not any(s.connected or s.active for s in sockets), during=0.5)
    assert not any(socket.named("reconnect_attempt") for socket in sockets)


async def test_the_sockets_of_other_sessions_stay(js: JsClients, node: Service) -> None:
    leaving, staying = await js.browser(node.url), await js.browser(node.url)
    gone = await leaving.connect_on_all()
    stayed = await staying.connect_on_all()

    await leaving.fetch("POST", "/logout")

    for socket in gone:
        await socket.wait_for("disconnect")
    assert [await socket.emit("incr") for socket in stayed] == [1, 2, 3]


async def test_the_server_closes_the_raw_websocket_after_its_last_words(node: Service) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
        await _log_out(node, socket.set_cookies[0].pair)

        assert await socket.frames_until_closed(within=1.0) == [FAREWELL, DISCONNECT]


async def test_the_server_closes_the_polling_connection_after_its_last_words(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        await polling.join()
        await polling.client.post("/logout")

        last = await polling.poll()
        assert last.text.split("\x1e") == [FAREWELL, DISCONNECT]
        assert (await polling.poll()).text == "1"
        assert (await polling.poll()).status_code == 400


async def test_a_websocket_client_that_answers_the_disconnect_with_a_connect_is_not_let_in(
    node: Service,
) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
        await _log_out(node, socket.set_cookies[0].pair)
        await socket.receive_until(DISCONNECT)
        try:
            await socket.send("40")
            await socket.emit("incr", ack=1)
        except ConnectionClosed:
            return
        assert await socket.frames_until_closed(within=1.0) == []


async def test_a_polling_client_that_answers_the_disconnect_with_a_connect_is_not_let_in(
    node: Service,
) -> None:
    async with raw_polling(node.url) as polling:
        await polling.join()
        await polling.client.post("/logout")
        await polling.receive_until(DISCONNECT)

        posted = await polling.post("40", '421["incr"]')

        assert posted.status_code in (200, 400, 403)
        assert (await polling.poll()).text == "1"
        assert (await polling.post("40")).status_code in (400, 403)


async def test_an_event_sent_after_the_logout_is_not_handled(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        await polling.join()
        cookie = polling.client.cookies["session"]
        await _log_out(node, f"session={cookie}")

        await polling.emit("incr", ack=1)

        packets = (await polling.poll()).text.split("\x1e")
        assert packets == [FAREWELL, DISCONNECT]
        assert problem(await polling.client.post("/incr")) == ENDED


async def test_a_logout_waits_for_no_client_that_does_not_read(node: Service) -> None:
    async with raw_websocket(node.url) as deaf:
        cookie = deaf.set_cookies[0].pair
        await deaf.join()
        deaf.stop_reading()
        async with raw_polling(node.url, cookie=cookie) as lazy:
            await lazy.join()
            async with asyncio.timeout(1.0):
                await _log_out(node, cookie)


async def test_nothing_of_the_sockets_is_left_over(js: JsClients, any_store: StoreSettings) -> None:
    async with js.on(service(**any_store)) as node, http_client(node.url) as observer:
        browsers = [await js.browser(node.url) for _ in range(3)]
        for browser in browsers:
            await browser.connect_on_all()
        assert await _left(observer) == (9, 3)

        for browser in browsers:
            await browser.fetch("POST", "/logout")

        await eventually(lambda: _nothing_left(observer))


async def _left(observer: httpx.AsyncClient) -> tuple[float, float]:
    """How many sockets a node has, and how many sessions have sockets there."""
    sockets = await counted(observer, "mooring_sockets")
    return sockets, await counted(observer, "mooring_sessions_connected")


async def _nothing_left(observer: httpx.AsyncClient) -> bool:
    return await _left(observer) == (0, 0)


@pytest.mark.parametrize("store", ["slow_to_look", "slow_to_tell"])
async def test_a_socket_in_its_connect_handler_does_not_slip_through_the_logout(
    js: JsClients, store: str
) -> None:
    settings = memory_settings() | {"session_store": f"tests.support.slow_store:{store}"}
    settings |= {"session_activity": "http"}  # the slow store tells connects by what they extend
    async with js.on(service(**settings)) as node:
        for _ in range(3):
            browser = await js.browser(node.url)
            await browser.fetch("GET", "/session")
            sockets = [await browser.connect(wait=False) for _ in range(2)]
            for socket in sockets:
                await socket.wait_for("open")
            assert not any(socket.connected for socket in sockets)

            await browser.fetch("POST", "/logout")

            for socket in sockets:
                disconnected = await socket.wait_for("disconnect", within=1.0)
                assert disconnected.args[0] == "io server disconnect"
                assert socket.values("session ended") == [{"reason": "logout"}]


@pytest.mark.parametrize("moment", ["handshake", "open", "connect", "upgrade"])
async def test_a_logout_that_races_with_a_connecting_socket_leaves_none_behind(
    js: JsClients, node: Service, moment: str
) -> None:
    for _ in range(3):
        browser = await js.browser(node.url)
        await browser.fetch("POST", "/incr")
        sockets = [await browser.connect(each, wait=False) for each in Transport]
        await sockets[-1].wait_for(moment)

        await browser.fetch("POST", "/logout")

        await _come_to_rest(sockets)
        for socket in sockets:
            if socket.active:  # its handshake came too late, and it has a session of its own
                assert "io server disconnect" not in socket.values("disconnect")
                assert await socket.emit("incr") <= len(sockets)
            else:
                assert socket.values("disconnect")[-1:] == ["io server disconnect"]


async def _come_to_rest(sockets: list[JsClient]) -> None:
    await settled(lambda: [(socket.active, socket.connected) for socket in sockets])
