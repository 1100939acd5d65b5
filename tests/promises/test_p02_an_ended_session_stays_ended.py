"""P2: an ended session stays ended."""

import asyncio

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.http import cookie_header, http_client, problem, set_cookies
from tests.support.service import Service

TRIALS = 20


async def test_logout_amid_a_burst_of_writes_is_not_undone(
    js: JsClients, node: Service, transport: Transport
) -> None:
    for _ in range(TRIALS):
        browser = await js.browser(node.url)
        await browser.fetch("POST", "/incr")
        old = await browser.cookie_header()
        socket = await browser.connect(transport)
        for _ in range(10):
            await socket.send("incr")
        async with http_client(node.url, cookie=old) as writer:
            posts = [writer.post("/incr") for _ in range(20)]
            logout = asyncio.create_task(browser.fetch("POST", "/logout"))
            answers = await asyncio.gather(*posts)
            assert (await logout).status == 204
            await _is_ended(writer)
        assert all(answer.status_code in (200, 409) for answer in answers)
        assert all(not set_cookies(answer) for answer in answers)
        assert (await browser.fetch("POST", "/incr")).json() == 1


async def _is_ended(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/session"), ("POST", "/incr"), ("POST", "/session/rotate")):
        answer = await client.request(method, path)
        assert problem(answer) == (409, "session-ended")
        assert not set_cookies(answer)


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=polling"])
async def test_a_handshake_with_the_id_of_an_ended_session_is_refused_without_a_cookie(
    http: httpx.AsyncClient, path: str
) -> None:
    await http.get("/session")
    old = cookie_header(http)
    await http.post("/logout")

    answer = await http.get(path, headers={"cookie": old})

    assert problem(answer) == (409, "session-ended")
    assert not set_cookies(answer)


async def test_a_client_whose_handshake_met_a_logout_comes_back_with_the_newer_cookie(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("POST", "/incr")
    old = await browser.cookie_header()
    await browser.fetch("POST", "/logout")
    await browser.set_cookie(old)

    socket = await browser.connect(transport, wait=False)
    await socket.wait_for("handshake", where=lambda event: event.args[0]["status"] == 409)
    await browser.clear_cookies()

    await socket.wait_for("connect")
    assert await socket.emit("incr") == 1


async def test_logout_without_a_session_or_with_one_that_has_ended_is_answered_the_same(
    http: httpx.AsyncClient,
) -> None:
    await http.get("/session")
    old = cookie_header(http)

    for _ in range(3):
        answer = await http.post("/logout", headers={"cookie": old})
        assert answer.status_code == 204
        (cookie,) = set_cookies(answer)
        assert cookie.clears
    assert (await http.post("/logout")).status_code == 204


async def test_logout_that_races_with_a_rotation_ends_the_session_under_both_ids(
    node: Service,
) -> None:
    for _ in range(TRIALS):
        async with http_client(node.url) as client:
            await client.post("/incr")
            old = cookie_header(client)
        async with (
            http_client(node.url, cookie=old) as one,
            http_client(node.url, cookie=old) as other,
        ):
            rotated, logged_out = await asyncio.gather(
                one.post("/session/rotate"), other.post("/logout")
            )
        assert logged_out.status_code == 204
        assert rotated.status_code in (204, 409)
        for cookie in set_cookies(rotated):
            async with http_client(node.url, cookie=cookie.pair) as client:
                assert problem(await client.get("/session")) == (409, "session-ended")
