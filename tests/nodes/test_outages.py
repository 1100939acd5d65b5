"""An outage of the store is no logout, and needs no restart (P8)."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer, store_server
from tests.support.service import service
from tests.support.stores import server_settings

Outage = Callable[[StoreServer], object]

_ANSWER_WITHIN = 2.0


def _full(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.command("CONFIG", "SET", "maxmemory", 1)


def _not_full(server: StoreServer) -> None:
    server.command("CONFIG", "SET", "maxmemory", 0)


def _replica(server: StoreServer) -> None:
    # Of nothing that answers: it keeps its data, and refuses writes.
    server.command("REPLICAOF", "127.0.0.1", 1)


def _master(server: StoreServer) -> None:
    server.command("REPLICAOF", "NO", "ONE")


OUTAGES: dict[str, tuple[Outage, Outage]] = {
    "killed, and back with its data": (StoreServer.kill, StoreServer.start),
    "hung": (StoreServer.pause, StoreServer.resume),
    "full": (_full, _not_full),
    "a replica that refuses writes": (_replica, _master),
}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_is_answered_in_time_and_closes_no_socket(
    js: JsClients, outage: str, store_kind: str
) -> None:
    begin, end = OUTAGES[outage]
    with store_server(store_kind, durable=True) as server:
        async with service(**server_settings(server)) as node, http_client(node.url) as client:
            browser = await js.browser(node.url)
            await browser.fetch("POST", "/incr")
            sockets = [await browser.connect(transport) for transport in Transport]
            begin(server)
            try:
                await _is_away(client, await browser.cookie_header(), sockets)
                newcomer = await (await js.browser(node.url)).connect(wait=False)
                await newcomer.wait_for("handshake", where=lambda e: e.args[0]["status"] == 503)
            finally:
                end(server)
            await _is_back(browser, sockets, newcomer)


async def _is_away(client: httpx.AsyncClient, cookie: str, sockets: list[JsClient]) -> None:
    start = time.monotonic()
    post = await client.post("/incr", headers={"cookie": cookie})
    assert problem(post) == (503, "store-unavailable")
    assert int(post.headers["retry-after"]) >= 1
    assert time.monotonic() - start < _ANSWER_WITHIN
    for socket in sockets:
        start = time.monotonic()
        assert (await socket.emit("incr"))["error"]["type"] == "store-unavailable"
        assert time.monotonic() - start < _ANSWER_WITHIN
    assert (await client.get("/healthz")).status_code == 200


async def _is_back(browser: JsBrowser, sockets: list[JsClient], newcomer: JsClient) -> None:
    """The same session, the same sockets, and at the most what was in doubt has happened."""
    count = await eventually(lambda: _counted(browser), within=5.0)
    assert 2 <= count <= 2 + 1 + len(sockets)
    for socket in sockets:
        assert not socket.named("disconnect")
        count += 1
        assert await socket.emit("incr") == count
    await newcomer.wait_for("connect", within=10.0)
    assert (await browser.fetch("GET", "/readyz")).status == 200


async def _counted(browser: JsBrowser) -> int:
    answer = await browser.fetch("POST", "/incr")
    return int(answer.json()) if answer.status == 200 else 0


async def test_readyz_tells_an_outage(own_store_server: StoreServer) -> None:
    async with (
        service(**server_settings(own_store_server)) as node,
        http_client(node.url) as client,
    ):
        assert (await client.get("/readyz")).status_code == 200
        own_store_server.kill()
        assert (await client.get("/readyz")).status_code == 503
        own_store_server.start()
        await eventually(lambda: _is_ready(client))


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


async def test_a_server_that_comes_back_empty_has_ended_every_session(
    js: JsClients, own_store_server: StoreServer
) -> None:
    async with service(session_reload_interval=1, **server_settings(own_store_server)) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect()
        await socket.emit("incr")

        own_store_server.kill()
        own_store_server.start()

        disconnected = await socket.wait_for("disconnect")
        assert disconnected.args[0] == "transport close"
        await socket.wait_for("connect", after=disconnected.index, within=10.0)
        assert await socket.emit("incr") == 1


async def test_connections_killed_in_the_midst_of_traffic_lose_no_acknowledged_write(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    async with service(**server_settings(shared_store_server)) as node:
        browser = await js.browser(node.url)
        await browser.fetch("GET", "/session")
        socket = await browser.connect()
        done = asyncio.Event()
        writers = [asyncio.create_task(_write(browser, done)) for _ in range(5)]
        for _ in range(20):
            shared_store_server.drop_clients()
            await socket.emit("incr")
        done.set()

        acknowledged = [count for counts in await asyncio.gather(*writers) for count in counts]

        assert len(acknowledged) == len(set(acknowledged))
        count = (await browser.fetch("GET", "/session")).json()["count"]
        assert count >= max(acknowledged)
        assert not socket.named("disconnect")


async def _write(browser: JsBrowser, done: asyncio.Event) -> list[int]:
    acknowledged = []
    while not done.is_set():
        answer = await browser.fetch("POST", "/incr")
        assert answer.status in (200, 503)
        if answer.status == 200:
            acknowledged.append(int(answer.json()))
    return acknowledged


async def test_redis_hung_for_three_seconds_leaves_session_count_and_sockets(
    js: JsClients, own_store_server: StoreServer
) -> None:
    async with service(**server_settings(own_store_server)) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect()
        before = await socket.emit("incr")
        start = time.monotonic()
        own_store_server.pause()
        answers = []
        while time.monotonic() < start + 3:
            answers.append(await browser.fetch("POST", "/incr"))
        own_store_server.resume()

        assert {answer.status for answer in answers} == {503}
        count = await eventually(lambda: _counted(browser))
        assert before + 1 <= count <= before + 1 + len(answers)
        assert not socket.named("disconnect")
        assert await socket.emit("incr") == count + 1


@pytest.fixture(params=["valkey", "redis"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of server in turn."""
    kind: str = request.param
    return kind
