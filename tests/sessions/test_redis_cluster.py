"""RedisStore on a Cluster of three masters: the contract, and what becomes of slots and servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from app import RedisStore
from app.redis.client import RedisClient
from app.redis.cluster import ClusterClient
from app.redis.errors import RedisUnavailableError
from app.redis.url import connect
from app.sessions import EndReason, Record, StoreUnavailableError, Tombstone
from app.sessions.stores.redis import record_key
from app.testing.contracts.answers import AnswerStoreContract
from app.testing.contracts.store import AdvanceTime, StoreContract
from app.testing.contracts.store_base import DATA, HOUR, OTHER, committed, live, new_key
from app.testing.contracts.user_index import UserIndexContract
from tests.support.clock import ServerClock
from tests.support.cluster import Cluster, ClusterServer, redis_cluster
from tests.support.eventually import eventually

pytestmark = pytest.mark.xdist_group("redis_cluster")

SOON = 1.5
"""Seconds: the store's own second, and what a busy machine adds."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three masters, for all tests of this file; what one hangs it lets go on."""
    with redis_cluster() as cluster:
        yield cluster


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[RedisStore]:
    """A store that has read the map."""
    store = RedisStore(connect(cluster.url))
    await store.ping()
    yield store
    await store.aclose()


class TestContract(StoreContract, UserIndexContract, AnswerStoreContract):
    """RedisStore on a Cluster is a SessionStore."""

    @pytest.fixture
    async def store(self, cluster: Cluster) -> AsyncIterator[RedisStore]:
        store = RedisStore(connect(cluster.url))
        yield store
        await store.aclose()

    @pytest.fixture
    def advance_time(self, cluster: Cluster) -> AdvanceTime:
        return ServerClock(cluster.masters[0]).advance


def _another(cluster: Cluster, server: ClusterServer) -> ClusterServer:
    return next(each for each in cluster.masters if each is not server)


async def test_sessions_are_spread_over_all_servers_and_read_together(
    cluster: Cluster, store: RedisStore
) -> None:
    before = [server.command("DBSIZE") for server in cluster.masters]
    keys = [new_key() for _ in range(60)]
    await asyncio.gather(*(store.create(key, DATA, idle=60, absolute=HOUR) for key in keys))

    found = await store.load_many([*keys, new_key()])

    assert [isinstance(each, Record) for each in found] == [True] * 60 + [False]
    after = [server.command("DBSIZE") for server in cluster.masters]
    assert all(more > less for more, less in zip(after, before, strict=True))


async def test_a_slot_that_is_on_its_way_and_has_arrived_is_followed(
    cluster: Cluster, store: RedisStore
) -> None:
    key, fresh = new_key(), new_key()
    name = record_key(key)
    target = _another(cluster, cluster.owner(name))
    await store.create(key, DATA, idle=60, absolute=HOUR)

    cluster.begin_to_move(name, target)
    assert committed(await store.commit(key, 1, OTHER)).version == 2
    assert isinstance(await store.load(key, idle=60), Record)
    cluster.end_move(name, target)

    assert cluster.owner(name) is target
    assert committed(await store.commit(key, 2, DATA)).version == 3
    assert await store.load_many([key, fresh]) == [live((await store.load_many([key]))[0]), None]


async def test_an_end_leaves_a_tombstone_in_a_slot_whose_keys_have_yet_to_move(
    cluster: Cluster, store: RedisStore
) -> None:
    """What a script deletes there it may not write: it would break off, with nothing left of the session."""
    key = new_key()
    name = record_key(key)
    source = cluster.owner(name)
    await store.create(key, DATA, idle=60, absolute=HOUR)
    source.command("HSET", store._answers_name(key), "an id", "an answer")

    cluster.open_for_move(name, _another(cluster, source))
    assert committed(await store.end(key, EndReason.LOGOUT, keep=60)).version == 1
    assert await store.load(key) == Tombstone(EndReason.LOGOUT)


async def test_writes_during_a_move_are_each_done_once(cluster: Cluster, store: RedisStore) -> None:
    key = new_key()
    name = record_key(key)
    source = cluster.owner(name)
    version = (await store.create(key, DATA, idle=60, absolute=HOUR)).version

    async def write(times: int) -> None:
        nonlocal version
        for _ in range(times):
            version = committed(await store.commit(key, version, DATA)).version

    for target in (_another(cluster, source), source):
        move = asyncio.create_task(asyncio.to_thread(_move, cluster, name, target))
        while not move.done():
            await write(5)
        await move
    await write(1)

    assert live(await store.load(key)).version == version


def _move(cluster: Cluster, name: str, target: ClusterServer) -> None:
    cluster.begin_to_move(name, target)
    cluster.end_move(name, target)


async def test_a_server_that_hangs_is_an_error_within_a_second_and_the_others_serve_on(
    cluster: Cluster, store: RedisStore
) -> None:
    hung = cluster.masters[1]
    lost, kept = cluster.key_on(hung), cluster.key_on(cluster.masters[2])
    for key in (lost, kept):
        await store.create(key, DATA, idle=60, absolute=HOUR)
    hung.pause()
    try:
        failing = asyncio.gather(*(_time_to_fail(store, lost) for _ in range(20)))
        assert isinstance(await store.load(kept), Record)
        assert max(await failing) < SOON
        assert await _time_to_fail(store, lost) < SOON
    finally:
        hung.resume()

    assert isinstance(await eventually(lambda: _load(store, lost), within=10.0), Record)


async def _time_to_fail(store: RedisStore, key: str) -> float:
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        await store.load(key, idle=60)
    return time.monotonic() - began


async def _load(store: RedisStore, key: str) -> Record | None:
    try:
        return live(await store.load(key))
    except StoreUnavailableError:
        return None


async def test_a_cluster_of_which_nothing_answers_is_an_error_within_a_second_for_everybody(
    cluster: Cluster,
) -> None:
    store = RedisStore(connect(cluster.url))
    for server in cluster.masters:
        server.pause()
    try:
        times = await asyncio.gather(*(_time_to_fail(store, new_key()) for _ in range(50)))
        assert max(times) < SOON
    finally:
        for server in cluster.masters:
            server.resume()
    key = new_key()
    await eventually(lambda: _is_back(store), within=10.0)
    await store.create(key, DATA, idle=60, absolute=HOUR)
    await store.aclose()


async def _is_back(store: RedisStore) -> bool:
    try:
        await asyncio.gather(*(store.load(new_key()) for _ in range(20)))
    except StoreUnavailableError:
        return False
    return True


async def test_a_cluster_that_is_not_there_is_an_outage_and_no_other_error() -> None:
    store = RedisStore(connect("redis+cluster://127.0.0.1:1,127.0.0.1:2"))
    with pytest.raises(StoreUnavailableError):
        await store.load(new_key())
    with pytest.raises(StoreUnavailableError):
        await store.load_many([new_key() for _ in range(5)])
    await store.aclose()


async def test_a_lost_connection_of_long_ago_is_not_lost_again(cluster: Cluster) -> None:
    connection = connect(cluster.url)
    assert isinstance(connection, ClusterClient)
    for _ in range(20):
        await connection.execute("PUBSUB", "NUMSUB", new_key())
    for server in cluster.masters[:2]:
        server.drop_clients()
    await eventually(lambda: sum(each.connected for each in connection._connections.values()) == 1)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.lost(), 0.3)

    cluster.masters[2].drop_clients()
    await asyncio.wait_for(connection.lost(), 5.0)
    await connection.aclose()


async def test_what_is_under_way_fails_when_the_client_is_closed_and_no_connection_stays(
    cluster: Cluster,
) -> None:
    """Whatever it was about: connecting, reading the map, closing what it was read by, or the command."""
    name, was_done = f"closed-{new_key()[:8]}", False
    clients: list[RedisClient] = []
    while not was_done:
        client = connect(f"{cluster.url}?client_name={name}")
        calls = [client.execute("GET", new_key()) for _ in range(3)]
        for _ in clients:  # one turn of the event loop more each time
            await asyncio.sleep(0)
        was_done = all(call.done() for call in calls)
        await client.aclose()
        answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5.0)
        assert {type(each) for each in answers} <= {type(None), RedisUnavailableError}
        clients.append(client)
    await eventually(lambda: not any(_has_client(each, name) for each in cluster.masters))


def _has_client(server: ClusterServer, name: str) -> bool:
    return f"name={name} " in str(server.command("CLIENT", "LIST"))
