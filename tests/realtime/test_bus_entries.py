"""Entries of the stream that no node has written: readers pass over them, and read on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.realtime.bus.messages import EmitMessage, Message, write, write_state
from app.realtime.bus.redis import WAIT, RedisBus
from app.realtime.bus.relay import BusRelay
from app.realtime.redis_presence import RedisPresence
from app.redis.url import TIMEOUT, connect
from tests.support.eventually import PATIENCE, eventually
from tests.support.servers import StoreServer

KEY = "a" * 64
GOOD = write(EmitMessage(key=KEY, version=7, event="e", value=1))
FIELDS = [b"o", b"n", b"m", b"", b"x"]
VALUES = [
    *(b"other", b"1" * 4300, b"-1", b"1.5", b"\xff\xfe", b"", b"{}", b'{"kind":"ended"}'),
    b'{"kind":"tell","key":"%s","version":%s,"event":"e","value":1}' % (b"a" * 64, b"9" * 4300),
    b"[" * 5000,
    GOOD,
]


class Reader:
    """A node that notes what arrives."""

    def __init__(self, server: StoreServer) -> None:
        self.client = connect(server.url)
        bus = RedisBus(self.client, connect(server.url, timeout=WAIT + TIMEOUT))
        self.received: list[Message] = []
        self.relay = BusRelay(bus, self._deliver, self._reload, node="here")
        self.reloads = 0

    async def _deliver(self, message: Message) -> None:
        self.received.append(message)

    async def _reload(self) -> None:
        self.reloads += 1

    async def has_read_on(self) -> None:
        """Return when a good message has arrived that is published now."""
        before = len(self.received)
        await self.client.execute("XADD", "mooring:bus", "*", "o", "there", "n", 0, "m", GOOD)
        await eventually(lambda: len(self.received) > before)


@pytest.fixture
async def reader(valkey: StoreServer) -> AsyncIterator[Reader]:
    reader = Reader(valkey)
    reader.relay.start()
    await eventually(lambda: reader.reloads == 1)
    yield reader
    await reader.relay.aclose()
    await reader.client.aclose()


async def test_an_entry_whose_number_has_4300_digits_is_passed_over(reader: Reader) -> None:
    fields = ("o", "there", "n", b"1" * 4300, "m", GOOD)
    await reader.client.execute("XADD", "mooring:bus", "*", *fields)
    await reader.has_read_on()
    assert reader.reloads == 1, "the reader has failed meanwhile"


def test_whatever_an_entry_holds_the_reader_reads_on(valkey: StoreServer) -> None:
    async def read_on(entries: list[list[bytes]]) -> None:
        reader = Reader(valkey)
        reader.relay.start()
        await eventually(lambda: reader.reloads == 1)
        for entry in entries:
            await reader.client.execute("XADD", "mooring:bus", "*", *entry)
        await reader.has_read_on()
        assert reader.reloads == 1, "the reader has failed meanwhile"
        await reader.relay.aclose()
        await reader.client.aclose()

    pairs = st.tuples(st.sampled_from(FIELDS), st.sampled_from(VALUES) | st.binary(max_size=40))
    entry = st.lists(pairs, min_size=1, max_size=4).map(lambda found: [b for p in found for b in p])

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(entry, min_size=1, max_size=20))
    def fuzz(entries: list[list[bytes]]) -> None:
        asyncio.run(read_on(entries))

    fuzz()


async def test_a_count_that_no_node_has_written_counts_nothing(valkey: StoreServer) -> None:
    client = connect(valkey.url)
    presence = RedisPresence(client, connect(valkey.url), node="here", lifetime=60)
    for value in ("1" * 4300, "-1", "x", ""):
        valkey.command("HSET", f"mooring:sockets:{KEY}", "there", value)
        async with asyncio.timeout(PATIENCE):
            listener = connect(valkey.url)
            await listener.execute("SUBSCRIBE", "mooring:node:there")
            assert await presence.count_remote(KEY) == 0
            await listener.aclose()
    await client.aclose()


@pytest.mark.parametrize("value", [None, 3, 2**70, 0.1, "text", [{"a": [True]}]])
def test_a_state_is_written_as_its_message_is(value: Any) -> None:
    message = EmitMessage(key=KEY, version=7, event="e", value=value)
    assert write_state(KEY, 7, "e", value) == write(message)
