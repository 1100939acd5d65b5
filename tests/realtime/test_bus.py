"""Every bus keeps the contract."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.realtime.bus import Bus, MemoryBus
from app.realtime.bus_redis import RedisBus
from app.sessions.redis_url import connect
from tests.contracts.bus_contract import KEPT, BusContract, Disaster, ServerBusContract
from tests.support.servers import STORE_SERVERS, StoreServer, store_server

READER_TIMEOUT = 2.0


class TestMemoryBus(BusContract):
    @pytest.fixture
    def bus(self) -> Bus:
        return MemoryBus(kept=KEPT)


class Harm(Disaster):
    """A durable server can be killed and hung, and be emptied."""

    def __init__(self, server: StoreServer) -> None:
        self._server = server

    async def cut(self) -> None:
        self._server.drop_clients()

    async def kill(self) -> None:
        self._server.kill()

    async def hang(self) -> None:
        self._server.pause()

    async def recover(self) -> None:
        self._server.resume_or_start()

    async def recover_empty(self) -> None:
        self._server.kill()
        self._server.start()
        self._server.flush()


@pytest.fixture(scope="module", params=STORE_SERVERS)
def durable(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """Valkey and Redis in turn, which keep their data over a restart."""
    with store_server(request.param, durable=True) as server:
        yield server


class TestRedisBus(ServerBusContract):
    @pytest.fixture
    async def bus(self, durable: StoreServer) -> AsyncIterator[Bus]:
        commands = connect(durable.url)
        bus = RedisBus(commands, connect(durable.url, timeout=READER_TIMEOUT), kept=KEPT)
        yield bus
        await bus.aclose()
        await commands.aclose()

    @pytest.fixture
    async def disaster(self, durable: StoreServer) -> AsyncIterator[Disaster]:
        yield Harm(durable)
        durable.resume_or_start()
