"""P8: an outage of the store is answered in time, is no logout, and needs no restart afterwards.

All these outages are survived by one node, one after another.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.raw import refused_websocket
from tests.support.servers import STORE_SERVERS, StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings
from tests.support.traffic import ANSWER_WITHIN, Traffic, check_away

pytestmark = pytest.mark.alone

HUNG = 3.0
"""Seconds."""


@dataclass(frozen=True)
class FailFast:
    """How a server is harmed, and mended."""

    begin: Callable[[StoreServer], object]
    end: Callable[[StoreServer], object]
    lasts: float = 0.0


def fill(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.command("CONFIG", "SET", "maxmemory", 1)


def demote(server: StoreServer) -> None:
    # A replica of nothing that answers keeps its data, and refuses writes.
    server.command("REPLICAOF", "127.0.0.1", 1)


OUTAGES = {
    "killed": FailFast(StoreServer.kill, StoreServer.start),
    "hung": FailFast(StoreServer.pause, StoreServer.resume, lasts=HUNG),
    "full": FailFast(fill, lambda server: server.command("CONFIG", "SET", "maxmemory", 0)),
    "read-only": FailFast(demote, lambda server: server.command("REPLICAOF", "NO", "ONE")),
}


@dataclass(frozen=True)
class World:
    """A server that keeps its data over a restart, and a node on it."""

    server: StoreServer
    node: Service


@pytest.fixture(scope="module", params=STORE_SERVERS)
def _world(request: pytest.FixtureRequest) -> Iterator[World]:
    with (
        store_server(request.param, durable=True) as server,
        service(**server_settings(server)) as node,
    ):
        yield World(server, node)


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """The server and the node; a traceback in the node's log fails the test."""
    with _world.node.watched():
        yield _world


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_is_answered_in_time_closes_no_socket_loses_no_write_and_passes_by_itself(
    js: JsClients, world: World, outage: FailFast
) -> None:
    browser = await js.browser(world.node.url)
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()
    async with Traffic(browser, sockets) as traffic:
        began = time.monotonic()
        outage.begin(world.server)
        try:
            await traffic.stops()
            knocking = (knock(js, world.node, transport) for transport in Transport)
            newcomers, _ = await asyncio.gather(asyncio.gather(*knocking), is_told(world.node))
            await asyncio.sleep(began + outage.lasts - time.monotonic())
        finally:
            outage.end(world.server)
        await traffic.flows()
        for newcomer in newcomers:
            await newcomer.wait_for("connect")
            assert await newcomer.emit("incr") == 1

    traffic.check((await browser.fetch("GET", "/session")).json()["count"])
    for socket in sockets:
        assert socket.connected
        assert not socket.named("disconnect")
    await eventually(lambda: is_ready(browser))  # each connection finds out by itself


async def is_ready(browser: JsBrowser) -> bool:
    return bool((await browser.fetch("GET", "/readyz")).status == httpx.codes.OK)


async def is_told(node: Service) -> None:
    """Check that the node says so where it is asked, in time, and that it is alive."""
    paths = ("/readyz", "/session", "/socket.io/?EIO=4&transport=polling")
    async with http_client(node.url) as client, asyncio.timeout(ANSWER_WITHIN):
        refusing = asyncio.create_task(refused_websocket(node.url))
        assert (await client.get("/healthz")).status_code == 200
        answers = await asyncio.gather(*map(client.get, paths))
        refused = await refusing
    for answer in answers:
        check_away(answer.status_code, dict(answer.headers), answer.json())
    headers = {name.lower(): value for name, value in refused.headers.items()}
    check_away(refused.status_code, headers, json.loads(refused.body))


async def knock(js: JsClients, node: Service, transport: Transport) -> JsClient:
    """A new client that was refused twice, and goes on trying."""
    newcomer = await js.connect(node.url, transport, wait=False)
    await eventually(lambda: len(newcomer.named("handshake")) > 1, within=5.0)
    assert {each["status"] for each in newcomer.values("handshake")} == {503}
    assert newcomer.active
    return newcomer
