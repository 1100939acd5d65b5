"""P2: an ended session stays ended, whatever comes late."""

import asyncio
import time
from functools import partial

import httpx
import pytest

from app.sessions import EndReason
from app.sessions.ids import session_key
from tests.conftest import EXTENDED_APP
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.gates import gate_of
from tests.support.http import cookie_header, http_client, problem, set_cookies, the_set_cookie
from tests.support.raw import raw_websocket, refused_websocket
from tests.support.samples import times
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import StoreSettings, server_settings
from tests.support.stores_in_process import redis_store

TRIALS = times(10, of=20)
ACTS = ["write", "save", "update", "rotate"]
ENDED = (409, "session-ended")
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


@pytest.mark.proof
async def test_logout_amid_a_burst_of_writes_by_http_and_socket_is_final(
    js: JsClients, node: Service
) -> None:
    for trial in range(TRIALS):
        browser = await js.browser(node.url)
        await browser.fetch("POST", "/incr")
        old = await browser.cookie_header()
        sockets = await browser.connect_on_all() if trial % 5 == 0 else [await browser.connect()]
        async with http_client(node.url, cookie=old) as writer:
            for socket in sockets * 20:
                await socket.send("incr")
            posts = [asyncio.create_task(writer.post("/incr")) for _ in range(20)]
            await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            assert (await browser.fetch("POST", "/logout")).status == 204

            for post in posts:
                answer = await post
                assert answer.status_code == 200 or problem(answer) == ENDED
                assert not set_cookies(answer)
            await _is_ended(writer)
        assert (await browser.fetch("GET", "/session")).json()["count"] == 0


async def _is_ended(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/session"), ("POST", "/incr"), ("POST", "/session/rotate")):
        answer = await client.request(method, path)
        assert problem(answer) == ENDED
        assert answer.json()["reason"] == "logout"
        assert not set_cookies(answer)


@pytest.mark.smoke
@pytest.mark.parametrize("act", ACTS)
async def test_a_request_that_writes_after_a_logout_is_refused_and_sets_no_cookie(
    extended: Service, act: str
) -> None:
    async with http_client(extended.url) as client, gate_of(extended) as gate:
        await client.post("/incr")
        late = asyncio.create_task(client.post(gate.then(act)))
        await gate.reached_by(1)
        old = cookie_header(client)
        await client.post("/logout")
        await gate.open()

        answer = await late
        assert problem(answer) == ENDED
        assert not set_cookies(answer)
        assert problem(await client.get("/session", headers={"cookie": old})) == ENDED


@pytest.mark.parametrize("act", ACTS)
async def test_a_request_that_writes_after_a_rotation_is_refused_and_leaves_the_new_session_alone(
    extended: Service, act: str
) -> None:
    async with http_client(extended.url) as client, gate_of(extended) as gate:
        await client.post("/incr")
        late = asyncio.create_task(client.post(gate.then(act)))
        await gate.reached_by(1)
        await client.post("/session/rotate")
        await gate.open()

        answer = await late
        assert problem(answer) == ENDED
        assert answer.json()["reason"] == "rotated"
        assert not set_cookies(answer)
        assert (await client.get("/data")).json() == {"count": 1}


async def test_an_event_that_writes_after_a_logout_brings_nothing_back(
    js: JsClients, extended: Service
) -> None:
    browser = await js.browser(extended.url)
    await browser.fetch("POST", "/incr")
    old = await browser.cookie_header()
    sockets = await browser.connect_on_all()
    async with gate_of(extended) as gate:
        for socket, act in zip(sockets, ACTS, strict=False):
            await socket.send("held", gate.name, act, "late")
        await gate.reached_by(len(sockets))
        await browser.fetch("POST", "/logout")

    async with http_client(extended.url, cookie=old) as client:
        assert problem(await client.get("/data")) == ENDED


async def test_a_write_after_the_end_of_its_time_is_refused_and_brings_nothing_back(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with js.on(service(module=EXTENDED_APP, session_idle_timeout=0.5, **any_store)) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect()
        old = await browser.cookie_header()
        async with http_client(node.url, cookie=old) as client, gate_of(node) as gate:
            late = [asyncio.create_task(client.post(gate.then(act))) for act in ACTS]
            await socket.send("held", gate.name, "write", "late")
            await gate.reached_by(len(ACTS) + 1)
            await socket.wait_for("disconnect")
            await gate.open()

            for answer in await asyncio.gather(*late):
                assert problem(answer) == ENDED
                assert answer.json()["reason"] == "expired"
                assert not set_cookies(answer)
            afresh = await client.get("/data")
            assert afresh.json() == {}
            assert set_cookies(afresh)


async def test_a_handshake_with_the_cookie_of_an_ended_session_is_refused_and_sets_no_cookie(
    http: httpx.AsyncClient, node: Service
) -> None:
    await http.get("/session")
    old = cookie_header(http)
    await http.post("/logout")

    polling = await http.get("/socket.io/?EIO=4&transport=polling", headers={"cookie": old})
    websocket = await refused_websocket(node.url, cookie=old)

    assert problem(polling) == ENDED
    assert not set_cookies(polling)
    assert websocket.status_code == 409
    assert "set-cookie" not in websocket.headers


async def test_a_client_whose_handshake_met_a_logout_tries_again_with_the_newer_cookie(
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


@pytest.mark.parametrize("end", ["/logout", "/session/rotate"])
async def test_for_five_seconds_an_ended_cookie_is_refused_then_it_is_as_if_there_were_none(
    node: Service, end: str
) -> None:
    async with http_client(node.url) as client:
        await client.post("/incr")
        old = cookie_header(client)
        await client.post(end)
    ended = time.monotonic()
    async with http_client(node.url, cookie=old) as late:
        for path in ("/session", HANDSHAKE):
            await eventually(partial(_is_served, late, path), within=8.0, every=0.1)
            assert 4.0 < time.monotonic() - ended < 7.0
            afresh = the_set_cookie(await late.get(path))
            assert afresh.pair != old
        assert (await late.post("/incr")).json() == 1
    async with raw_websocket(node.url, cookie=old) as websocket:
        assert len(websocket.set_cookies) == 1


async def _is_served(client: httpx.AsyncClient, path: str) -> bool:
    answer = await client.get(path)
    if answer.status_code == 200:
        return True
    assert problem(answer) == ENDED
    assert not set_cookies(answer)
    return False


async def test_a_client_whose_rotation_was_lost_on_the_way_comes_back_by_itself(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("POST", "/incr")
    old = await browser.cookie_header()
    socket = await browser.connect(transport)
    mark = socket.mark
    await browser.fetch("POST", "/session/rotate")
    await browser.set_cookie(old)
    await socket.wait_for("disconnect", after=mark)

    await socket.wait_for("connect", after=mark, within=20.0)

    assert await socket.emit("incr") == 1
    assert (await browser.fetch("POST", "/incr")).json() == 2
    assert await browser.cookie_header() != old


async def test_a_revoked_session_s_cookie_is_as_if_there_were_none_at_once(
    shared_store_server: StoreServer,
) -> None:
    async with service(**server_settings(shared_store_server)) as node:
        async with http_client(node.url) as client:
            await client.post("/incr")
            old = cookie_header(client)
        store = redis_store(shared_store_server.url)
        await store.end(_key(old), EndReason.REVOKED, keep=60)
        await store.aclose()
        async with http_client(node.url, cookie=old) as client:
            for path in ("/session", HANDSHAKE):
                assert the_set_cookie(await client.get(path)).pair != old
            async with raw_websocket(node.url, cookie=old) as websocket:
                assert len(websocket.set_cookies) == 1
            assert (await client.post("/logout")).status_code == 204


def _key(cookie: str) -> str:
    return session_key(cookie.removeprefix("session=").partition(".")[0])


@pytest.mark.parametrize(
    ("headers", "again"),
    [
        ({"sec-fetch-mode": "navigate"}, True),
        ({"accept": "text/html,*/*;q=0.8"}, True),
        ({"sec-fetch-mode": "cors", "accept": "text/html"}, False),
        ({"accept": "application/json"}, False),
    ],
)
async def test_a_page_that_meets_the_end_is_asked_for_again_by_its_browser(
    http: httpx.AsyncClient, headers: dict[str, str], again: bool
) -> None:
    await http.get("/session")
    old = cookie_header(http)
    await http.post("/session/rotate")

    answer = await http.get("/", headers={"cookie": old, **headers})

    assert problem(answer) == ENDED
    assert answer.headers.get("refresh") == ("1" if again else None)


@pytest.mark.proof
async def test_a_logout_that_races_with_a_rotation_ends_the_session_under_both_ids(
    node: Service,
) -> None:
    for _ in range(TRIALS):
        async with http_client(node.url) as client:
            await client.post("/incr")
            old = cookie_header(client)
        async with (
            http_client(node.url, cookie=old) as one,
            http_client(node.url, cookie=old) as two,
        ):
            rotated, logged_out = await asyncio.gather(
                one.post("/session/rotate"), two.post("/logout")
            )
        assert logged_out.status_code == 204
        assert rotated.status_code == 204 or problem(rotated) == ENDED
        for pair in [old, *(cookie.pair for cookie in set_cookies(rotated))]:
            async with http_client(node.url, cookie=pair) as client:
                assert problem(await client.get("/session")) == ENDED


@pytest.mark.parametrize(("reload_interval", "seconds"), [(30, 60), (50, 100)])
async def test_the_end_stays_readable_for_two_reload_intervals_and_a_minute_at_least(
    shared_store_server: StoreServer, reload_interval: int, seconds: int
) -> None:
    settings = server_settings(shared_store_server)
    async with (
        service(session_reload_interval=reload_interval, **settings) as node,
        http_client(node.url) as client,
    ):
        await client.get("/session")
        await client.post("/logout")

    (tombstone,) = shared_store_server.session_keys()
    left = shared_store_server.command("PTTL", tombstone) / 1000
    assert seconds - 10 < left <= seconds
