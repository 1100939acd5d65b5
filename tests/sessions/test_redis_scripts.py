"""Scripts on a PipelinedConnection: the text once a connection, the digest from then on."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.realtime.bus.base import EVERY_NODE, SequencedMessage
from app.realtime.bus.redis import RedisBus
from app.redis.connection import PipelinedConnection
from app.redis.errors import RedisReplyError
from app.redis.scripts import Script
from app.redis.url import connect
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxy_to
from tests.support.servers import StoreServer

PUSH = Script(
    "-- what a text of some length is told apart by\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"
)


@pytest.fixture
async def proxy(shared_store_server: StoreServer) -> AsyncIterator[Proxy]:
    async with proxy_to(shared_store_server.port) as proxy:
        yield proxy


@pytest.fixture
async def connection(proxy: Proxy) -> AsyncIterator[PipelinedConnection]:
    connection = connect(proxy.url)
    assert isinstance(connection, PipelinedConnection)
    yield connection
    await connection.aclose()


def texts(proxy: Proxy) -> int:
    return b"".join(proxy.writes).count(PUSH.encode())


async def test_a_scripts_text_is_sent_once(connection: PipelinedConnection, proxy: Proxy) -> None:
    for number in range(20):
        assert await connection.execute("EVAL", PUSH, 1, "list", number) == number + 1
    assert texts(proxy) == 1


async def test_another_connection_sends_the_text_anew_in_the_same_round_trip(
    connection: PipelinedConnection, proxy: Proxy, shared_store_server: StoreServer
) -> None:
    await connection.execute("EVAL", PUSH, 1, "list", 0)
    shared_store_server.command("SCRIPT", "FLUSH")
    connection.reconnect()
    await connection.execute("PING")
    proxy.writes.clear()
    await connection.execute("EVAL", PUSH, 1, "list", 1)
    assert len(proxy.writes) == 1
    assert texts(proxy) == 1


async def test_scripts_that_the_server_has_forgotten_run_once_and_in_order(
    connection: PipelinedConnection, shared_store_server: StoreServer
) -> None:
    await connection.execute("EVAL", PUSH, 1, "list", 0)
    shared_store_server.command("SCRIPT", "FLUSH")
    replies = [connection.execute("EVAL", PUSH, 1, "list", number) for number in range(1, 50)]
    assert await asyncio.gather(*replies) == list(range(2, 51))
    found = shared_store_server.command("LRANGE", "list", 0, -1)
    assert found == [str(number) for number in range(50)]


async def test_a_script_keeps_its_place_among_commands_on_a_server_that_does_not_know_it(
    connection: PipelinedConnection, shared_store_server: StoreServer
) -> None:
    for _ in range(10):
        shared_store_server.command("SCRIPT", "FLUSH")
        shared_store_server.command("DEL", "list")
        connection.reconnect()
        script = connection.execute("EVAL", PUSH, 1, "list", "first")
        command = connection.execute("RPUSH", "list", "second")
        await asyncio.gather(script, command)
        assert shared_store_server.command("LRANGE", "list", 0, -1) == ["first", "second"]


async def test_the_error_of_a_script_is_the_callers(connection: PipelinedConnection) -> None:
    await connection.execute("SET", "text", "x")
    for _ in range(2):
        with pytest.raises(RedisReplyError, match="WRONGTYPE"):
            await connection.execute("EVAL", PUSH, 1, "text", 1)


async def test_an_addressed_message_sends_no_scripts_text(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    bus = RedisBus(connection, connect(proxy.url, timeout=2.0))
    await bus.publish_all("here", [SequencedMessage(1, b"one", EVERY_NODE)])
    proxy.writes.clear()
    await bus.publish_all("here", [SequencedMessage(2, b"two", EVERY_NODE)])
    await eventually(lambda: b"two" in b"".join(proxy.writes))
    assert b"redis.call" not in b"".join(proxy.writes)
    await bus.aclose()
