"""P5: a first contact by a handshake gets the cookie and a stored session."""

from tests.support.browsers import JsBrowser, Transport
from tests.support.http import http_client, set_cookies
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service


async def test_a_websocket_handshake_sets_one_cookie_for_a_stored_session(node: Service) -> None:
    async with raw_websocket(node.url) as socket:
        (cookie,) = socket.set_cookies
        await socket.join()
        await socket.emit("incr", ack=7)
        assert await socket.receive_until("437") == "437[1]"

        async with http_client(node.url, cookie=cookie.pair) as client:
            answer = await client.get("/session")
    assert answer.json()["count"] == 1
    assert answer.json()["sockets"] == 1
    assert not set_cookies(answer)


async def test_a_polling_handshake_sets_one_cookie_for_a_stored_session(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        assert polling.handshake is not None
        (cookie,) = set_cookies(polling.handshake)
        await polling.join()
        await polling.emit("incr", ack=7)
        assert await polling.receive_until("437") == "437[1]"

        async with http_client(node.url, cookie=cookie.pair) as client:
            assert (await client.get("/session")).json()["count"] == 1


async def test_a_browser_whose_first_contact_is_a_socket_has_the_same_count_by_fetch(
    browser: JsBrowser, transport: Transport
) -> None:
    socket = await browser.connect(transport)
    await socket.emit("incr")

    assert (await browser.fetch("POST", "/incr")).json() == 2
    handshakes = [event for event in socket.named("handshake") if event.args[0]["set_cookie"]]
    assert len(handshakes) == 1
