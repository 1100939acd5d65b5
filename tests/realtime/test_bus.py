"""Every bus keeps the contract."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.realtime.bus.base import Bus, MemoryBus
from app.realtime.bus.redis import RedisBus
from app.redis.url import connect
from app.testing.contracts.bus import BusContract
from app.testing.contracts.bus_server import ServerBusContract, ServerFaults
from tests.support.addressed_bus import AddressedBus
from tests.support.bus_directory import EntersOnRedis
from tests.support.servers import STORE_SERVERS, StoreServer, store_server

pytestmark = pytest.mark.xdist_group("bus")

READER_TIMEOUT = 2.0


class TestMemoryBus(BusContract):
    @pytest.fixture
    def bus(self) -> Bus:
        return MemoryBus(maxlen=self.maxlen)


class TestAddressedBus(BusContract):
    """The bus that the relay's tests have is one, too."""

    @pytest.fixture
    def bus(self) -> Bus:
        return AddressedBus(kept=self.maxlen, wait=1.0)

    async def enter(self, bus: Bus, node: str, key: str) -> None:
        assert isinstance(bus, AddressedBus)
        bus.sockets[key].add(node)


class Faults(ServerFaults):
    """The faults of a durable server, which keeps its messages over a restart."""

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


class TestRedisBus(EntersOnRedis, ServerBusContract):
    @pytest.fixture
    async def bus(self, durable: StoreServer) -> AsyncIterator[Bus]:
        client = connect(durable.url)
        bus = RedisBus(client, connect(durable.url, timeout=READER_TIMEOUT), maxlen=self.maxlen)
        yield bus
        await bus.aclose()
        await client.aclose()

    @pytest.fixture
    async def faults(self, durable: StoreServer) -> AsyncIterator[ServerFaults]:
        yield Faults(durable)
        durable.resume_or_start()
