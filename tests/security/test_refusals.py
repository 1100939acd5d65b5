"""P13: after every refusal there is no socket, room, task or key that was not there before."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.eventually import eventually
from tests.support.extended_app import CONNECT_TIMEOUT
from tests.support.http import cookie_header, http_client, problem
from tests.support.leftovers import INSPECTION_APP, nothing_is_left_over, stored
from tests.support.raw import (
    raw_polling,
    raw_websocket,
    refused_websocket,
)
from tests.support.servers import StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import StoreSettings, memory_settings, server_settings

pytestmark = pytest.mark.xdist_group("refusals")

AT_ONCE = 1.0
"""Seconds in which a refusal is answered."""
MB = 1_000_000
MAX_SOCKETS = 2
MAX_BYTES = 20_000
MAX_EVENTS = 10_000
PROMISE = '451-["incr",{"_placeholder":true,"num":0}]'


@dataclass(frozen=True)
class World:
    """A node with limits that are soon reached, and its store's server if it has one."""

    node: Service
    server: StoreServer | None


@dataclass(frozen=True)
class Victim:
    """A client with a session whose data must stay as they are."""

    node: Service
    http: httpx.AsyncClient
    cookie: str


@pytest.fixture(scope="module", params=["memory", "valkey"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One for all these tests, on each store in turn."""
    limits: StoreSettings = {"session_max_sockets": MAX_SOCKETS, "session_max_bytes": MAX_BYTES}
    if request.param == "memory":
        with service(module=INSPECTION_APP, **memory_settings(), **limits) as node:
            yield World(node, None)
        return
    with (
        store_server(request.param) as server,
        service(module=INSPECTION_APP, **server_settings(server), **limits) as node,
    ):
        yield World(node, server)


@pytest.fixture
async def victim(world: World) -> AsyncIterator[Victim]:
    """A client that has counted to 1."""
    async with http_client(world.node.url) as client:
        await client.post("/incr")
        yield Victim(world.node, client, cookie_header(client))


async def a_large_post_to_the_engine(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie) as polling:
        await polling.join()
        async with asyncio.timeout(AT_ONCE):
            answer = await polling.client.post(polling.address, content=b"4" * 20 * MB)
        assert problem(answer) == (413, "body-too-large")


async def a_post_to_the_engine_without_a_length(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie) as polling:
        async with asyncio.timeout(AT_ONCE):
            answer = await polling.client.post(polling.address, content=_chunks(150))
        assert problem(answer) == (413, "body-too-large")


async def a_large_body(victim: Victim) -> None:
    async with asyncio.timeout(AT_ONCE):
        answer = await victim.http.post("/write/key", content=b"x" * 2 * MB)
    assert problem(answer) == (413, "body-too-large")


async def a_large_frame(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        await socket.send("42" + "x" * (MB + 1))
        await socket.frames_until_closed(within=AT_ONCE)


async def too_many_packets_in_one_post(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie) as polling:
        await polling.join()
        async with asyncio.timeout(AT_ONCE):
            answer = await polling.post(*["3"] * (MAX_EVENTS + 1))
        assert answer.status_code == 400


async def more_events_of_one_socket_than_may_wait(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        await socket.emit("wait", "refusals")
        await eventually(partial(_is_waiting, victim.http))
        for _ in range(MAX_EVENTS):
            await socket.send('42["no such event"]')
        await socket.emit("no such event", ack=7)
        await victim.http.post("/gates/refusals")
        assert '"type":"unknown-event"' in await socket.receive_until("437", within=20.0)


async def too_much_data_by_a_request(victim: Victim) -> None:
    async with asyncio.timeout(AT_ONCE):
        answer = await victim.http.post("/write/key", params={"length": MAX_BYTES})
    assert problem(answer) == (413, "session-too-large")


async def too_much_data_by_an_event(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        await socket.emit("write", "key", MAX_BYTES, ack=1)
        assert '"type":"session-too-large"' in await socket.receive_until("431", within=AT_ONCE)


async def too_many_sockets_of_one_session(victim: Victim) -> None:
    url, cookie = victim.node.url, victim.cookie
    async with raw_websocket(url, cookie=cookie), raw_polling(url, cookie=cookie):
        async with asyncio.timeout(AT_ONCE):
            assert (await refused_websocket(url, cookie=cookie)).status_code == 429
            refused = await victim.http.get("/socket.io/?EIO=4&transport=polling")
        assert problem(refused) == (429, "too-many-sockets")


async def a_websocket_that_never_asks_for_the_namespace(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.frames_until_closed(within=CONNECT_TIMEOUT + AT_ONCE)


async def a_poller_that_never_asks_for_the_namespace(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie, leave=False) as polling:
        await polling.receive_until("1", within=CONNECT_TIMEOUT + AT_ONCE)


async def attachments_that_are_promised_and_never_sent(victim: Victim) -> None:
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        await socket.send(PROMISE)
        await socket.frames_until_closed(within=CONNECT_TIMEOUT + AT_ONCE)


async def attachments_that_a_poller_promises_and_never_sends(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie, leave=False) as polling:
        await polling.join()
        await polling.post(PROMISE)
        await polling.receive_until("1", within=CONNECT_TIMEOUT + AT_ONCE)


async def a_websocket_that_does_not_read(victim: Victim) -> None:
    await victim.http.post("/write/key", params={"length": 15_000})
    connections = (await _left(victim))["connections"]
    async with raw_websocket(victim.node.url, cookie=victim.cookie) as socket:
        await socket.join()
        socket.stop_reading()
        with suppress(ConnectionClosed):
            for _ in range(2000):  # thirty megabytes of answers
                await socket.emit("peek", ack=1)
        await eventually(partial(_has_no_socket, victim, connections), within=10.0)
    await victim.http.post("/write/key", params={"length": 1})


async def a_poller_that_does_not_poll(victim: Victim) -> None:
    await victim.http.post("/write/key", params={"length": 15_000})
    async with raw_polling(victim.node.url, cookie=victim.cookie, leave=False) as polling:
        await polling.join()
        await polling.post(*['421["peek"]'] * 400)
        await eventually(partial(_has_no_socket, victim), within=10.0)
        assert (await polling.poll()).status_code == 400
    await victim.http.post("/write/key", params={"length": 1})


async def a_foreign_page(victim: Victim) -> None:
    evil = {"origin": "https://evil.test"}
    for path in ("/socket.io/?EIO=4&transport=polling", "/incr"):
        answer = await victim.http.post(path, headers=evil)
        assert problem(answer) == (403, "foreign-origin")
    refused = await refused_websocket(victim.node.url, origin=evil["origin"], cookie=victim.cookie)
    assert refused.status_code == 403


async def a_thief_of_an_engine_id(victim: Victim) -> None:
    async with raw_polling(victim.node.url, cookie=victim.cookie) as polling:
        async with http_client(victim.node.url) as thief:
            assert problem(await thief.get(polling.address)) == (403, "not-your-socket")
        refused = await refused_websocket(victim.node.url, query=f"&sid={polling.opened['sid']}")
        assert refused.status_code == 403


Refusal = Callable[[Victim], Awaitable[None]]

REFUSALS: list[Refusal] = [
    a_large_post_to_the_engine,
    a_post_to_the_engine_without_a_length,
    a_large_body,
    a_large_frame,
    too_many_packets_in_one_post,
    more_events_of_one_socket_than_may_wait,
    too_much_data_by_a_request,
    too_much_data_by_an_event,
    too_many_sockets_of_one_session,
    a_websocket_that_never_asks_for_the_namespace,
    a_poller_that_never_asks_for_the_namespace,
    attachments_that_are_promised_and_never_sent,
    attachments_that_a_poller_promises_and_never_sends,
    a_websocket_that_does_not_read,
    a_poller_that_does_not_poll,
    a_foreign_page,
    a_thief_of_an_engine_id,
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
async def test_nothing_is_left_after(world: World, victim: Victim, refusal: Refusal) -> None:
    before = await stored(victim.http, world.server)
    async with nothing_is_left_over(world.node, world.server):
        with world.node.watched():
            await refusal(victim)
    assert await stored(victim.http, world.server) == before
    data = (await victim.http.get("/data")).json()
    assert data["count"] == 1
    assert len(data.get("key", "x")) == 1


async def test_a_refused_address_leaves_no_session() -> None:
    async with (
        service(module=INSPECTION_APP, client_rate=2) as node,
        http_client(node.url) as observer,
    ):
        assert await stored(observer, None) == (0, 0)
        async with nothing_is_left_over(node):
            for expected in (200, 200, 429):
                async with http_client(node.url) as client:
                    assert (await client.get("/session")).status_code == expected
            async with http_client(node.url) as client:
                answer = await client.get("/socket.io/?EIO=4&transport=polling")
                assert problem(answer) == (429, "too-many-requests")
            assert (await refused_websocket(node.url)).status_code == 429
        assert await stored(observer, None) == (2, 0)


async def _is_waiting(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/gates/refusals")).json())


async def _has_no_socket(victim: Victim, connections: int | None = None) -> bool:
    """Whether the node holds no socket any more, and no more connections than before."""
    left = await _left(victim)
    return left["engine sockets"] == left["registered sockets"] == 0 and left["connections"] <= (
        connections or left["connections"]
    )


async def _left(victim: Victim) -> dict[str, int]:
    left: dict[str, int] = (await victim.http.get("/left")).json()
    return left


async def _chunks(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"4" * 10_000
