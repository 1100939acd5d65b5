"""Every StreamLog keeps the contract."""

from collections.abc import AsyncIterator

import pytest

from app.realtime.streams.log import StreamLog
from app.realtime.streams.memory import MemoryStreamLog
from app.realtime.streams.redis import RedisStreamLog
from app.redis.url import connect
from tests.realtime.streams.contract import LIMITS, Advance, StreamLogContract
from tests.support.clock import Clock, ServerClock
from tests.support.servers import StoreServer


class TestMemoryStreamLog(StreamLogContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def log(self, clock: Clock) -> StreamLog:
        return MemoryStreamLog(LIMITS, clock)

    @pytest.fixture
    def advance(self, clock: Clock) -> Advance:
        return clock.advance


class TestRedisStreamLog(StreamLogContract):
    @pytest.fixture
    async def log(self, shared_store_server: StoreServer) -> AsyncIterator[StreamLog]:
        client = connect(shared_store_server.url)
        yield RedisStreamLog(client, limits=LIMITS)
        await client.aclose()

    @pytest.fixture
    def advance(self, shared_store_server: StoreServer) -> Advance:
        return ServerClock(shared_store_server).advance
