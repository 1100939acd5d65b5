"""SIGTERM: sockets are told and sent elsewhere, every acknowledged write is stored, the process is gone."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.driver import DriverError
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.many_clients import allow_many_files, counts_of, many_clients
from tests.support.proxy import proxy_to
from tests.support.raw import refused_websocket
from tests.support.samples import PROOF
from tests.support.servers import StoreServer
from tests.support.service import SECRET, Service, service
from tests.support.stores import StoreSettings, server_settings
from tests.support.traffic import check_away

MANY = 500 if PROOF else 100
GONE_WITHIN = 10.0
EXTENDED_APP = "tests.support.extended_app"


@pytest.mark.alone
@pytest.mark.proof
async def test_hundreds_of_websockets_and_pollers_are_told_and_sent_away_in_time(
    js: JsClients, valkey: StoreServer
) -> None:
    allow_many_files()
    settings = server_settings(valkey)
    async with service(**settings) as other, service(**settings) as node:
        witnesses = [await js.connect(node.url, transport) for transport in Transport]
        async with (
            many_clients(node.url, websockets=MANY, pollers=MANY) as clients,
            http_client(node.url) as http,
        ):
            waiting = [
                asyncio.create_task(client.wait_for_shutdown(GONE_WITHIN)) for client in clients
            ]
            began = time.monotonic()
            node.terminate()

            await eventually(partial(is_not_ready, http))
            ended = await asyncio.gather(*waiting)
        await eventually(lambda: not node.alive, within=GONE_WITHIN)
        assert time.monotonic() - began < GONE_WITHIN
        assert node.stop() == 0
        told = sorted(each.told - began for each in ended)
        assert told[-1] - told[0] > 1.5, "not spread over a few seconds"
        for witness in witnesses:
            assert witness.values("session ended") == [{"reason": "shutdown"}]
            assert witness.values("disconnect") == ["transport close"]
            assert witness.active
        assert await counts_of(other.url, clients) == [1] * (2 * MANY)


async def test_while_sockets_are_sent_away_handshakes_are_refused(js: JsClients) -> None:
    async with service() as node, http_client(node.url) as http:
        for _ in range(20):
            await js.connect(node.url)
        node.terminate()
        await eventually(partial(is_not_ready, http))
        refused = await http.get("/socket.io/?EIO=4&transport=polling")
        check_away(refused.status_code, dict(refused.headers), refused.json())
        assert (await refused_websocket(node.url)).status_code == 503


async def test_no_write_that_was_acknowledged_during_a_shutdown_is_lost(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    settings = server_settings(shared_store_server)
    async with service(**settings) as other, service(**settings) as node:
        browser = await js.browser(other.url)
        await browser.fetch("GET", "/session")
        acknowledged: list[int] = []
        sockets = [await browser.connect(transport, url=node.url) for transport in Transport]
        writing = [write_until_gone(acknowledged, partial(emit, socket)) for socket in sockets]
        writing.append(write_until_gone(acknowledged, partial(post, browser, node)))
        writers = [asyncio.create_task(each) for each in writing]
        await eventually(lambda: len(acknowledged) > 40)

        assert await asyncio.to_thread(node.stop) == 0

        await asyncio.gather(*writers)
        count = (await browser.fetch("GET", "/session")).json()["count"]
    assert len(set(acknowledged)) == len(acknowledged)
    assert len(acknowledged) <= count <= len(acknowledged) + len(writers)


async def test_a_socket_that_is_just_connecting_is_told_as_well(js: JsClients) -> None:
    store = "tests.support.slow_store:slow_to_look"
    settings: StoreSettings = {"session_store": store, "session_secrets": SECRET}
    settings |= {"session_activity": "http"}
    async with service(**settings) as node:
        socket = await js.connect(node.url, wait=False)
        await socket.wait_for("open")
        node.terminate()
        await socket.wait_for("session ended")
        assert socket.values("session ended") == [{"reason": "shutdown"}]
        assert (await socket.wait_for("disconnect")).args[0] == "transport close"


async def test_a_handshake_that_was_under_way_is_refused(shared_store_server: StoreServer) -> None:
    settings = server_settings(shared_store_server)
    async with (
        proxy_to(shared_store_server.port) as proxy,
        service(**settings | {"redis_url": proxy.url}) as node,
        http_client(node.url) as client,
    ):
        await client.post("/incr")  # opens the link on which the handshake's command is sent
        proxy.hold()
        so_far = len(proxy.writes)
        handshake = asyncio.create_task(refused_websocket(node.url))
        await eventually(lambda: b"mooring:session:" in b"".join(proxy.writes[so_far:]))
        node.terminate()
        await eventually(lambda: "shutting down" in node.log())
        proxy.mend()
        assert (await handshake).status_code == 503


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_without_clients_it_is_gone_at_once(sent: signal.Signals) -> None:
    async with service() as node:
        began = time.monotonic()
        node.signal(sent)
        await eventually(lambda: not node.alive, within=GONE_WITHIN)
        assert time.monotonic() - began < 2
        assert node.stop() == 0


async def test_a_second_signal_ends_it_at_once(js: JsClients) -> None:
    async with service() as node:
        for transport in Transport:
            await js.connect(node.url, transport)
        node.terminate()
        await eventually(lambda: "shutting down" in node.log())
        began = time.monotonic()
        node.terminate()
        await eventually(lambda: not node.alive, within=GONE_WITHIN)
        assert time.monotonic() - began < 2
        assert node.stop() == 0


async def test_a_second_signal_waits_for_no_request(js: JsClients, waiting: Service) -> None:
    browser = await js.browser(waiting.url)
    held = asyncio.create_task(browser.fetch("POST", "/held/never/read/key"))
    await eventually(partial(are_waiting, waiting, 1))
    waiting.terminate()
    await eventually(partial(refuses_connections, waiting))
    began = time.monotonic()
    waiting.terminate()
    await eventually(lambda: not waiting.alive, within=GONE_WITHIN)
    assert time.monotonic() - began < 1.5
    await asyncio.wait([held])


async def test_a_handler_that_never_ends_does_not_keep_it(js: JsClients, waiting: Service) -> None:
    browser = await js.browser(waiting.url)
    socket = await browser.connect()
    held = asyncio.create_task(browser.fetch("POST", "/held/never/read/key"))
    await socket.send("wait", "never")
    await eventually(partial(are_waiting, waiting, 2))
    began = time.monotonic()
    waiting.terminate()
    await eventually(lambda: not waiting.alive, within=GONE_WITHIN)
    assert time.monotonic() - began < GONE_WITHIN
    assert waiting.stop() == 0
    await asyncio.wait([held])


async def test_a_store_that_hangs_does_not_keep_it(
    js: JsClients, own_store_server: StoreServer
) -> None:
    async with service(**server_settings(own_store_server)) as node:
        browser = await js.browser(node.url)
        sockets = await browser.connect_on_all()
        own_store_server.pause()
        for socket in sockets:
            await asyncio.gather(*(socket.send("incr") for _ in range(20)))
        began = time.monotonic()
        node.terminate()
        for socket in sockets:
            await socket.wait_for("session ended", within=GONE_WITHIN)
        await eventually(lambda: not node.alive, within=GONE_WITHIN)
        assert time.monotonic() - began < GONE_WITHIN
        assert node.stop() == 0
        own_store_server.resume()


@pytest.fixture
async def waiting() -> AsyncIterator[Service]:
    """A node whose handlers wait at gates."""
    async with service(module=EXTENDED_APP) as node:
        yield node


async def write_until_gone(acknowledged: list[int], write: Callable[[], Awaitable[int]]) -> None:
    """Increment until the node is gone; the last write, which gets no answer, is in doubt."""
    with suppress(DriverError):
        while True:
            acknowledged.append(await write())


async def emit(socket: JsClient) -> int:
    """Increment by an event."""
    return int(await socket.emit("incr", within=1.0))


async def post(browser: JsBrowser, node: Service) -> int:
    """Increment by a request."""
    return int((await browser.fetch("POST", f"{node.url}/incr")).json())


async def is_not_ready(client: httpx.AsyncClient) -> bool:
    """Whether the node says that it is not ready."""
    return (await client.get("/readyz")).status_code == httpx.codes.SERVICE_UNAVAILABLE


async def refuses_connections(node: Service) -> bool:
    """Whether the node takes no connections any more."""
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def are_waiting(node: Service, handlers: int) -> bool:
    """Whether so many handlers wait at the gate that nobody opens."""
    async with http_client(node.url) as client:
        return bool((await client.get("/gates/never")).json() == handlers)
