"""Buses, relays and presence in one event loop after another."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from app.realtime.bus.base import Bus, MemoryBus
from app.realtime.bus.messages import EmitMessage, Message
from app.realtime.bus.redis import WAIT, RedisBus
from app.realtime.bus.relay import BusRelay
from app.realtime.redis_presence import RedisPresence
from app.redis.url import TIMEOUT, connect
from app.testing.contracts.store_base import new_key
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

LOOPS = 3

NewBus = Callable[[], Bus]


pytestmark = pytest.mark.slow


@pytest.fixture(params=["memory", "redis"])
def new_bus(request: pytest.FixtureRequest, valkey: StoreServer) -> NewBus:
    """Return the bus of one more node; those of the memory bus share it."""
    if request.param == "memory":
        bus = MemoryBus()
        return lambda: bus
    return lambda: RedisBus(connect(valkey.url), connect(valkey.url, timeout=WAIT + TIMEOUT))


def test_a_bus_is_read_on_in_the_next_event_loop(new_bus: NewBus) -> None:
    bus = new_bus()

    async def publish_and_wait_for_more(number: int) -> None:
        offset = await bus.tail()
        await bus.publish("here", number, b"")
        batch = await bus.read(offset)
        assert [entry.sequence for entry in batch.entries] == [number]
        # A read that waits when its loop ends.
        reading = asyncio.create_task(bus.read(batch.offset))
        await asyncio.wait([reading], timeout=0.05)

    for number in range(LOOPS):
        asyncio.run(publish_and_wait_for_more(number))
    asyncio.run(_close(bus))
    gc.collect()


async def _close(bus: Bus) -> None:
    await bus.aclose()
    if isinstance(bus, RedisBus):
        await bus._client.aclose()


class Node:
    """A relay that records what it receives."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus = bus
        self.received: list[Message] = []
        self.joined = False
        self.relay = BusRelay(bus, self._deliver, self._on_gap, node=name)

    async def _deliver(self, message: Message) -> None:
        self.received.append(message)

    async def _on_gap(self) -> None:
        self.joined = True


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "left as they are"])
def test_relays_exchange_messages_in_one_event_loop_after_another(
    new_bus: NewBus, closed: bool
) -> None:
    one, other = Node(new_bus(), "one"), Node(new_bus(), "other")

    async def close() -> None:
        await asyncio.gather(one.relay.aclose(), other.relay.aclose())

    async def exchange(version: int) -> None:
        for node in (one, other):
            node.joined = False
            node.relay.start()
        await eventually(lambda: one.joined and other.joined)
        one.relay.send(_state(version))
        other.relay.send(_state(version))
        await eventually(lambda: len(one.received) == len(other.received) == version)
        if closed:
            await close()

    for version in range(1, LOOPS + 1):
        asyncio.run(exchange(version))
    expected = [_state(version) for version in range(1, LOOPS + 1)]
    assert one.received == other.received == expected
    asyncio.run(close())
    for node in (one, other):
        asyncio.run(_close(node.bus))
    gc.collect()


def _state(version: int) -> EmitMessage:
    return EmitMessage(key="0" * 64, version=version, event="current count", value=version)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "left as it is"])
def test_presence_counts_in_one_event_loop_after_another(valkey: StoreServer, closed: bool) -> None:
    key = new_key()
    clients = [connect(valkey.url) for _ in range(4)]
    here = RedisPresence(clients[0], clients[1], node="here", lifetime=60)
    there = RedisPresence(clients[2], clients[3], node="there", lifetime=60)

    async def count(sockets: int) -> None:
        here.start()
        there.publish_count(key, 9)  # it is not alive, so it does not count
        here.publish_count(key, sockets)

        async def counted() -> bool:
            return await there.count_remote(key) == sockets

        await eventually(counted)
        assert await here.count_remote(key) == 0
        if closed:
            await here.aclose()
            await there.aclose()

    for sockets in range(1, LOOPS + 1):
        asyncio.run(count(sockets))

    async def close() -> None:
        await here.aclose()
        await there.aclose()
        for client in clients:
            await client.aclose()

    asyncio.run(close())
    gc.collect()


async def test_buses_and_presences_of_two_prefixes_do_not_see_each_other(
    valkey: StoreServer,
) -> None:
    key = new_key()
    client, reader, listener = (connect(valkey.url, timeout=WAIT + TIMEOUT) for _ in range(3))
    mine, other = (RedisBus(client, reader, prefix=prefix) for prefix in ("mooring", "shop"))
    offset = await mine.tail()
    await other.publish("there", 1, b"other")
    await mine.publish("here", 1, b"mine")
    assert [entry.payload for entry in (await mine.read(offset)).entries] == [b"mine"]

    alive = RedisPresence(client, listener, node="there", lifetime=60, prefix="shop")
    alive.start()
    alive.publish_count(key, 3)
    same, foreign = (
        RedisPresence(client, listener, node="here", lifetime=60, prefix=prefix)
        for prefix in ("shop", "mooring")
    )

    async def counted() -> bool:
        return await same.count_remote(key) == 3

    await eventually(counted)
    assert await foreign.count_remote(key) == 0
    of_shop = {"shop:bus", "shop:counted:there", "shop:nodes", f"shop:sockets:{key}"}
    assert set(valkey.keys()) == {"mooring:bus", *of_shop}
    await alive.aclose()
    await client.aclose()
    await reader.aclose()
