"""P8 in the midst of traffic: what was under way is answered in time, and done once or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from itertools import chain

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.proxy import proxy_to
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings
from tests.support.traffic import ANSWER_WITHIN, Traffic, count_or_away

MANY = 60


@pytest.fixture
async def node(own_store_server: StoreServer) -> AsyncIterator[Service]:
    """A node on a server of the test's own, Valkey and Redis in turn."""
    async with service(**server_settings(own_store_server)) as started:
        yield started


async def test_connections_that_are_killed_again_and_again_close_no_socket_and_lose_no_write(
    js: JsClients, own_store_server: StoreServer, node: Service
) -> None:
    browser = await js.browser(node.url)
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()
    async with Traffic(browser, sockets) as traffic:
        for _ in range(20):
            own_store_server.drop_clients()
            await traffic.goes_on()
    traffic.check((await browser.fetch("GET", "/session")).json()["count"])
    for socket in sockets:
        assert not socket.named("disconnect")


@pytest.mark.alone
async def test_of_many_writes_under_way_when_the_server_hangs_each_is_answered_in_time(
    js: JsClients, own_store_server: StoreServer, node: Service
) -> None:
    browser = await js.browser(node.url)
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()
    async with http_client(node.url, cookie=await browser.cookie_header()) as client:
        answered, hangs = asyncio.Event(), asyncio.Event()

        async def post() -> list[httpx.Response]:
            """Post one request after another, the last of them when the server hangs or is about to."""
            done = []
            while not hangs.is_set():
                done.append(await client.post("/incr"))
                answered.set()
            return done

        posting = [asyncio.create_task(post()) for _ in range(MANY)]
        emitting = [asyncio.create_task(socket.burst(*[("incr",)] * MANY)) for socket in sockets]
        await answered.wait()
        own_store_server.pause()
        began = time.monotonic()
        hangs.set()
        posts, bursts = await asyncio.gather(asyncio.gather(*posting), asyncio.gather(*emitting))
        took = time.monotonic() - began
        own_store_server.resume()

    answers = [
        each.json() if each.status_code == httpx.codes.OK else None for each in chain(*posts)
    ]
    answers += [count_or_away(ack) for burst in bursts for _index, ack in burst]
    acknowledged = [count for count in answers if count is not None]
    assert None in answers, "all was done before the server hung"
    assert took < ANSWER_WITHIN
    count = await eventually(partial(count_of, browser))
    assert len(set(acknowledged)) == len(acknowledged) <= count <= len(answers)
    for socket in sockets:
        assert not socket.named("disconnect")
        count += 1
        assert await socket.emit("incr") == count


async def test_a_write_whose_answer_was_lost_is_in_doubt_and_is_not_done_twice(
    js: JsClients, own_store_server: StoreServer
) -> None:
    async with (
        proxy_to(own_store_server.port) as proxy,
        service(**server_settings(own_store_server) | {"redis_url": proxy.url}) as node,
    ):
        browser = await js.browser(node.url)
        socket = await browser.connect()
        assert await socket.emit("incr") == 1

        proxy.lose_reply_to(b'{"count":2}')
        assert count_or_away(await socket.emit("incr")) is None
        assert await socket.emit("incr") == 3
        assert socket.values("current count") == [1, 3]


async def count_of(browser: JsBrowser) -> int:
    """The session's count; fails while the store is away."""
    answer = await browser.fetch("GET", "/session")
    assert answer.status == 200
    return int(answer.json()["count"])
