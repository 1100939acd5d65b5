"""Cookies that we did not issue: a fresh session, and nothing is ever stored under a made-up id."""

import asyncio
import hashlib
from collections.abc import Callable

import httpx
import pytest

from app.sessions import CookieSigner
from tests.support.eventually import PATIENCE, eventually
from tests.support.http import http_client, set_cookies, the_set_cookie
from tests.support.metrics import store_calls
from tests.support.raw import raw_websocket
from tests.support.servers import StoreServer
from tests.support.service import SECRET, Service, service
from tests.support.stores import memory_settings, server_settings

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
ID = 43
"""Characters of an id, and of a signature."""

WRONG: dict[str, Callable[[str, str], str]] = {
    "made up": lambda _one, _other: "A" * ID + "." + "B" * ID,
    "unsigned": lambda one, _other: one.partition(".")[0],
    "truncated": lambda one, _other: one[:-1],
    "re-cased": lambda one, _other: one.swapcase(),
    "with one quote": lambda one, _other: f'"{one}',
    "3.5 KB": lambda one, _other: one + "A" * 3500,
    "empty": lambda _one, _other: "",
    # Beyond the nine of the contract.
    "signed by another id's signature": lambda one, other: f"{one[:ID]}.{other[ID + 1 :]}",
    "another spelling of the signature": lambda one, _other: one[:-1] + _same_bits(one[-1]),
    "an id of another alphabet": lambda one, _other: "é" * ID + one[ID:],
    "percent-encoded": lambda one, _other: one.replace(".", "%2E"),
}


def _same_bits(digit: str) -> str:
    """Another base64url digit for the same bytes: the last of 43 has two bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(digit) ^ 1]


@pytest.fixture
async def genuine(node: Service) -> list[str]:
    """Two cookie values that the node has issued, of sessions whose count is 1."""
    values = []
    for _ in range(2):
        async with http_client(node.url) as client:
            values.append(the_set_cookie(await client.post("/incr")).value)
    return values


@pytest.fixture(params=WRONG)
def wrong(request: pytest.FixtureRequest, genuine: list[str]) -> str:
    """Each kind of wrong cookie in turn, as the Cookie header has it."""
    return "session=" + WRONG[request.param](*genuine)


on_one_store = pytest.mark.parametrize("store_name", ["memory"], indirect=True)
"""A cookie that is wrong is refused before a store is asked."""


@on_one_store
async def test_a_request_with_a_wrong_cookie_gets_a_fresh_session(
    node: Service, wrong: str, genuine: list[str]
) -> None:
    async with http_client(node.url) as client:
        first = await client.post("/incr", headers=_cookie(wrong))
        again = await client.post("/incr", headers=_cookie(wrong))

    for answer in (first, again):
        assert (answer.status_code, answer.json()) == (200, 1)
    fresh = {the_set_cookie(answer).value for answer in (first, again)}
    assert len(fresh) == 2
    assert not any(value in wrong for value in fresh)
    assert not fresh & set(genuine)


@on_one_store
async def test_a_handshake_with_a_wrong_cookie_gets_a_fresh_session_on_polling_and_websocket(
    node: Service, wrong: str
) -> None:
    async with http_client(node.url) as client:
        polling = await client.get(HANDSHAKE, headers=_cookie(wrong))
    async with raw_websocket(node.url, cookie=wrong.encode().decode("latin-1")) as websocket:
        await websocket.join()
        await websocket.emit("incr", ack=1)
        assert await websocket.receive_until("43") == "431[1]"

        assert polling.status_code == 200
        cookies = [the_set_cookie(polling), *websocket.set_cookies]
        assert len({cookie.value for cookie in cookies}) == 2
        assert not any(cookie.value in wrong for cookie in cookies)


async def test_the_genuine_sessions_are_untouched_by_wrong_cookies_made_of_them(
    node: Service, wrong: str, genuine: list[str]
) -> None:
    async with http_client(node.url) as client:
        await client.post("/incr", headers=_cookie(wrong))
        await client.post("/logout", headers=_cookie(wrong))

        for value in genuine:
            answer = await client.get("/session", headers=_cookie(f"session={value}"))
            assert answer.json()["count"] == 1
            assert not set_cookies(answer)


@pytest.mark.parametrize("path", ["/session", HANDSHAKE])
@pytest.mark.parametrize("character", [b"\0", b"\1", b"\x1f", b"\x7f"])
async def test_a_cookie_with_control_characters_is_no_http_and_opens_nothing(
    quiet_node: Service, path: str, character: bytes
) -> None:
    async with http_client(quiet_node.url) as observer:
        genuine = the_set_cookie(await observer.post("/incr")).value.encode()
        before = await store_calls(observer)
        cookie = genuine[:20] + character + genuine[20:]

        answer = await _raw_get(quiet_node, path, b"session=" + cookie)

        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"set-cookie" not in answer.lower()
        assert await store_calls(observer) == before


async def _raw_get(node: Service, path: str, cookie: bytes) -> bytes:
    """What is answered to a request that no proper client sends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(b"GET %b HTTP/1.1\r\nHost: test\r\n" % path.encode())
    writer.write(b"Cookie: %b\r\nConnection: close\r\n\r\n" % cookie)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return answer


async def test_the_same_valid_cookie_twice_is_believed(node: Service, genuine: list[str]) -> None:
    pair = f"session={genuine[0]}"
    async with http_client(node.url) as client:
        one_line = await client.get("/session", headers=_cookie(f"{pair}; {pair}"))
        two_lines = await client.get("/session", headers=[("cookie", pair), ("cookie", pair)])

    for answer in (one_line, two_lines):
        assert answer.json()["count"] == 1
        assert not set_cookies(answer)


async def test_a_valid_cookie_among_wrong_and_foreign_ones_is_believed(
    node: Service, genuine: list[str]
) -> None:
    header = f"theme=dark; session=evil; session={genuine[0]}; session=; xsession={genuine[1]}"
    async with http_client(node.url, cookie=header) as client:
        answer = await client.get("/session")

    assert answer.json()["count"] == 1
    assert not set_cookies(answer)


DEAD = "ended", "of a session that was deleted"


@pytest.mark.parametrize("dead", DEAD)
@pytest.mark.parametrize("order", [1, -1], ids=["live first", "dead first"])
async def test_of_two_valid_cookies_the_one_whose_session_lives_is_used_everywhere(
    node: Service, genuine: list[str], dead: str, order: int
) -> None:
    live, other = (f"session={value}" for value in genuine)
    if dead == "ended":
        async with http_client(node.url, cookie=other) as client:
            await client.post("/logout")
    else:
        other = "session=" + CookieSigner([SECRET]).sign("A" * ID)
    header = "; ".join([live, other][::order])
    async with http_client(node.url, cookie=header) as client:
        answer = await client.get("/session")
        polling = await client.get(HANDSHAKE)
    async with raw_websocket(node.url, cookie=header) as websocket:
        await websocket.join()
        await websocket.emit("incr", ack=1)

        assert await websocket.receive_until("43") == "431[2]"
        assert answer.json()["count"] == 1
        for received in (set_cookies(answer), set_cookies(polling), websocket.set_cookies):
            assert [each.pair for each in received] == [live]


async def test_a_handshake_clears_dead_variants_on_polling_and_websocket() -> None:
    async with (
        service(session_cookie_domain="shop.example", **memory_settings()) as node,
        http_client(node.url) as client,
    ):
        live = the_set_cookie(await client.post("/incr")).pair
        client.cookies.clear()
        cookie = f"session={CookieSigner([SECRET]).sign('A' * ID)}; {live}"
        polling = set_cookies(await client.get(HANDSHAKE, headers={"cookie": cookie}))
        async with raw_websocket(node.url, cookie=cookie) as websocket:
            received = websocket.set_cookies
    for cleared, kept in (polling, received):
        assert cleared.clears
        assert "domain" not in cleared.attributes
        assert (kept.pair, kept.attributes["domain"]) == (live, "shop.example")


async def test_nothing_is_stored_under_an_id_that_a_client_made_up(
    shared_store_server: StoreServer,
) -> None:
    settings = server_settings(shared_store_server)
    async with service(**settings) as node, http_client(node.url) as client:
        made_up = ["A" * ID, "admin", "../../etc/passwd", "mooring:bus", "x" * 3500]
        for name in made_up:
            for value in (name, f"{name}.{'B' * ID}"):
                await client.post("/incr", headers=_cookie(f"session={value}"))
                await client.post("/logout", headers=_cookie(f"session={value}"))
                client.cookies.clear()

        await eventually(lambda: len(shared_store_server.session_keys()) == 2 * len(made_up))
        stored = " ".join(shared_store_server.keys())
        for name in made_up:
            assert hashlib.sha256(name.encode()).hexdigest() not in stored


def _cookie(header: str) -> httpx.Headers:
    return httpx.Headers({"cookie": header}, encoding="utf-8")
