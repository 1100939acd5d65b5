"""The bus keeps its contract on a Redis Cluster, also when its slot moves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from app.realtime.bus.base import Bus, Offset
from app.realtime.bus.redis import WAIT, RedisBus
from app.redis.url import TIMEOUT, connect
from app.testing.contracts.bus import BusContract
from tests.support.bus_directory import EntersOnRedis
from tests.support.cluster import Cluster, redis_cluster
from tests.support.stores_in_process import PATIENCE

STREAM = "mooring:bus"
WAIT_AMID_A_MOVE = 0.8
"""What is left of P6's second for closing sockets."""

pytestmark = pytest.mark.xdist_group("bus_on_cluster")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three masters, for all tests of this file."""
    with redis_cluster() as cluster:
        yield cluster


@asynccontextmanager
async def _bus_on(cluster: Cluster, *, timeout: float = TIMEOUT) -> AsyncIterator[Bus]:
    client = connect(cluster.url, timeout=timeout)
    bus = RedisBus(client, connect(cluster.url, timeout=WAIT + TIMEOUT), maxlen=BusContract.maxlen)
    try:
        yield bus
    finally:
        await bus.aclose()
        await client.aclose()


class TestRedisBusOnCluster(EntersOnRedis, BusContract):
    """RedisBus is a Bus there, too."""

    @pytest.fixture
    async def bus(self, cluster: Cluster) -> AsyncIterator[Bus]:
        async with _bus_on(cluster, timeout=PATIENCE) as bus:
            yield bus


async def test_a_reader_that_waits_follows_the_stream_when_its_slot_moves(cluster: Cluster) -> None:
    async with _bus_on(cluster) as bus:
        await bus.publish("here", 1, b"before")
        offset = await bus.tail()
        reading = asyncio.create_task(_read_one(bus, offset))
        source = cluster.owner(STREAM)
        target = next(server for server in cluster.masters if server is not source)

        await asyncio.to_thread(cluster.begin_to_move, STREAM, target)
        await asyncio.to_thread(cluster.end_move, STREAM, target)
        await bus.publish("here", 2, b"after")

        assert cluster.owner(STREAM) is target
        assert await asyncio.wait_for(reading, 10.0) == b"after"


async def test_a_reader_that_waits_finds_a_stream_that_left_while_its_slot_is_half_migrated(
    cluster: Cluster,
) -> None:
    async with _bus_on(cluster) as bus:
        await bus.publish("here", 1, b"before")
        offset = await bus.tail()
        for _ in range(2):
            await bus.read(offset)  # the next read is not the first one
        source = cluster.owner(STREAM)
        target = next(server for server in cluster.masters if server is not source)
        reading = asyncio.create_task(_read_one(bus, offset))
        await asyncio.sleep(0.01)  # it waits
        await asyncio.to_thread(cluster.begin_to_move, STREAM, target)
        try:
            await bus.publish("here", 2, b"after")
            assert await asyncio.wait_for(reading, WAIT_AMID_A_MOVE) == b"after"
        finally:
            await asyncio.to_thread(cluster.end_move, STREAM, target)


async def _read_one(bus: Bus, offset: Offset) -> bytes:
    while True:
        batch = await bus.read(offset)
        assert not batch.gap
        if batch.entries:
            return batch.entries[0].payload
        offset = batch.offset
