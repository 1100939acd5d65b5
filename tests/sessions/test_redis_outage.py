"""RedisStore when its server dies, hangs, restarts or drops its clients."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app import RedisStore
from app.redis.connection import PipelinedConnection
from app.redis.url import connect
from app.sessions import EndReason, StoreUnavailableError
from app.testing.contracts.store_base import DATA, HOUR, OTHER, committed, live, new_key
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

VERBS: dict[str, Callable[[RedisStore], Awaitable[object]]] = {
    "create": lambda store: store.create(new_key(), DATA, idle=60, absolute=HOUR),
    "load": lambda store: store.load(new_key(), idle=60),
    "load_many": lambda store: store.load_many([new_key() for _ in range(1200)]),
    "commit": lambda store: store.commit(new_key(), 1, DATA),
    "end": lambda store: store.end(new_key(), EndReason.LOGOUT, keep=60),
    "delete": lambda store: store.delete(new_key()),
    "ping": lambda store: store.ping(),
}


@pytest.fixture
async def store(own_store_server: StoreServer) -> AsyncIterator[RedisStore]:
    """A store that is connected to a server of this test's own."""
    store = RedisStore.from_url(own_store_server.url)
    await store.ping()
    yield store
    await store.aclose()


async def _answers(store: RedisStore) -> bool:
    try:
        await store.ping()
    except StoreUnavailableError:
        return False
    return True


async def _time_to_fail(command: Awaitable[object]) -> float:
    """Await a command that fails, and return the seconds that it took."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        await asyncio.wait_for(command, 5.0)
    return time.monotonic() - began


async def _each_verb_fails_within_a_second(store: RedisStore) -> None:
    times = await asyncio.gather(*(_time_to_fail(verb(store)) for verb in VERBS.values()))
    assert max(times) < 1.0


async def test_a_dead_server_is_an_error_within_a_second_and_the_store_recovers(
    own_store_server: StoreServer, store: RedisStore
) -> None:
    own_store_server.kill()
    await _each_verb_fails_within_a_second(store)
    for verb in VERBS.values():
        assert await _time_to_fail(verb(store)) < 1.0
    own_store_server.restart()
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    assert committed(await store.commit(key, 1, OTHER)).version == 2


async def test_a_hung_server_is_an_error_within_a_second_and_the_store_recovers(
    own_store_server: StoreServer, store: RedisStore
) -> None:
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    own_store_server.pause()
    await _each_verb_fails_within_a_second(store)
    await _each_verb_fails_within_a_second(store)
    own_store_server.resume()
    await eventually(lambda: _answers(store))
    assert live(await store.load(key)).data == DATA


async def test_a_server_that_hangs_while_client_keep_coming_fails_each_within_a_second(
    own_store_server: StoreServer, store: RedisStore
) -> None:
    own_store_server.pause()

    async def late(after: float) -> float:
        await asyncio.sleep(after)
        return await _time_to_fail(store.load(new_key()))

    times = await asyncio.gather(*(late(n / 50) for n in range(100)))
    assert max(times) < 1.0
    own_store_server.resume()
    await eventually(lambda: _answers(store))


async def test_no_command_that_failed_in_a_hang_is_sent_again_after_it(
    own_store_server: StoreServer, store: RedisStore
) -> None:
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    own_store_server.pause()
    await _time_to_fail(store.commit(key, 1, OTHER))
    own_store_server.resume()
    await eventually(lambda: _answers(store))
    assert live(await store.load(key)).version <= 2


async def test_an_idle_connection_that_the_server_cut_is_replaced_at_the_next_command(
    own_store_server: StoreServer, store: RedisStore
) -> None:
    connection = store._client
    assert isinstance(connection, PipelinedConnection)
    for _ in range(20):
        await store.ping()
        own_store_server.drop_clients()
        await asyncio.wait_for(connection.lost(), 1.0)
        await store.ping()


async def test_a_restart_between_two_client_goes_unnoticed(
    own_store_server: StoreServer, store: RedisStore
) -> None:
    connection = store._client
    assert isinstance(connection, PipelinedConnection)
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    own_store_server.restart()
    await asyncio.wait_for(connection.lost(), 1.0)
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)


async def test_an_outage_is_logged_once_and_so_is_its_end(
    own_store_server: StoreServer, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    own_store_server.kill()
    for _ in range(5):
        await _time_to_fail(store.ping())
    own_store_server.restart()
    await store.ping()
    await store.ping()
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in told] == ["ERROR", "WARNING"]
    assert told[0][1].startswith("redis connection lost: ")
    assert told[1][1] == "redis connection restored"


async def test_a_read_only_server_is_an_error_and_is_left_for_the_new_master(
    own_store_server: StoreServer,
) -> None:
    connection = connect(own_store_server.url)
    assert isinstance(connection, PipelinedConnection)
    store = RedisStore(connection)
    await store.ping()
    to_the_old_one = connection._connection
    own_store_server.command("REPLICAOF", "127.0.0.1", 1)
    await _time_to_fail(store.create(new_key(), DATA, idle=60, absolute=HOUR))
    own_store_server.command("REPLICAOF", "NO", "ONE")
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    assert connection._connection is not to_the_old_one
    await store.aclose()
