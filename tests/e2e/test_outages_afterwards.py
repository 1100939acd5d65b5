"""P8 and P9: what an outage leaves behind, and what still goes while it lasts."""

import time
from collections.abc import AsyncIterator

import pytest

from tests.support.browsers import JsClients
from tests.support.eventually import eventually, stays
from tests.support.http import http_client
from tests.support.nodes import Pair, pair_on
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings
from tests.support.traffic import check_away

IDLE = 2
"""Seconds."""


@pytest.fixture
async def node(own_store_server: StoreServer) -> AsyncIterator[Service]:
    """A node on a server of the test's own, Valkey and Redis in turn; it forgets all when killed."""
    async with service(**server_settings(own_store_server)) as started:
        yield started


async def test_a_server_that_comes_back_empty_has_ended_all_sessions_and_each_socket_gets_a_new_one(
    js: JsClients, own_store_server: StoreServer
) -> None:
    with pair_on(own_store_server) as pair:
        browser = await pair.browser(js)
        assert (await browser.fetch("POST", "/incr")).json() == 1
        sockets = await pair.connect_everywhere(browser)

        own_store_server.kill()
        await stays(lambda: all(socket.connected for socket in sockets), during=1.0)
        own_store_server.start()
        back = time.monotonic()

        for socket in sockets:
            disconnected = await socket.wait_for("disconnect")
            assert disconnected.args[0] == "transport close"
            assert disconnected.at - back < 2
            assert socket.values("session ended") == [{"reason": "expired"}]
            await socket.wait_for("connect", after=disconnected.index)
        assert min([await socket.emit("incr") for socket in sockets]) == 1


async def test_a_server_that_comes_back_empty_is_noticed_though_nobody_had_anything_to_say(
    js: JsClients, own_store_server: StoreServer, node: Service
) -> None:
    socket = await js.connect(node.url)
    own_store_server.kill()
    own_store_server.start()
    disconnected = await socket.wait_for("disconnect")
    assert disconnected.args[0] == "transport close"


async def test_a_deadline_that_comes_in_an_outage_ends_no_socket_before_the_server_says_so(
    js: JsClients, own_store_server: StoreServer
) -> None:
    settings = server_settings(own_store_server) | {"session_idle_timeout": IDLE}
    async with service(**settings) as node:
        browser = await js.browser(node.url)
        await browser.fetch("GET", "/session")
        sockets = await browser.connect_on_all()
        own_store_server.pause()
        await stays(lambda: all(socket.connected for socket in sockets), during=IDLE + 1.5)
        own_store_server.resume()
        for socket in sockets:
            assert (await socket.wait_for("disconnect")).args[0] == "transport close"
            assert socket.values("session ended") == [{"reason": "expired"}]


async def test_a_logout_in_an_outage_is_refused_keeps_the_cookie_and_can_be_repeated(
    js: JsClients, own_store_server: StoreServer, node: Service
) -> None:
    browser = await js.browser(node.url)
    socket = await browser.connect()
    own_store_server.pause()
    refused = await browser.fetch("POST", "/logout")
    own_store_server.resume()

    check_away(refused.status, dict(refused.headers), refused.json())
    assert refused.set_cookies == []
    assert (await browser.fetch("POST", "/logout")).status == 204
    assert await browser.cookies() == {}
    disconnected = await socket.wait_for("disconnect", within=1.0)
    assert disconnected.args[0] == "io server disconnect"


async def test_who_wants_to_leave_can_do_so_when_the_memory_is_full(
    js: JsClients, own_store_server: StoreServer
) -> None:
    with pair_on(own_store_server) as pair:
        browser = await pair.browser(js)
        sockets = await pair.connect_everywhere(browser)
        old = await browser.cookie_header()
        own_store_server.command("CONFIG", "SET", "maxmemory", 1)

        assert (await browser.fetch("GET", "/session")).status == 200
        assert (await browser.fetch("POST", "/incr")).status == 503
        assert (await browser.fetch("POST", "/logout")).status == 204

        for socket in sockets[:3]:
            disconnected = await socket.wait_for("disconnect", within=1.0)
            assert disconnected.args[0] == "io server disconnect"
        async with http_client(pair.there.url, cookie=old) as client:
            assert (await client.get("/session")).status_code == 409
        # Word of it takes room on the server; it goes as soon as there is some.
        own_store_server.command("CONFIG", "SET", "maxmemory", 0)
        for socket in sockets[3:]:
            disconnected = await socket.wait_for("disconnect", within=1.0)
            assert disconnected.args[0] == "io server disconnect"


async def test_sockets_that_come_while_the_memory_is_full_are_counted_when_it_is_not(
    js: JsClients, own_store_server: StoreServer
) -> None:
    with pair_on(own_store_server) as pair:
        browser = await pair.browser(js)
        own_store_server.command("CONFIG", "SET", "maxmemory", 1)
        await browser.connect(url=pair.there.url)
        own_store_server.command("CONFIG", "SET", "maxmemory", 0)

        async def counted() -> bool:
            return bool((await browser.fetch("GET", "/session")).json()["sockets"] == 1)

        await eventually(counted)


async def test_a_node_that_starts_in_an_outage_is_ready_when_it_is_over(
    js: JsClients, own_store_server: StoreServer
) -> None:
    own_store_server.kill()
    with pair_on(own_store_server) as pair:
        async with http_client(pair.here.url) as client:
            assert (await client.get("/readyz")).status_code == 503
            own_store_server.start()
            assert (await client.get("/readyz")).status_code == 200
        await goes_round(js, pair)


async def goes_round(js: JsClients, pair: Pair) -> None:
    """Check that a write on one node is heard on the other."""
    browser = await pair.browser(js)
    socket = await browser.connect(url=pair.there.url)

    async def heard() -> bool:
        await browser.fetch("POST", "/incr")
        return bool(socket.values("current count"))

    await eventually(heard, every=0.1)
