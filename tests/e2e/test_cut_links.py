"""P9: what one node missed while its link was cut is made good as soon as it is back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import pytest
import redis

from app import Emitter
from app.realtime.bus.base import MAXLEN
from tests.support.browsers import JsBrowser, JsClients
from tests.support.eventually import eventually, settled, stays
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.nodes import EMITTING_APP
from tests.support.proxy import Proxy, proxy_to
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

CUT = 1.0
"""Seconds."""


@dataclass(frozen=True)
class World:
    """Two nodes, the far one behind a proxy, and a browser with a socket on each."""

    near: Service
    far: Service
    proxy: Proxy
    browser: JsBrowser
    near_socket: JsClient
    far_socket: JsClient

    @property
    def sockets(self) -> tuple[JsClient, JsClient]:
        return self.near_socket, self.far_socket

    async def shout(self, node: Service, words: list[int]) -> None:
        """Have a node emit words to the room of the browser's session; touches no store."""
        room = (await self.browser.fetch("GET", f"{self.near.url}/room")).json()
        answer = await self.browser.post_json(f"{node.url}/shout/{room}", words)
        assert answer.status == 200


@pytest.fixture
async def world(js: JsClients, shared_store_server: StoreServer) -> AsyncIterator[World]:
    """On Valkey, then on Redis."""
    settings = server_settings(shared_store_server)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(proxy_to(shared_store_server.port))
        behind = settings | {"redis_url": proxy.url}
        nodes = [service(module=EMITTING_APP, **each) for each in (settings, behind)]
        near, far = await asyncio.gather(*map(stack.enter_async_context, nodes))
        browser = await js.browser(near.url)
        await browser.fetch("POST", "/incr")
        sockets = [await browser.connect(url=node.url) for node in (near, far)]
        yield World(near, far, proxy, browser, *sockets)
        for node in (near, far):
            node.terminate()


async def test_a_thousand_messages_of_three_emitters_come_once_and_each_emitter_s_in_order(
    world: World, shared_store_server: StoreServer
) -> None:
    numbers = range(334)
    for socket in world.sockets:
        await socket.emit("enter", "lobby")
    await settled(lambda: shared_store_server.command("DBSIZE"))

    async with Emitter.connect(shared_store_server.url) as worker:
        calls = [
            world.browser.post_json(
                f"{node.url}/call-out/lobby", [[name, number] for number in numbers]
            )
            for node, name in ((world.near, "near"), (world.far, "far"))
        ]
        emitting = [asyncio.create_task(call) for call in calls]
        for number in numbers:
            if number == 100:
                world.proxy.cut()
            await worker.emit("shout", ["worker", number], to="lobby")
            if number == 200:
                await asyncio.sleep(CUT)
                world.proxy.mend()
        for answer in await asyncio.gather(*emitting):
            assert answer.status == 200

    for socket in world.sockets:
        await eventually(partial(_has_all, socket, 3 * len(numbers)), within=10.0)
        await stays(partial(_has_all, socket, 3 * len(numbers)), during=0.2)
        for name in ("near", "far", "worker"):
            assert [each[1] for each in socket.values("shout") if each[0] == name] == [*numbers]


def _has_all(socket: JsClient, number: int) -> bool:
    return len(socket.values("shout")) == number


async def test_a_logout_on_the_other_node_lets_the_socket_go_when_the_link_is_back(
    world: World,
) -> None:
    world.proxy.cut()
    assert (await world.browser.fetch("POST", "/logout")).status == 204
    await stays(lambda: world.far_socket.connected, during=CUT)
    back = time.monotonic()
    world.proxy.mend()

    disconnected = await world.far_socket.wait_for("disconnect")
    assert disconnected.args[0] == "io server disconnect"
    assert disconnected.at - back < 1
    assert world.far_socket.values("session ended") == [{"reason": "logout"}]


async def test_a_logout_while_the_link_is_silent_lets_the_socket_go_when_it_speaks_again(
    world: World,
) -> None:
    world.proxy.hold()
    assert (await world.browser.fetch("POST", "/logout")).status == 204
    await stays(lambda: world.far_socket.connected, during=2.5)
    back = time.monotonic()
    world.proxy.mend()

    disconnected = await world.far_socket.wait_for("disconnect")
    assert disconnected.args[0] == "io server disconnect"
    assert disconnected.at - back < 1


async def test_fifty_emits_made_during_the_cut_all_arrive_in_order_after_it(world: World) -> None:
    world.proxy.cut()
    cut = time.monotonic()
    for word in range(50):
        await world.shout(world.near, [word])
    await stays(lambda: not world.far_socket.values("shout"), during=cut + CUT - time.monotonic())
    world.proxy.mend()

    for socket in world.sockets:
        await eventually(partial(has_heard, socket, "shout", list(range(50))))
        await stays(partial(has_heard, socket, "shout", list(range(50))), during=0.2)


async def test_fifty_emits_of_the_node_that_is_cut_off_all_arrive_in_order_after_it(
    world: World,
) -> None:
    await world.shout(world.far, [0])
    await eventually(partial(has_heard, world.near_socket, "shout", [0]))
    world.proxy.cut()
    cut = time.monotonic()
    for word in range(1, 50):
        await world.shout(world.far, [word])
    await stays(
        lambda: len(world.near_socket.values("shout")) == 1, during=cut + CUT - time.monotonic()
    )
    world.proxy.mend()

    for socket in world.sockets:
        await eventually(partial(has_heard, socket, "shout", list(range(50))))
        await stays(partial(has_heard, socket, "shout", list(range(50))), during=0.2)


async def test_fifty_increments_during_the_cut_are_all_heard_in_order_after_it(
    world: World,
) -> None:
    world.proxy.cut()
    for count in range(2, 52):
        assert (await world.browser.fetch("POST", "/incr")).json() == count
    world.proxy.mend()

    for socket in world.sockets:
        await eventually(partial(has_heard, socket, "current count", list(range(2, 52))))


async def test_the_node_that_is_cut_off_refuses_and_then_goes_on_with_the_newest_data(
    world: World,
) -> None:
    world.proxy.cut()
    away = await world.browser.fetch("POST", f"{world.far.url}/incr")
    assert away.status == 503
    assert (await world.far_socket.emit("incr"))["error"]["type"] == "store-unavailable"
    assert (await world.browser.fetch("POST", "/incr")).json() == 2
    world.proxy.mend()

    assert await world.far_socket.emit("incr") == 3
    assert not world.far_socket.named("disconnect")


async def test_messages_that_were_trimmed_during_the_cut_are_made_good_by_a_check_of_all(
    js: JsClients, world: World, shared_store_server: StoreServer
) -> None:
    other = await js.browser(world.far.url)
    counted = await other.connect()
    await other.fetch("POST", "/incr")
    await counted.wait_for("current count")

    world.proxy.cut()
    await world.browser.fetch("POST", "/logout")
    await other.fetch("POST", f"{world.near.url}/incr")
    talk_much(shared_store_server)
    back = time.monotonic()
    world.proxy.mend()

    disconnected = await world.far_socket.wait_for("disconnect")
    assert disconnected.args[0] == "io server disconnect"
    assert disconnected.at - back < 1
    await eventually(partial(has_heard, counted, "current count", [1, 2]))


async def test_a_logout_whose_answer_was_lost_lets_all_sockets_go_when_it_is_repeated(
    world: World,
) -> None:
    cookie = await world.browser.cookie_header()
    async with http_client(world.far.url, cookie=cookie) as client:
        world.proxy.lose_reply_to(b"logout")
        lost = await client.post("/logout")
        assert lost.status_code == 503
        assert "set-cookie" not in lost.headers, "the browser could not repeat it"
        assert (await client.post("/logout")).status_code == 204

    for socket in world.sockets:
        disconnected = await socket.wait_for("disconnect", within=1.0)
        assert disconnected.args[0] == "io server disconnect"


def has_heard(socket: JsClient, event: str, values: list[int]) -> bool:
    """Whether a socket has heard exactly these, in this order."""
    return socket.values(event) == values


def talk_much(server: StoreServer) -> None:
    """Have the bus carry more than it keeps."""
    with redis.Redis.from_url(server.url) as client:
        pipeline = client.pipeline(transaction=False)
        for _ in range(MAXLEN + 1000):
            pipeline.xadd(
                "mooring:bus", {"o": "other", "n": 0, "m": "{}"}, maxlen=MAXLEN, approximate=True
            )
        pipeline.execute()
