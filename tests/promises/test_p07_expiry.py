"""P7: expiry closes the transport, on time, and the client comes back by itself."""

import time

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually, stays
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import StoreSettings, server_settings

IDLE = 2.0


async def test_an_idle_session_closes_the_transport_within_a_second_of_its_deadline(
    js: JsClients, any_store: StoreSettings, transport: Transport
) -> None:
    async with service(session_idle_timeout=IDLE, **any_store) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect(transport)
        assert (await browser.fetch("POST", "/incr")).json() == 1
        last_request = time.monotonic()

        disconnected = await socket.wait_for("disconnect", within=IDLE + 2)

        assert disconnected.args[0] == "transport close"
        assert IDLE - 0.05 <= disconnected.at - last_request <= IDLE + 1
        assert socket.values("session ended") == [{"reason": "expired"}]
        await socket.wait_for("connect", after=disconnected.index)
        assert await socket.emit("incr") == 1


async def test_requests_keep_the_session_and_events_do_not(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with service(session_idle_timeout=1, **any_store) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect()
        start = time.monotonic()
        while time.monotonic() < start + 2:
            await browser.fetch("GET", "/session")
            await stays(lambda: socket.connected, during=0.2)

        while socket.connected:  # the promise is that this ends
            await _try(socket)
        assert socket.values("disconnect") == ["transport close"]


async def _try(socket: JsClient) -> None:
    await socket.send("incr")
    await stays(lambda: True, during=0.05)
    assert len(socket.events) < 500


async def test_with_activity_events_an_event_keeps_the_session(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with service(session_idle_timeout=1, session_activity="events", **any_store) as node:
        socket = await (await js.browser(node.url)).connect()
        counts = []
        for _ in range(10):
            counts.append(await socket.emit("incr"))
            await stays(lambda: socket.connected, during=0.25)

    assert counts == list(range(1, 11))


async def test_with_activity_connected_an_open_socket_keeps_the_session(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with service(session_idle_timeout=1, session_activity="connected", **any_store) as node:
        socket = await (await js.browser(node.url)).connect()
        await stays(lambda: socket.connected, during=3.0)
        assert await socket.emit("incr") == 1


async def test_the_absolute_timeout_ends_a_session_in_use(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with service(session_absolute_timeout=2, **any_store) as node:
        browser = await js.browser(node.url)
        response = await browser.fetch("POST", "/incr")
        opened = time.monotonic()
        assert response.set_cookies[0].max_age == 2
        socket = await browser.connect()
        while socket.connected:
            await browser.fetch("GET", "/session")
            assert time.monotonic() < opened + 4

        (disconnected,) = socket.named("disconnect")
        assert disconnected.args[0] == "transport close"
        assert disconnected.at - opened <= 3


async def test_a_record_deleted_behind_our_back_closes_the_transport_by_the_next_reload(
    js: JsClients, shared_store_server: StoreServer, transport: Transport
) -> None:
    settings = server_settings(shared_store_server)
    async with service(session_reload_interval=1, **settings) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect(transport)
        record = _the_record(shared_store_server)

        shared_store_server.command("DEL", record)

        disconnected = await socket.wait_for("disconnect", within=2.0)
        assert disconnected.args[0] == "transport close"
        await socket.wait_for("connect", after=disconnected.index)
        assert await socket.emit("incr") == 1


async def test_an_event_that_finds_its_session_gone_is_not_handled(
    js: JsClients, shared_store_server: StoreServer, transport: Transport
) -> None:
    async with service(**server_settings(shared_store_server)) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect(transport)
        record = _the_record(shared_store_server)
        shared_store_server.command("DEL", record)

        answer = await socket.emit("incr")

        assert answer["error"]["type"] == "session-ended"
        await socket.wait_for("disconnect", within=1.0)
        await eventually(lambda: socket.values("session ended") == [{"reason": "expired"}])


def _the_record(server: StoreServer) -> str:
    keys = server.keys()
    (record,) = [key for key in keys if key.startswith("mooring:session:")]
    return record
