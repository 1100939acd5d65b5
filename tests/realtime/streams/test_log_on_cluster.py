"""RedisStreamLog keeps the contract on a Redis Cluster: all of one session's streams are in one slot."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.realtime.streams.log import StreamLog
from app.realtime.streams.redis import RedisStreamLog
from app.redis.url import connect
from tests.realtime.streams.contract import LIMITS, Advance, StreamLogContract
from tests.support.clock import ServerClock
from tests.support.cluster import Cluster, redis_cluster

pytestmark = pytest.mark.xdist_group("streams_on_cluster")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three masters, for all tests of this file."""
    with redis_cluster() as cluster:
        yield cluster


class TestRedisStreamLogOnCluster(StreamLogContract):
    @pytest.fixture
    async def log(self, cluster: Cluster) -> AsyncIterator[StreamLog]:
        client = connect(cluster.url)
        yield RedisStreamLog(client, limits=LIMITS)
        await client.aclose()

    @pytest.fixture
    def advance(self, cluster: Cluster) -> Advance:
        return ServerClock(cluster.servers[0]).advance
