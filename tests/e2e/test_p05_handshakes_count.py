"""P5: a first contact by a handshake gets the cookie, and a session that is stored."""

import asyncio

import httpx
import pytest

from tests.support.browsers import JsBrowser, Transport
from tests.support.http import http_client, set_cookies
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service


@pytest.mark.smoke
async def test_a_websocket_handshake_sets_one_cookie_of_a_stored_session(node: Service) -> None:
    async with raw_websocket(node.url) as socket:
        (cookie,) = socket.set_cookies
        await socket.join()
        await socket.emit("incr", ack=1)
        assert await socket.receive_until("43") == "431[1]"

        await _goes_on_by_http(node, cookie.pair)


async def test_a_polling_handshake_sets_one_cookie_of_a_stored_session(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        assert polling.handshake is not None
        (cookie,) = set_cookies(polling.handshake)
        await polling.join()
        answer = await polling.emit("incr", ack=1)
        assert await polling.receive_until("43") == "431[1]"

        assert not set_cookies(answer)
        await _goes_on_by_http(node, cookie.pair)


async def _goes_on_by_http(node: Service, cookie: str) -> None:
    async with http_client(node.url, cookie=cookie) as client:
        answer = await client.get("/session")
        assert answer.json()["count"] == 1
        assert answer.json()["sockets"] == 1
        assert not set_cookies(answer)
        assert (await client.post("/incr")).json() == 2


async def test_a_handshake_that_never_becomes_a_socket_has_stored_its_session_too(
    node: Service,
) -> None:
    async with http_client(node.url) as client:
        for _ in range(3):
            await client.get("/socket.io/?EIO=4&transport=polling")
        assert (await client.post("/incr")).json() == 1
        assert len(client.cookies) == 1


async def test_a_handshake_with_a_known_cookie_sets_none_and_joins_that_session(
    http: httpx.AsyncClient, node: Service
) -> None:
    await http.post("/incr")
    cookie = f"session={http.cookies['session']}"

    async with raw_websocket(node.url, cookie=cookie) as socket:
        assert socket.set_cookies == []
        await socket.join()
        await http.post("/incr")
        assert await socket.receive_until("42") == '42["current count",2]'


async def test_a_browser_whose_first_contact_is_a_socket_counts_on_by_fetch(
    browser: JsBrowser, transport: Transport
) -> None:
    socket = await browser.connect(transport)
    assert await socket.emit("incr") == 1

    assert (await browser.fetch("POST", "/incr")).json() == 2

    responses = [*socket.named("handshake"), *socket.named("response")]
    cookies = [cookie for event in responses for cookie in event.args[0]["set_cookie"]]
    assert len(cookies) == 1
    await socket.cut()
    await socket.wait_for("reconnect")
    assert await socket.emit("incr") == 3


async def test_first_contacts_at_once_by_different_browsers_get_a_session_each(
    node: Service,
) -> None:
    async def first_contact() -> str:
        async with raw_websocket(node.url) as socket:
            await socket.join()
            (cookie,) = socket.set_cookies
            return cookie.pair

    cookies = await asyncio.gather(*(first_contact() for _ in range(20)))

    assert len(set(cookies)) == 20
