"""RedisStore on a Cluster whose masters have replicas that writes wait for."""

import asyncio
import random
from collections.abc import Iterator
from functools import partial

import pytest

from app import RedisStore
from app.redis.url import connect
from app.sessions import StoreUnavailableError
from app.sessions.stores.redis import record_key
from app.testing.contracts.store_base import DATA, HOUR, committed, live, new_key
from tests.support.cluster import Cluster, redis_cluster
from tests.support.eventually import eventually

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
    moving, target = new_key(), cluster.masters[0]
    while cluster.owner(record_key(moving)) is target:
        moving = new_key()
    beside = [key for key in (new_key() for _ in range(10 * TOGETHER)) if _is_of(cluster, key)]
    for key in (moving, *beside):
        await eventually(partial(_create, store, key), within=10.0)
    cluster.begin_to_move(record_key(moving), target)
    target.command("CONFIG", "RESETSTAT")

    async def use(key: str) -> int:
        version = 1
        for _ in range(TIMES):
            for _ in range(rng.randrange(20)):  # or all would write in one turn of the event loop
                await asyncio.sleep(0)
            assert live(await store.load(key)).version == version
            version = committed(await store.commit(key, version, DATA)).version
        return version

    versions = await asyncio.gather(use(moving), *map(use, beside[:TOGETHER]))
    assert versions == [1 + TIMES] * len(versions)
    assert "errorstat_MOVED" not in str(target.command("INFO", "errorstats"))
    await store.aclose()


def _is_of(cluster: Cluster, key: str) -> bool:
    return cluster.owner(record_key(key)) is cluster.masters[0]


async def _create(store: RedisStore, key: str) -> bool:
    """Whether there is a session now; the replicas of a busy machine may be too slow at first."""
    try:
        if await store.load(key) is None:
            await store.create(key, DATA, idle=60, absolute=HOUR)
    except StoreUnavailableError:
        await store.delete(key)
        return False
    return True
