"""PipelinedConnection: many commands on one connection, each executed at most once."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio.connection import AbstractConnection

from app import RedisStore
from app.http.request_id import REQUEST
from app.redis.connection import PipelinedConnection
from app.redis.connection import logger as connection_logger
from app.redis.errors import RedisClientError, RedisUnavailableError
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
    """A connection through the proxy that is open already."""
    connection = connect(proxy.url)
    assert isinstance(connection, PipelinedConnection)
    await connection.execute("PING")
    proxy.writes.clear()
    yield connection
    await connection.aclose()


@pytest.fixture
def store(connection: PipelinedConnection) -> RedisStore:
    return RedisStore(connection)


async def test_the_client_of_one_loop_turn_leave_in_one_write(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    async def echo(number: int) -> int:
        return int(await connection.execute("ECHO", number))

    assert await asyncio.gather(*map(echo, range(200))) == list(range(200))
    assert len(proxy.writes) == 1
    assert proxy.writes[0].count(b"ECHO") == 200


async def test_what_is_logged_of_a_connection_names_no_request(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    connection, named = connect(proxy.url), set[str | None]()

    def note(_record: logging.LogRecord) -> bool:
        named.add(REQUEST.get())
        return True

    caplog.handler.addFilter(note)
    REQUEST.set("that made the connection")
    await connection.execute("PING")
    REQUEST.set("that lost it")
    proxy.hold()
    with pytest.raises(RedisUnavailableError):
        await connection.execute("PING")
    proxy.mend()
    await connection.execute("PING")
    await connection.aclose()

    lines = [each.message for each in caplog.records if each.name == connection_logger.name]
    assert [line.partition(":")[0] for line in lines] == [
        "redis connection lost",
        "redis connection restored",
    ]
    assert named == {None}


async def test_a_hundred_loads_at_once_are_one_write(store: RedisStore, proxy: Proxy) -> None:
    keys = [new_key() for _ in range(100)]
    await asyncio.gather(*(store.create(key, DATA, idle=60, absolute=HOUR) for key in keys))
    await store.load(keys[0])
    proxy.writes.clear()
    found = await asyncio.gather(*(store.load(key, idle=60) for key in keys))
    assert all(live(each).data == DATA for each in found)
    assert len(proxy.writes) == 1


async def test_the_first_client_wait_for_one_connection_together(proxy: Proxy) -> None:
    connection = connect(proxy.url)
    assert await asyncio.gather(*(connection.execute("ECHO", n) for n in range(50))) == [
        b"%d" % n for n in range(50)
    ]
    assert proxy.connections == 1
    await connection.aclose()


async def test_a_thousand_keys_are_read_in_two_commands(store: RedisStore, proxy: Proxy) -> None:
    await store.load_many([new_key() for _ in range(1000)])
    sent = b"".join(proxy.writes)
    assert sent.count(b"MGET") == 2
    assert sent.count(b"EVALSHA") == 0


async def test_a_load_that_extends_is_one_round_trip(store: RedisStore, proxy: Proxy) -> None:
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    await store.load(key, idle=60)
    proxy.writes.clear()
    await store.load(key, idle=60)
    assert len(proxy.writes) == 1


async def test_no_command_is_applied_twice_when_the_connection_breaks_before_its_reply(
    connection: PipelinedConnection, proxy: Proxy, shared_store_server: StoreServer
) -> None:
    for trial in range(20):
        name = f"counter{trial}"
        proxy.lose_next_reply()
        with pytest.raises(RedisUnavailableError):
            await connection.execute("INCR", name)
        await connection.execute("PING")
        assert shared_store_server.command("GET", name) == "1"
    assert b"".join(proxy.writes).count(b"INCR") == 20


async def test_a_commit_whose_reply_was_lost_is_an_error_and_was_written_once(
    store: RedisStore, proxy: Proxy
) -> None:
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    await store.commit(key, 1, DATA)
    proxy.lose_next_reply()
    with pytest.raises(StoreUnavailableError):
        await store.commit(key, 2, OTHER)
    found = live(await store.load(key))
    assert (found.data, found.version) == (OTHER, 3)


async def test_all_client_under_way_fail_with_the_connection_and_none_hangs(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    proxy.lose_next_reply()
    calls = [connection.execute("INCR", f"under-way-{n}") for n in range(100)]
    answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 1.0)
    assert {type(answer) for answer in answers} == {RedisUnavailableError}
    assert await connection.execute("ECHO", "next") == b"next"


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff\x00", b"$x\r\n"]
)
async def test_a_reply_that_does_not_parse_is_an_error_and_the_next_command_connects_anew(
    connection: PipelinedConnection, proxy: Proxy, garbage: bytes
) -> None:
    proxy.answer_next_with(garbage)
    with pytest.raises(RedisUnavailableError):
        await connection.execute("ECHO", "one")
    assert await connection.execute("ECHO", "two") == b"two"


async def test_a_second_reply_to_one_command_never_answers_another(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    proxy.answer_next_with(b"$3\r\none\r\n$3\r\nbad\r\n")
    assert await connection.execute("ECHO", "one") == b"one"
    await eventually(lambda: connection._connection is None)
    assert await connection.execute("ECHO", "two") == b"two"


async def test_thousands_of_cancelled_callers_mix_up_no_replies(
    connection: PipelinedConnection,
) -> None:
    chance = random.Random(2)

    async def echo(number: int) -> bool:
        return int(await connection.execute("ECHO", number)) == number

    cancelled = 0
    for round_ in range(60):
        calls = [asyncio.create_task(echo(round_ * 1000 + n)) for n in range(100)]
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        cancelled += sum(call.cancel() for call in calls if chance.random() < 0.6)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert all(
            answer is True or isinstance(answer, asyncio.CancelledError) for answer in answers
        )
    assert cancelled > 3000


async def test_a_command_that_was_cancelled_before_it_left_is_not_sent(
    connection: PipelinedConnection, proxy: Proxy
) -> None:
    call = connection.execute("INCR", "never")
    call.cancel()
    await connection.execute("PING")
    assert b"never" not in b"".join(proxy.writes)


async def test_what_is_under_way_fails_when_the_connection_is_closed(
    connection: PipelinedConnection,
) -> None:
    calls = [connection.execute("ECHO", n) for n in range(10)]
    await connection.aclose()
    answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 1.0)
    assert {type(answer) for answer in answers} == {RedisUnavailableError}


class _SwallowsACancel(PipelinedConnection):
    """Connects as where `asyncio.wait_for` swallows a cancel: before Python 3.12, now and then."""

    async def connect(self) -> AbstractConnection:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(HOUR)
        return await super().connect()


async def test_a_cancel_that_is_swallowed_while_it_connects_still_ends_it(
    valkey: StoreServer,
) -> None:
    made = connect(valkey.url)
    assert isinstance(made, PipelinedConnection)
    connection = _SwallowsACancel(made.new_connection, timeout=HOUR)
    reply = connection.execute("PING")
    await asyncio.sleep(0)  # now it connects

    task = connection._task
    assert task is not None
    task.cancel()  # once, as asyncio.run does in the end
    done, _ = await asyncio.wait([task], timeout=5)
    reply.cancel()
    await connection.aclose()
    assert done


@pytest.mark.parametrize("seed", range(3))
async def test_closing_and_reconnecting_amid_commands_gives_nobody_anothers_reply(
    shared_store_server: StoreServer, seed: int
) -> None:
    connection = connect(shared_store_server.url)
    assert isinstance(connection, PipelinedConnection)
    chance, over = random.Random(seed), False

    async def ask(caller: int) -> None:
        number = 0
        while not over:
            number += 1
            mine = b"%d of %d" % (number, caller)
            with suppress(RedisUnavailableError):
                assert await connection.execute("ECHO", mine) == mine
            await asyncio.sleep(0)

    async def close_and_reconnect() -> None:
        closing = asyncio.create_task(connection.aclose())
        await asyncio.sleep(0)
        connection.reconnect()
        await closing

    asking = [asyncio.create_task(ask(caller)) for caller in range(10)]
    for _ in range(200):
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        await chance.choice((connection.aclose, close_and_reconnect))()
    over = True
    await asyncio.gather(*asking)
    await connection.aclose()


async def test_what_comes_behind_the_refusal_of_a_former_master_breaks_nothing(
    own_store_server: StoreServer,
) -> None:
    """The refusal has the connection dropped, in the midst of the replies that came in one piece."""
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: errors.append(about))
    connection = connect(own_store_server.url)
    await connection.execute("PING")
    own_store_server.command("REPLICAOF", "127.0.0.1", 1)
    writes = [connection.execute("SET", "key", number) for number in range(5)]
    found = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(each, RedisClientError) for each in found)
    own_store_server.command("REPLICAOF", "NO", "ONE")
    assert await connection.execute("SET", "key", 1)
    assert errors == []
    await connection.aclose()
