"""P7: a session whose time is up closes its sockets' transports, and their clients come back."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import EXTENDED_APP
from tests.support.browsers import JsClients, Transport
from tests.support.eventually import stays
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import StoreSettings, server_settings

IDLE = 1.0
SECOND = 1.0
"""How late the end of a session may be noticed."""


@pytest.mark.smoke
async def test_an_idle_session_closes_its_transport_two_to_three_seconds_after_the_last_request(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with js.on(
        service(session_idle_timeout=2, session_reload_interval=30, **any_store)
    ) as node:
        browsers = [await js.browser(node.url) for _ in Transport]
        sockets = [
            await browser.connect(transport)
            for browser, transport in zip(browsers, Transport, strict=True)
        ]
        asked = time.monotonic()
        answers = await asyncio.gather(*(browser.fetch("POST", "/incr") for browser in browsers))
        answered = time.monotonic()
        assert [answer.json() for answer in answers] == [1, 1, 1]

        for socket in sockets:
            disconnected = await socket.wait_for("disconnect", within=4.0)
            assert disconnected.args[0] == "transport close"
            assert asked + 2 <= disconnected.at <= answered + 3
            assert socket.values("session ended") == [{"reason": "expired"}]
        for socket in sockets:
            await socket.wait_for("reconnect")
            assert await socket.emit("incr") == 1


async def test_with_activity_http_requests_keep_the_session_and_events_do_not(
    js: JsClients, any_store: StoreSettings
) -> None:
    settings: StoreSettings = {"session_activity": "http", **any_store}
    async with js.on(service(session_idle_timeout=IDLE, **settings)) as node:
        browser = await js.browser(node.url)
        sockets = await browser.connect_on_all()
        begun, done = await _repeat(lambda: browser.fetch("GET", "/session"), times=6)
        assert not any(socket.named("disconnect") for socket in sockets)

        closed = await _until_closed(sockets, lambda socket: socket.send("incr"))

        assert all(begun + IDLE <= at <= done + IDLE + SECOND for at in closed)
        assert {socket.values("disconnect")[0] for socket in sockets} == {"transport close"}


@pytest.mark.parametrize("event", ["incr", "peek"], ids=["by its write", "by its read"])
async def test_an_event_keeps_the_session(
    js: JsClients, any_store: StoreSettings, event: str
) -> None:
    node = service(module=EXTENDED_APP, session_idle_timeout=IDLE, **any_store)
    async with js.on(node):
        browser = await js.browser(node.url)
        socket, silent = await browser.connect(), await browser.connect(Transport.POLLING)

        begun, done = await _repeat(lambda: socket.emit(event), times=6)

        for each in (socket, silent):
            disconnected = await each.wait_for("disconnect")
            assert disconnected.args[0] == "transport close"
            assert begun + IDLE <= disconnected.at <= done + IDLE + SECOND


async def test_with_activity_connected_an_open_socket_keeps_the_session_until_it_leaves(
    js: JsClients, any_store: StoreSettings
) -> None:
    settings: StoreSettings = {"session_activity": "connected", **any_store}
    async with js.on(service(session_idle_timeout=IDLE, **settings)) as node:
        browser = await js.browser(node.url)
        sockets = await browser.connect_on_all()
        await sockets[0].emit("incr")

        await stays(lambda: all(socket.connected for socket in sockets), during=2 * IDLE)

        assert await sockets[1].emit("incr") == 2
        for socket in sockets:
            await socket.close()
        await stays(lambda: not sockets[0].connected, during=IDLE + 0.2)
        assert (await browser.fetch("GET", "/session")).json()["count"] == 0


async def test_the_absolute_timeout_ends_a_session_that_is_in_use(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with js.on(service(session_absolute_timeout=2, **any_store)) as node:
        browser = await js.browser(node.url)
        asked = time.monotonic()
        (cookie,) = (await browser.fetch("POST", "/incr")).set_cookies
        assert cookie.max_age == 2
        opened = time.monotonic()
        sockets = await browser.connect_on_all()

        closed = await _until_closed(sockets, lambda _: browser.fetch("GET", "/session"))

        assert all(asked + 2 <= at <= opened + 2 + SECOND for at in closed)
        assert {socket.values("disconnect")[0] for socket in sockets} == {"transport close"}


async def test_a_record_deleted_behind_our_back_closes_the_transport_within_the_reload_interval(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    settings = server_settings(shared_store_server)
    async with js.on(service(session_reload_interval=1, **settings)) as node:
        sockets = await (await js.browser(node.url)).connect_on_all()
        (record,) = shared_store_server.session_keys()

        shared_store_server.command("DEL", record)
        deleted = time.monotonic()

        for socket in sockets:
            disconnected = await socket.wait_for("disconnect")
            assert disconnected.args[0] == "transport close"
            assert disconnected.at <= deleted + 1 + 0.5
            assert socket.values("session ended") == [{"reason": "expired"}]
            await socket.wait_for("reconnect")
        assert record not in shared_store_server.session_keys()


@pytest.mark.parametrize("transport", list(Transport))
async def test_an_event_that_finds_its_session_gone_is_refused_and_not_handled(
    js: JsClients, shared_store_server: StoreServer, transport: Transport
) -> None:
    async with js.on(service(**server_settings(shared_store_server))) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect(transport)
        await browser.fetch("POST", "/incr")
        (record,) = shared_store_server.session_keys()
        shared_store_server.command("DEL", record)

        answer = await socket.emit("incr")

        assert answer["error"]["type"] == "session-ended"
        disconnected = await socket.wait_for("disconnect", within=1.0)
        assert disconnected.args[0] == "transport close"
        assert socket.values("current count") == [1]
        await socket.wait_for("reconnect")
        assert await socket.emit("incr") == 1


async def _repeat(action: Callable[[], Awaitable[object]], times: int) -> tuple[float, float]:
    """Do something at intervals that no idle timeout outlasts; when the last was begun and done."""
    begun = done = 0.0
    for _ in range(times):
        await asyncio.sleep(IDLE / 4)
        begun = time.monotonic()
        await action()
        done = time.monotonic()
    return begun, done


async def _until_closed(
    sockets: list[JsClient], action: Callable[[JsClient], Awaitable[object]]
) -> list[float]:
    """Do something with each socket until it is closed; when they were."""
    async with asyncio.timeout(10):
        while alive := [socket for socket in sockets if not socket.named("disconnect")]:
            await asyncio.gather(*map(action, alive))
            await asyncio.sleep(0.05)
    return [socket.named("disconnect")[0].at for socket in sockets]
