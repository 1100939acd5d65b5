"""P4: no fixation."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from tests.support.browsers import JsBrowser, Transport
from tests.support.http import cookie_header, http_client, problem, set_cookies, the_set_cookie
from tests.support.service import Service


async def _genuine(node: Service) -> str:
    async with http_client(node.url) as client:
        return the_set_cookie(await client.post("/incr")).value


_WRONG: dict[str, Callable[[str], str]] = {
    "made up": lambda value: "A" * 43 + "." + "B" * 43,
    "unsigned": lambda value: value.partition(".")[0],
    "truncated": lambda value: value[:-1],
    "re-cased": str.swapcase,
    "quoted": lambda value: f'"{value}"',
    "3.5 KB": lambda value: value + "A" * 3500,
    "characters that no cookie has": lambda value: value[:10] + "\xff\\" + value[12:],
    "empty": lambda value: "",
    "last digit changed": lambda value: value[:-1] + ("A" if value[-1] != "A" else "B"),
}


@pytest.mark.parametrize("wrong", _WRONG)
async def test_a_wrong_cookie_gets_a_fresh_session(node: Service, wrong: str) -> None:
    sent = "session=" + _WRONG[wrong](await _genuine(node))
    async with http_client(node.url) as client:
        answer = await client.post("/incr", headers=[(b"cookie", sent.encode("latin-1"))])

    assert (answer.status_code, answer.json()) == (200, 1)
    assert the_set_cookie(answer).value != sent.partition("=")[2]


async def test_control_characters_in_a_cookie_are_no_http(node: Service) -> None:
    async with http_client(node.url) as client:
        answer = await client.get("/session", headers=[(b"cookie", b"session=\x01\x02")])

    assert answer.status_code == 400
    assert not set_cookies(answer)


async def test_two_valid_cookies_with_different_ids_are_both_not_believed(node: Service) -> None:
    one, other = await _genuine(node), await _genuine(node)
    async with http_client(node.url, cookie=f"session={one}; session={other}") as client:
        answer = await client.get("/session")

    assert answer.json()["count"] == 0
    assert the_set_cookie(answer).value not in (one, other)


async def test_a_valid_cookie_beside_a_made_up_one_is_believed(node: Service) -> None:
    value = await _genuine(node)
    async with http_client(node.url, cookie=f"session=evil; session={value}") as client:
        answer = await client.get("/session")

    assert answer.json()["count"] == 1
    assert not set_cookies(answer)


async def test_rotation_keeps_the_data_and_kills_the_old_id_at_once(
    http: httpx.AsyncClient,
) -> None:
    await http.post("/incr")
    old = cookie_header(http)

    answer = await http.post("/session/rotate")

    assert answer.status_code == 204
    assert the_set_cookie(answer).pair != old
    assert (await http.post("/incr")).json() == 2
    ended = await http.get("/session", headers={"cookie": old})
    assert problem(ended) == (409, "session-ended")


async def test_requests_under_way_at_a_rotation_set_no_cookie(node: Service) -> None:
    for _ in range(10):
        async with http_client(node.url) as client:
            await client.post("/incr")
            old = cookie_header(client)
            rotation = asyncio.create_task(client.post("/session/rotate"))
            async with http_client(node.url, cookie=old) as other:
                answers = await asyncio.gather(*(other.post("/incr") for _ in range(10)))
            new = the_set_cookie(await rotation).pair
        assert not any(set_cookies(answer) for answer in answers)
        counted = sum(answer.status_code == 200 for answer in answers)
        async with http_client(node.url, cookie=new) as client:
            assert (await client.get("/session")).json()["count"] == 1 + counted


async def test_the_sockets_of_a_rotated_session_reconnect_with_the_new_cookie(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("POST", "/incr")
    socket = await browser.connect(transport)
    mark = socket.mark

    await browser.fetch("POST", "/session/rotate")

    disconnected = await socket.wait_for("disconnect", after=mark, within=1.0)
    assert disconnected.args[0] == "transport close"
    assert socket.values("session ended") == [{"reason": "rotated"}]
    await socket.wait_for("connect", after=disconnected.index)
    assert await socket.emit("incr") == 2


async def test_whoever_planted_the_old_id_is_not_taken_along(
    node: Service, browser: JsBrowser
) -> None:
    await browser.fetch("POST", "/incr")
    planted = await browser.cookie_header()
    await browser.fetch("POST", "/session/rotate")

    async with http_client(node.url, cookie=planted) as attacker:
        for path in ("/session", "/socket.io/?EIO=4&transport=polling"):
            assert problem(await attacker.get(path)) == (409, "session-ended")
