"""P14's exception: who never presents a cookie is served by the socket's id, and nobody else ever is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.realtime.engineio.owner import Owner
from app.sessions import CookieSigner
from app.sessions.ids import new_session_id
from tests.support.eventually import PATIENCE, eventually
from tests.support.http import cookie_header, http_client, the_set_cookie
from tests.support.raw import RawPolling, raw_polling, raw_websocket
from tests.support.service import SECRET, Service

WAYS = ("poll", "post", "upgrade")
REFUSED = 403
GONE = 400
MADE_UP = "session=" + "A" * 43 + "." + "A" * 43


@dataclass
class Opened:
    """A socket by polling that has connected to the namespace, and a cookie of each kind.

    None of its own requests after the handshake has presented anything, but for those of `join`.
    """

    node: Service
    polling: RawPolling
    cookies: dict[str, str | None]

    async def ask(self, way: str, whose: str) -> int:
        """Use its id in one of the ways, with a cookie; the status of the answer, 101 for an upgrade."""
        cookie = self.cookies[whose]
        if way == "upgrade":
            return await self._upgrade(cookie)
        async with http_client(self.node.url, cookie=cookie, jarless=True) as client:
            address = self.polling.address
            if way == "post":
                return (await client.post(address, content="3")).status_code
            return (await client.get(address)).status_code

    async def join(self, whose: str) -> None:
        """Connect to the namespace, so that a packet waits for the next poll."""
        async with http_client(self.node.url, cookie=self.cookies[whose], jarless=True) as client:
            assert (await client.post(self.polling.address, content="40")).status_code == 200

    async def _upgrade(self, cookie: str | None) -> int:
        query = f"&sid={self.polling.opened['sid']}"
        try:
            async with raw_websocket(self.node.url, cookie=cookie, query=query) as socket:
                await socket.send("2probe")
                assert await socket.receive() == "3probe"
        except Exception as error:
            response = getattr(error, "response", None)
            if response is None:
                raise
            return int(response.status_code)
        return 101


async def _opened(node: Service, other: httpx.AsyncClient, *, cookie: str | None) -> Opened:
    """Open a socket with a cookie, or none. Its client keeps none."""
    async with raw_polling(node.url, cookie=cookie, jarless=True, leave=False) as polling:
        assert polling.handshake is not None
        issued = polling.handshake.headers.get_list("set-cookie")
        given = the_set_cookie(polling.handshake).pair if issued else cookie
        await other.get("/session")
        another = cookie_header(other)
        cookies = {"its own": given, "another's": another, "a made-up one": MADE_UP, "none": None}
        return Opened(node, polling, cookies)


@pytest.fixture
async def other(node: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Another user of the node."""
    async with http_client(node.url) as client:
        yield client


@pytest.fixture
async def bare(node: Service, other: httpx.AsyncClient) -> Opened:
    """A socket that was opened without a cookie."""
    return await _opened(node, other, cookie=None)


@pytest.fixture
async def baked(node: Service, other: httpx.AsyncClient) -> Opened:
    """A socket that was opened with the cookie of its session."""
    async with http_client(node.url) as client:
        pair = the_set_cookie(await client.get("/session")).pair
    return await _opened(node, other, cookie=pair)


THIEVES = ("none", "another's", "a made-up one")


@pytest.mark.parametrize("way", WAYS)
async def test_a_socket_whose_handshake_had_a_cookie_is_never_served_without_it(
    baked: Opened, way: str
) -> None:
    for thief in THIEVES:
        assert await baked.ask(way, thief) == REFUSED
    await baked.join("its own")
    for thief in THIEVES:
        assert await baked.ask(way, thief) == REFUSED
    assert await baked.ask(way, "its own") in (200, 101)


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_keeps_the_cookie_is_served_with_it_and_the_id_alone_no_longer(
    bare: Opened, way: str
) -> None:
    await bare.join("its own")
    for thief in THIEVES:
        assert await bare.ask(way, thief) == REFUSED
    assert await bare.ask(way, "its own") in (200, 101)
    for thief in THIEVES:
        assert await bare.ask(way, thief) == REFUSED


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_without_a_jar_is_served_by_the_id_and_with_no_cookie_of_others(
    bare: Opened, way: str
) -> None:
    for thief in ("another's", "a made-up one"):
        assert await bare.ask(way, thief) == REFUSED
    await bare.join("none")
    for thief in ("another's", "a made-up one"):
        assert await bare.ask(way, thief) == REFUSED
    assert await bare.ask(way, "none") in (200, 101)


@pytest.mark.parametrize("way", WAYS)
async def test_once_its_cookie_is_presented_after_all_nobody_is_served(
    bare: Opened, way: str
) -> None:
    await bare.join("none")

    assert await bare.ask(way, "its own") == REFUSED

    for whose in ("none", "its own"):
        await eventually(partial(_is_gone, bare, whose))


async def _is_gone(opened: Opened, whose: str) -> bool:
    return await opened.ask("post", whose) == GONE


async def test_a_thief_that_came_before_a_browsers_second_request_is_out_with_it(
    bare: Opened,
) -> None:
    await bare.join("none")
    assert await bare.ask("poll", "none") == 200
    waiting = asyncio.create_task(bare.ask("poll", "none"))
    try:
        assert await bare.ask("post", "its own") == REFUSED
        assert await asyncio.wait_for(waiting, PATIENCE) in (200, GONE)
    finally:
        waiting.cancel()
    assert await bare.ask("poll", "none") == GONE


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_whose_one_cookie_stands_for_no_session_is_served_as_it_came(
    node: Service, other: httpx.AsyncClient, way: str
) -> None:
    unknown = "session=" + CookieSigner([SECRET]).sign(new_session_id())
    for fixed in (unknown, MADE_UP):
        opened = await _opened(node, other, cookie=fixed)
        opened.cookies["as it came"] = fixed

        await opened.join("as it came")

        for thief in ("none", "another's"):
            assert await opened.ask(way, thief) == REFUSED
        assert await opened.ask(way, "as it came") in (200, 101)


PRESENTED = st.sampled_from(["own", "other", "made up", None])


@given(handshake=PRESENTED, requests=st.lists(PRESENTED, max_size=12))
def test_whatever_is_presented_in_whichever_order(
    handshake: str | None, requests: list[str | None]
) -> None:
    owner = Owner("own", handshake, had_cookie=handshake == "own")

    served = [(each, _is_served(owner, each)) for each in requests]

    admitted = [each for each, admits in served if admits]
    assert set(admitted) <= {"own", handshake}
    assert len(set(admitted)) <= 1, "both by the cookie and without it"
    if handshake == "own":
        assert set(admitted) <= {"own"}
    for whose in {handshake, "own"}:
        if set(requests) == {whose}:
            assert admitted == requests


def _is_served(owner: Owner, presented: str | None) -> bool:
    if presented == owner.key:
        return owner.admits_cookie()
    return owner.admits_as_opened(presented)
