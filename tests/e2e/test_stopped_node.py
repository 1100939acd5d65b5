"""A node that was stopped looks at its sessions first. STOPPED_SECONDS=66 for as long as was reported."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.metrics import counted
from tests.support.nodes import Pair, pair_on
from tests.support.servers import StoreServer

STOPPED_APP = "tests.support.stopped_app"
STOPPED_SECONDS = float(os.environ.get("STOPPED_SECONDS", "3"))
"""Longer than tombstones stay in that app, and than the node tolerates."""


@pytest.fixture
def pair(valkey: StoreServer) -> Iterator[Pair]:
    """Two nodes, of which the second is stopped."""
    settings = {"session_reload_interval": 0.5, "ping_timeout": 120}
    with pair_on(valkey, module=STOPPED_APP, **settings) as pair:
        yield pair


async def _stop_while(pair: Pair, *posts: tuple[JsBrowser, str]) -> None:
    """Stop the second node, send posts to the first, and let the other go on."""
    pair.there.pause()
    try:
        await asyncio.sleep(0.1)
        for browser, path in posts:
            answer = await browser.fetch("POST", f"{pair.here.url}{path}")
            assert answer.status in (200, 204)
        await asyncio.sleep(STOPPED_SECONDS)
    finally:
        pair.there.resume()


async def _opened(js: JsClients, pair: Pair, transport: Transport) -> tuple[JsBrowser, JsClient]:
    browser = await pair.browser(js)
    assert (await browser.fetch("POST", "/incr")).json() == 1
    return browser, await browser.connect(transport, url=pair.there.url)


async def test_a_node_that_was_stopped_ends_handles_and_sends_for_the_right_reason(
    js: JsClients, pair: Pair
) -> None:
    loggedout = [await _opened(js, pair, transport) for transport in Transport]
    rotated = [await _opened(js, pair, Transport.WEBSOCKET)]
    alive = [await _opened(js, pair, transport) for transport in Transport]
    for _, socket in loggedout + alive:
        assert await socket.emit("cached") > 0

    # Polling, the event might come when the socket is closed, which its client takes for an error.
    assert list(Transport)[1] is Transport.POLLING
    events = [asyncio.create_task(_emit_later(socket)) for _, socket in loggedout[::2]]
    await _stop_while(
        pair,
        *((browser, "/incr") for browser, _ in loggedout + alive),
        *((browser, "/logout") for browser, _ in loggedout),
        *((browser, "/session/rotate") for browser, _ in rotated),
    )

    for _, socket in loggedout:
        disconnected = await socket.wait_for("disconnect")
        assert disconnected.args[0] == "io server disconnect"
        assert socket.values("session ended") == [{"reason": "logout"}]
        assert 2 not in socket.values("current count")
    for _, socket in rotated:
        disconnected = await socket.wait_for("disconnect")
        assert socket.values("session ended") == [{"reason": "rotated"}]
        await socket.wait_for("connect", after=disconnected.index)
    for _, socket in alive:
        await socket.wait_for("current count", where=lambda event: event.args[0] == 2)
        assert not socket.named("disconnect")
        assert await socket.emit("incr") == 3
    for task in events:
        task.cancel()
    async with http_client(pair.there.url) as client:
        handled = (await client.get("/handled")).json()
        assert await counted(client, "mooring_stops_total") >= 1
    assert len(handled) == len(loggedout + alive), "an event of an ended session was handled"


async def _emit_later(socket: JsClient) -> None:
    """Send an event while its node is stopped."""
    await asyncio.sleep(0.5)
    await socket.emit("cached")


async def test_while_the_store_is_unavailable_after_a_stop_sockets_stay_and_events_get_error_acks(
    js: JsClients, own_store_server: StoreServer
) -> None:
    settings = {"session_reload_interval": 0.5, "ping_timeout": 120}
    with pair_on(own_store_server, module=STOPPED_APP, **settings) as pair:
        _, socket = await _opened(js, pair, Transport.WEBSOCKET)
        pair.there.pause()
        await asyncio.sleep(STOPPED_SECONDS)
        own_store_server.pause()
        pair.there.resume()
        ack = await socket.emit("cached")
        assert ack["error"]["type"] == "store-unavailable"
        own_store_server.resume()

        async def handled() -> bool:
            return isinstance(await socket.emit("cached"), int)

        await eventually(handled)
        assert not socket.named("disconnect")
