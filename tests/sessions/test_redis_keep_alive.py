"""Connections through proxies: kept alive while nothing is sent, and made anew without a loss."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from app import RedisStore
from app.redis.connection import PipelinedConnection
from app.redis.errors import RedisUnavailableError
from app.redis.url import connect
from app.sessions import StoreUnavailableError
from app.testing.contracts.store_base import DATA, HOUR, OTHER, live, new_key
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxy_to
from tests.support.servers import StoreServer


@pytest.fixture
async def proxy(shared_store_server: StoreServer) -> AsyncIterator[Proxy]:
    async with proxy_to(shared_store_server.port) as proxy:
        yield proxy


@pytest.fixture
async def connection(proxy: Proxy) -> AsyncIterator[PipelinedConnection]:
    connection = connect(proxy.url)
    assert isinstance(connection, PipelinedConnection)
    await connection.execute("PING")
    yield connection
    await connection.aclose()


async def test_an_idle_connection_sends_something_more_than_once_in_three_seconds(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    proxy.writes.clear()
    await eventually(lambda: len(proxy.writes) >= 2, within=3.0)
    assert {write.count(b"PING") for write in proxy.writes} == {1}
    assert proxy.connections == 1


async def test_an_idle_subscription_is_kept_alive_too(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    await connection.execute("SUBSCRIBE", "somewhere")
    proxy.writes.clear()
    await eventually(lambda: len(proxy.writes) >= 2, within=3.0)
    assert connection.connected
    assert proxy.connections == 1


async def test_a_link_that_went_silent_is_found_before_a_request_has_to(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    proxy.hold()
    await asyncio.wait_for(connection.lost(), 3.0)
    proxy.mend()
    await connection.execute("PING")
    assert proxy.connections == 2


async def test_a_load_whose_link_is_cut_follows_on_the_next(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    store, key = RedisStore(connection), new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    await store.load(key, idle=60)
    proxy.lose_next_reply()
    assert live(await store.load(key, idle=60)).data == DATA
    assert proxy.connections == 2


async def test_what_may_have_happened_is_not_sent_again(
    connection: PipelinedConnection, proxy: Proxy, shared_store_server: StoreServer
) -> None:
    store, key = RedisStore(connection), new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    await store.commit(key, 1, OTHER)
    proxy.lose_next_reply()
    with pytest.raises(StoreUnavailableError):
        await store.commit(key, 2, DATA)
    assert live(await store.load(key)).version == 3
    proxy.lose_next_reply()
    with pytest.raises(RedisUnavailableError):
        await connection.execute("INCR", "number")
    assert shared_store_server.command("GET", "number") == "1"


async def test_whatever_is_cut_when_reads_succeed_and_no_write_happens_twice(
    connection: PipelinedConnection, proxy: Proxy, shared_store_server: StoreServer
) -> None:
    rng, acknowledged, doubts = random.Random(7), 0, 0
    for _ in range(30):
        await connection.execute("PING")
        rng.choice((proxy.lose_next_reply, lambda: None))()
        commands = [rng.choice((("INCR", "n"), ("GET", "n"))) for _ in range(rng.randint(1, 5))]
        replies = [connection.execute(*each) for each in commands]
        for command, reply in zip(commands, replies, strict=True):
            try:
                await reply
                acknowledged += command[0] == "INCR"
            except RedisUnavailableError:
                assert command[0] == "INCR", "a read failed though its server can be reached"
                doubts += 1
    count = int(shared_store_server.command("GET", "n"))
    assert doubts > 0
    assert acknowledged <= count <= acknowledged + doubts
