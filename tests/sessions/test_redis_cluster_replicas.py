"""RedisStore on a Cluster whose masters have replicas that writes wait for."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest

from app import RedisStore
from app.redis.client import RedisClient
from app.redis.errors import RedisClientError
from app.redis.url import connect
from app.sessions import StoreUnavailableError
from app.sessions.stores.redis import record_key
from app.testing.contracts.store_base import DATA, HOUR, committed, live
from tests.support.cluster import Cluster, redis_cluster
from tests.support.eventually import eventually

pytestmark = pytest.mark.xdist_group("redis_cluster_replicas")

TOGETHER = 20
TIMES = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three masters with a replica each."""
    with redis_cluster(replicas=1) as cluster:
        yield cluster


async def test_sessions_of_a_slot_that_moves_are_read_and_written_amid_other_writes(
    cluster: Cluster,
) -> None:
    """ASKING is about the next command: it must not leave before a write that is held up by a WAIT."""
    store = RedisStore(connect(f"{cluster.url}?wait_replicas=1"))
    rng = random.Random(7)
    target, source, _ = cluster.masters
    moving = cluster.key_on(source)
    beside = [cluster.key_on(target) for _ in range(TOGETHER)]
    for key in (moving, *beside):
        await eventually(partial(_create, store, key), within=10.0)
    cluster.begin_to_move(record_key(moving), target)
    target.command("CONFIG", "RESETSTAT")

    async def use(key: str) -> int:
        acknowledged = 0
        for _ in range(TIMES):
            for _ in range(rng.randrange(20)):  # or all would write in one turn of the event loop
                await asyncio.sleep(0)
            version = live(await store.load(key)).version
            with suppress(StoreUnavailableError):  # the replicas of a busy machine may be too slow
                committed(await store.commit(key, version, DATA))
                acknowledged += 1
        return acknowledged

    acknowledged = await asyncio.gather(use(moving), *map(use, beside))
    assert all(acknowledged)
    assert "errorstat_MOVED" not in str(target.command("INFO", "errorstats"))
    await store.aclose()


async def test_connections_to_a_master_that_has_left_are_forgotten(cluster: Cluster) -> None:
    """One that nobody uses is not connected: the client would count as one that has lost something."""
    client = connect(cluster.url)
    names = [cluster.key_on(each) for each in cluster.masters]
    await asyncio.gather(*(client.execute("GET", name) for name in names))
    assert client.connected

    cluster.masters[0].kill()
    await eventually(partial(_all_answer, client, names), within=20.0)
    assert client.connected
    await client.aclose()


async def _all_answer(client: RedisClient, names: list[str]) -> bool:
    try:
        await asyncio.gather(*(client.execute("GET", name) for name in names))
    except RedisClientError:
        return False
    return True


async def _create(store: RedisStore, key: str) -> bool:
    """Whether there is a session now; the replicas of a busy machine may be too slow at first."""
    try:
        if await store.load(key) is None:
            await store.create(key, DATA, idle=60, absolute=HOUR)
    except StoreUnavailableError:
        return False
    return True
