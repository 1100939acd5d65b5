"""P2: an ended session stays ended, whatever comes late."""

import asyncio

import httpx
import pytest

from tests.conftest import WORKSHOP
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.gates import gate_of
from tests.support.http import cookie_header, http_client, problem, set_cookies
from tests.support.raw import refused_websocket
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import StoreSettings, server_settings

TRIALS = 20
ACTS = ["write", "save", "update", "rotate"]
ENDED = (409, "session-ended")


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


@pytest.mark.parametrize("act", ACTS)
async def test_a_request_that_writes_after_a_logout_is_refused_and_sets_no_cookie(
    workshop: Service, act: str
) -> None:
    async with http_client(workshop.url) as client, gate_of(workshop) as gate:
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
    workshop: Service, act: str
) -> None:
    async with http_client(workshop.url) as client, gate_of(workshop) as gate:
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
    js: JsClients, workshop: Service
) -> None:
    browser = await js.browser(workshop.url)
    await browser.fetch("POST", "/incr")
    old = await browser.cookie_header()
    sockets = await browser.connect_on_all()
    async with gate_of(workshop) as gate:
        for socket, act in zip(sockets, ACTS, strict=False):
            await socket.send("held", gate.name, act, "late")
        await gate.reached_by(len(sockets))
        await browser.fetch("POST", "/logout")

    async with http_client(workshop.url, cookie=old) as client:
        assert problem(await client.get("/data")) == ENDED


async def test_a_write_after_the_end_of_its_time_is_refused_and_brings_nothing_back(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with js.on(service(module=WORKSHOP, session_idle_timeout=0.5, **any_store)) as node:
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
