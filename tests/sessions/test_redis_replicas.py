"""`wait_replicas`: a write is acknowledged when replicas have it, and reads are not held up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import redis

from app import RedisStore
from app.redis.connection import PipelinedConnection
from app.redis.errors import RedisUnavailableError
from app.redis.url import connect
from app.sessions import EndReason, Gone, StoreUnavailableError
from app.sessions.stores.answers import Answer, Once
from app.sessions.stores.redis_caller import answers_key, record_key
from app.testing.contracts.store_base import DATA, HOUR, OTHER, live, new_key
from tests.support.eventually import eventually
from tests.support.servers import BINARIES, STORE_SERVERS, StoreServer


@pytest.fixture(params=STORE_SERVERS)
def binary(request: pytest.FixtureRequest) -> str:
    """The program of a server."""
    return BINARIES[str(request.param)]()


@pytest.fixture
def master(binary: str) -> Iterator[StoreServer]:
    """A master for this test alone."""
    server = StoreServer(binary, more=["--repl-diskless-sync-delay", "0"])
    yield server.start()
    server.close()


@pytest.fixture
async def replica(binary: str, master: StoreServer) -> AsyncIterator[StoreServer]:
    """A replica of it that has caught up."""
    server = StoreServer(binary, more=["--replicaof", f"127.0.0.1 {master.port}"])
    server.start()
    # By its own word it is there before the master counts it.
    await eventually(lambda: "'online'" in str(master.command("INFO", "replication")), within=10.0)
    await eventually(lambda: has_followed(master), within=10.0)
    yield server
    server.close()


def has_followed(master: StoreServer) -> bool:
    """Whether the replica acknowledges a write as quickly as it will have to."""
    with redis.Redis.from_url(master.url) as client:
        client.set("followed", 1)
        return bool(client.execute_command("WAIT", 1, 100))


@pytest.fixture
async def connection(master: StoreServer) -> AsyncIterator[PipelinedConnection]:
    connection = connect(f"{master.url}?wait_replicas=1")
    assert isinstance(connection, PipelinedConnection)
    yield connection
    await connection.aclose()


async def test_a_write_is_acknowledged_when_the_replica_has_it(
    connection: PipelinedConnection, replica: StoreServer
) -> None:
    store = RedisStore(connection)
    for _ in range(20):
        key = new_key()
        await store.create(key, DATA, idle=60, absolute=HOUR)
        assert replica.command("EXISTS", f"mooring:session:{{{key}}}") == 1


async def test_a_write_that_no_replica_has_is_in_doubt_and_reads_go_on(
    connection: PipelinedConnection, replica: StoreServer
) -> None:
    store, key = RedisStore(connection), new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    replica.pause()

    with pytest.raises(StoreUnavailableError, match="too few replicas"):
        await store.commit(key, 1, OTHER)
    [found] = await store.load_many([key])
    assert live(found).version == 2
    with pytest.raises(StoreUnavailableError):
        await store.ping()  # so that a node says that it is not ready

    replica.resume()
    await store.ping()
    await store.commit(key, 2, DATA)


Verb = Callable[[RedisStore, str], Awaitable[object]]


async def _end(store: RedisStore, key: str) -> object:
    return await store.end(key, EndReason.LOGOUT, keep=60)


async def _commit_once(store: RedisStore, key: str) -> object:
    return await store.commit_once(key, 1, OTHER, Once("once", b"answer"))


async def _swap_answer(store: RedisStore, key: str) -> object:
    return await store.swap_answer(key, "once", b"answer")


async def _read_answer(store: RedisStore, key: str) -> object:
    return await store.read_answer(key, "once")


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        (_end, _end, Gone),
        (_commit_once, _commit_once, Answer),
        (_swap_answer, _swap_answer, Answer),
        (_commit_once, _read_answer, Answer),
    ],
)
async def test_what_is_in_doubt_is_not_acknowledged_by_a_second_try_before_replicas_have_it(
    master: StoreServer,
    connection: PipelinedConnection,
    replica: StoreServer,
    first: Verb,
    second: Verb,
    answer: type,
) -> None:
    """The second try has nothing to write, and WAIT, on Valkey, waits for what its own client wrote."""
    store, key = RedisStore(connection), new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    replica.pause()
    other = connect(f"{master.url}?wait_replicas=1")
    for verb, each in ((first, store), (second, RedisStore(other)), (second, store)):
        with pytest.raises(StoreUnavailableError, match="too few replicas"):
            await verb(each, key)
    replica.resume()
    await eventually(lambda: _took(connection))
    assert isinstance(await second(RedisStore(other), key), answer)
    name = record_key(key) if first is _end else answers_key(key)
    assert replica.command("EXISTS", name) == 1
    await other.aclose()


async def test_a_read_in_the_same_write_as_a_write_does_not_wait_for_its_replicas(
    connection: PipelinedConnection, replica: StoreServer
) -> None:
    await connection.execute("GET", "name")
    replica.pause()
    loop = asyncio.get_running_loop()
    began = loop.time()

    written, read = connection.execute("SET", "name", "other"), connection.execute("GET", "name")

    assert await read == b"other"
    assert loop.time() - began < 0.4
    with pytest.raises(RedisUnavailableError):
        await written
    replica.resume()


async def test_reads_go_on_amid_writes_that_no_replica_has(
    connection: PipelinedConnection, replica: StoreServer
) -> None:
    """WAIT blocks its connection: a read behind those of many writes would not be answered in time."""
    await eventually(lambda: _took(connection))
    replica.pause()
    writes, reads = [], []
    for _ in range(20):
        writes.append(connection.execute("INCR", "name"))
        await asyncio.sleep(0)
        reads.append(connection.execute("GET", "name"))
        await asyncio.sleep(0)

    assert all(reply.isdigit() for reply in await asyncio.gather(*reads))
    for write in writes:
        with pytest.raises(RedisUnavailableError, match="too few replicas"):
            await write
    replica.resume()
    await eventually(lambda: _took(connection))


async def test_writes_follow_one_after_another_when_replicas_are_there(
    connection: PipelinedConnection, replica: StoreServer
) -> None:
    await eventually(lambda: _took(connection))
    writes = []
    for _ in range(200):
        writes.append(connection.execute("INCR", "name"))
        await asyncio.sleep(0)
    assert await asyncio.gather(*writes) == list(range(1, 201))
    assert replica.command("GET", "name") == "200"


async def test_a_subscribed_connection_is_not_dropped(
    connection: PipelinedConnection, master: StoreServer, replica: StoreServer
) -> None:
    await connection.execute("SUBSCRIBE", "somewhere")
    replica.pause()
    await connection.execute("SUBSCRIBE", "somewhere")

    assert master.command("PUBSUB", "NUMSUB", "somewhere") == ["somewhere", 1]
    assert connection.connected
    replica.resume()


async def test_all_writes_of_a_batch_fail_with_the_connection_while_their_replies_are_held(
    connection: PipelinedConnection, master: StoreServer, replica: StoreServer
) -> None:
    await eventually(lambda: _took(connection))
    replica.pause()
    writes = [connection.execute("INCR", "name") for _ in range(10)]
    await eventually(lambda: master.command("GET", "name") == "10")
    master.drop_clients()

    answers = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 1.0)

    assert {type(answer) for answer in answers} == {RedisUnavailableError}
    replica.resume()


async def _took(connection: PipelinedConnection) -> bool:
    """Whether a write got to the replica in time; on a busy machine the first may be too slow."""
    try:
        return bool(await connection.execute("SET", "name", 0))
    except RedisUnavailableError:
        return False
