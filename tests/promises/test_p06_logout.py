"""P6: logout lets all sockets go, and closes their transports."""

import asyncio
import json
from functools import partial

from websockets.exceptions import ConnectionClosed

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.driver import DriverError
from tests.support.eventually import eventually, stays
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service

LET_GO = ['42["session ended",{"reason":"logout"}]', "41"]


async def test_all_sockets_of_the_session_are_let_go_for_good(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("GET", "/session")
    sockets = [await browser.connect(transport) for _ in range(5)]

    await browser.fetch("POST", "/logout")

    for socket in sockets:
        disconnected = await socket.wait_for("disconnect", within=1.0)
        assert disconnected.args[0] == "io server disconnect"
        assert socket.values("session ended") == [{"reason": "logout"}]
    await stays(lambda: not any(s.connected or s.active for s in sockets), during=0.5)


async def test_the_raw_websocket_is_closed_by_the_server(node: Service) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
        await _log_out(node, socket.set_cookies[0].pair)

        frames = await socket.frames_until_closed(within=1.0)

    assert [frame.replace(" ", "") if frame == "41" else frame for frame in frames] == LET_GO


async def test_a_client_that_answers_the_disconnect_with_a_connect_is_not_let_in(
    node: Service,
) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
        await _log_out(node, socket.set_cookies[0].pair)
        await socket.receive_until("41")
        try:
            await socket.send("40")
            await socket.emit("incr", ack=1)
        except ConnectionClosed:
            return
        frames = await socket.frames_until_closed(within=1.0)

    assert not [frame for frame in frames if frame.startswith(("40", "43"))]


async def test_a_polling_client_that_connects_again_is_not_let_in(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        await polling.join()
        await polling.client.post("/logout")
        await polling.receive_until("41")

        await polling.post("40", '421["incr"]')

        answer = await polling.poll()
        assert answer.text in ("1", "") or answer.status_code in (400, 403)


async def test_logout_during_the_connect_handler_does_not_miss_the_socket(
    js: JsClients, node: Service, transport: Transport
) -> None:
    for _ in range(6):
        browser = await js.browser(node.url)
        await browser.fetch("GET", "/session")
        old = await browser.cookie_header()
        socket = await browser.connect(transport, wait=False)
        async with http_client(node.url, cookie=old) as other:
            await other.post("/logout")
        await browser.clear_cookies()

        await eventually(partial(_let_go_or_anew, socket), within=5.0)
        await socket.close()


async def _let_go_or_anew(socket: JsClient) -> bool:
    """Either let go by the logout, or refused by it and connected anew with a session of its own."""
    if not socket.active:
        return True
    try:
        return socket.connected and bool(await socket.emit("incr") == 1)
    except DriverError:  # let go in this very moment
        return False


async def test_the_answer_to_logout_comes_after_the_record_is_gone_and_sockets_are_told(
    browser: JsBrowser,
) -> None:
    socket = await browser.connect()
    old = await browser.cookie_header()

    await browser.fetch("POST", "/logout")

    async with http_client(browser.url, cookie=old) as client:
        assert (await client.get("/session")).status_code == 409
    await eventually(lambda: socket.values("session ended") == [{"reason": "logout"}], within=0.2)


async def _log_out(node: Service, cookie: str) -> None:
    async with http_client(node.url, cookie=cookie) as client:
        assert (await client.post("/logout")).status_code == 204
        await asyncio.sleep(0)


def test_the_farewell_is_what_the_protocol_says() -> None:
    name, argument = json.loads(LET_GO[0][2:])
    assert (name, argument["reason"]) == ("session ended", "logout")
