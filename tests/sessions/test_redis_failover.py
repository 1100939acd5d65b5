"""Failovers behind Sentinels: no acknowledged write is lost, and all connections move together."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from app import RedisStore
from app.redis.client import RedisClient
from app.redis.replication import Replication, parse_replication
from app.redis.sentinel import SentinelConnection
from app.redis.url import connect, connect_together
from app.sessions import StoreUnavailableError
from app.testing.contracts.store_base import DATA, HOUR, OTHER, live, new_key
from tests.support.cluster import redis_cluster
from tests.support.eventually import eventually
from tests.support.sentinel import SERVICE, Watched, watched_servers
from tests.support.servers import StoreServer

MOVED_WITHIN = 1.0


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A master, two replicas and three Sentinels, for this test alone."""
    with watched_servers(replicas=2) as watched:
        yield watched


@pytest.fixture
async def links(watched: Watched) -> AsyncIterator[list[RedisClient]]:
    """The three connections of a node, which bear a name at the server."""
    url = f"{watched.url}?wait_replicas=1&client_name=mooring-test"
    links = connect_together(url, 0.9, 1.9, 0.9)
    yield links
    for link in links:
        await link.aclose()


@pytest.fixture
async def store(links: list[RedisClient]) -> RedisStore:
    return RedisStore(links[0])


async def write(store: RedisStore, acknowledged: list[str]) -> bool:
    """Create a session; note its key if that was acknowledged."""
    key = new_key()
    try:
        await store.create(key, DATA, idle=60, absolute=HOUR)
    except StoreUnavailableError:
        return False
    acknowledged.append(key)
    return True


async def test_a_planned_failover_loses_no_write_that_was_acknowledged(
    watched: Watched, store: RedisStore
) -> None:
    acknowledged: list[str] = []
    old, stopping = watched.master, asyncio.Event()

    async def go_on() -> None:
        while not stopping.is_set():
            await write(store, acknowledged)
            await asyncio.sleep(0.01)  # what is written is looked through in the end

    writers = [asyncio.create_task(go_on()) for _ in range(10)]
    await eventually(lambda: len(acknowledged) > 100, within=10.0)
    watched.sentinels[0].command("SENTINEL", "FAILOVER", SERVICE)
    await eventually(lambda: watched.master is not old, within=20.0)
    before = len(acknowledged)
    await eventually(lambda: len(acknowledged) > before + 100, within=20.0)
    stopping.set()
    await asyncio.gather(*writers)

    found = await store.load_many(acknowledged)
    assert None not in found


async def test_all_connections_of_a_node_move_within_a_second_also_those_that_only_wait(
    watched: Watched, links: list[RedisClient]
) -> None:
    commands, reader, listener = links
    await commands.execute("SET", "a", 1)
    await listener.execute("SUBSCRIBE", "somewhere")
    reading = reader.execute("XREAD", "BLOCK", 1500, "STREAMS", "stream", "$")
    old = watched.master
    await eventually(lambda: named_clients(old) == 3)

    watched.sentinels[0].command("SENTINEL", "FAILOVER", SERVICE)
    await eventually(lambda: watched.sentinels[0].master_port() != old.port, within=20.0)
    began = time.monotonic()
    await asyncio.wait_for(listener.lost(), MOVED_WITHIN)
    await asyncio.gather(reading, return_exceptions=True)
    await eventually(lambda: named_clients(old) == 0, within=MOVED_WITHIN)
    assert time.monotonic() - began < MOVED_WITHIN + 0.5

    await listener.execute("SUBSCRIBE", "somewhere")
    await reader.execute("XLEN", "stream")
    assert await commands.execute("GET", "a") == b"1"
    new = next(each for each in watched.servers if each.port == watched.sentinels[0].master_port())
    assert named_clients(new) == 3


def named_clients(server: StoreServer) -> int:
    return str(server.command("CLIENT", "LIST")).count("name=mooring-test ")


async def test_a_write_waits_for_each_replica_that_may_be_promoted(
    watched: Watched, store: RedisStore
) -> None:
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    hung, _ = watched.replicas
    hung.pause()
    with pytest.raises(StoreUnavailableError, match="too few replicas"):
        await store.commit(key, 1, OTHER)
    assert live(await store.load(key, idle=60)).version == 2, "reads go on"
    hung.resume()


async def test_a_replica_that_is_gone_is_waited_for_no_longer_than_it_takes_to_know(
    watched: Watched, store: RedisStore
) -> None:
    acknowledged: list[str] = []
    gone, _ = watched.replicas
    assert await write(store, acknowledged)
    gone.kill()
    await eventually(lambda: write(store, acknowledged), within=5.0)

    gone.start()  # and what it has to fetch first holds nobody up
    began = time.monotonic()
    await eventually(lambda: write(store, acknowledged), within=2.0)
    assert time.monotonic() - began < 2.0
    await eventually(lambda: store_waits_for(store, 2), within=15.0)


def store_waits_for(store: RedisStore, replicas: int) -> bool:
    client = store._client
    assert isinstance(client, SentinelConnection)
    return client.required_replicas() == replicas


async def test_without_wait_replicas_no_write_waits(watched: Watched) -> None:
    for replica in watched.replicas:
        replica.pause()
    store = RedisStore(connect(watched.url))
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    await store.aclose()
    for replica in watched.replicas:
        replica.resume()


def test_what_a_master_says_of_its_replicas_is_read() -> None:
    text = (
        b"# Replication\r\nrole:master\r\nconnected_slaves:2\r\nmin_slaves_good_slaves:1\r\n"
        b"slave0:ip=10.0.0.1,port=6379,state=online,offset=1,lag=0\r\n"
        b"slave1:ip=fe80::1,port=6380,state=wait_bgsave,offset=0,lag=1\r\n"
        b"slave_repl_offset:3\r\nmaster_failover_state:no-failover\r\n"
    )
    found = parse_replication(text)
    online, syncing = frozenset({("10.0.0.1", 6379)}), frozenset({("fe80::1", 6380)})
    assert found == Replication(True, online, syncing, guarded=True)
    assert not parse_replication(b"role:slave\r\nslave0:\r\nslave1:port=x\r\n\xff").is_master


SETUPS: dict[str, tuple[str, int, str]] = {
    "no wait": ("", 0, "has no min-replicas-to-write"),
    "a guarded master, but no wait": ("", 1, "REDIS_URL has no wait_replicas"),
    "as many replicas as are waited for": ("?wait_replicas=2", 0, "while one of them is missing"),
    "one that keeps all promises": ("?wait_replicas=1", 0, ""),
}


async def test_a_setup_that_cannot_keep_the_promises_is_warned_about_once(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for name, (options, guarded, warning) in SETUPS.items():
        caplog.clear()
        watched.master.command("CONFIG", "SET", "min-replicas-to-write", guarded)
        links = connect_together(f"{watched.url}{options}", 0.9, 0.9, 0.9)
        for _ in range(2):
            await asyncio.gather(*(link.execute("PING") for link in links))
        for link in links:
            await link.aclose()
        said = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert len(said) == bool(warning), (name, said)
        assert warning in "".join(said)


async def test_a_cluster_without_wait_replicas_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_cluster(masters=1, replicas=1) as cluster:
        for options, warning in (("", "no wait_replicas"), ("?wait_replicas=1", "one of them")):
            caplog.clear()
            links = connect_together(f"{cluster.url}{options}", 0.9, 0.9, 0.9)
            await asyncio.gather(*(link.execute("GET", "a") for link in links))
            await asyncio.gather(*(link.execute("GET", "b") for link in links))
            await eventually(lambda: caplog.records)
            for link in links:
                await link.aclose()
            [said] = [each.getMessage() for each in caplog.records]
            assert warning in said
