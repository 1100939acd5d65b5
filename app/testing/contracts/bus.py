"""The contract of the bus, as a suite that any adapter can run."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import groupby
from typing import ClassVar, TypeVar

import pytest

from ...realtime.bus.base import Batch, Bus, BusUnavailableError, Entry, Offset, SequencedMessage
from .bus_addressed import AddressedBusContract

Answer = TypeVar("Answer")

AWKWARD_PAYLOADS = {
    "empty": b"",
    "not UTF-8": b"\xff\x00\xfe",
    "line breaks": b"one\r\ntwo\n",
    "large": b"x" * 200_000,
}


@pytest.mark.asyncio
class BusContract(AddressedBusContract):
    """All that the docstrings of Bus promise.

    Subclass it in a test module, with a fixture `bus`:

        class TestMyBus(BusContract):
            @pytest_asyncio.fixture
            async def bus(self) -> AsyncIterator[Bus]:
                bus = MyBus(..., maxlen=self.maxlen)
                yield bus
                await bus.aclose()

    A bus that delivers a message only to nodes that have sockets for it has a method `enter` as well. The
    bus must keep `maxlen` messages at least, and may not keep five times as many. It may hold other
    messages.
    """

    maxlen: ClassVar[int] = 1200

    @pytest.fixture
    def bus(self) -> Bus:
        """Return the bus under test."""
        raise NotImplementedError("provide a fixture `bus`")

    async def test_messages_are_read_in_the_order_in_which_they_were_published(
        self, bus: Bus
    ) -> None:
        offset = await bus.tail()
        await publish(bus, range(1, 21))
        entries = (await bus.read(offset)).entries
        assert [(each.node_id, each.sequence, each.payload) for each in entries] == [
            ("here", number, b"%d" % number) for number in range(1, 21)
        ]
        offsets = [each.offset for each in entries]
        assert offsets == sorted(set(offsets))

    async def test_messages_that_are_published_concurrently_keep_the_order_of_the_calls(
        self, bus: Bus
    ) -> None:
        offset = await bus.tail()
        await asyncio.gather(*(bus.publish("here", n, b"") for n in range(300)))
        assert sequences(await read_all(bus, offset, 300)) == list(range(300))

    @pytest.mark.parametrize("count", [0, 1, 100])
    async def test_messages_that_are_published_together_are_all_read_in_order(
        self, bus: Bus, count: int
    ) -> None:
        offset = await bus.tail()
        payloads = list(AWKWARD_PAYLOADS.values())
        messages = [
            SequencedMessage(3 * number, payloads[number % len(payloads)])
            for number in range(1, count + 1)
        ]
        assert await bus.publish_all("here", messages) == []
        await bus.publish("here", 1000, b"last")
        entries = await read_all(bus, offset, count + 1)
        read = [(each.node_id, each.sequence, each.payload) for each in entries]
        assert read == [
            *(("here", each.sequence, each.payload) for each in messages),
            ("here", 1000, b"last"),
        ]

    async def test_messages_of_several_publishers_are_read_in_the_order_of_each(
        self, bus: Bus
    ) -> None:
        offset = await bus.tail()
        await asyncio.gather(*(publish(bus, range(50), node_id) for node_id in ("a", "b", "c")))
        entries = await read_all(bus, offset, 150)
        for node_id in ("a", "b", "c"):
            assert [each.sequence for each in entries if each.node_id == node_id] == list(range(50))

    @pytest.mark.parametrize("payload", AWKWARD_PAYLOADS.values(), ids=AWKWARD_PAYLOADS)
    async def test_a_message_is_read_as_it_was_published(self, bus: Bus, payload: bytes) -> None:
        offset = await bus.tail()
        await bus.publish("node", 7, payload)
        [entry] = (await bus.read(offset)).entries
        assert (entry.node_id, entry.sequence, entry.payload) == ("node", 7, payload)

    async def test_the_offset_of_a_message_is_the_time_of_its_publishing(self, bus: Bus) -> None:
        offset = await bus.tail()
        await bus.publish("here", 1, b"")
        [entry] = (await bus.read(offset)).entries
        assert abs(time.time() - entry.offset.ms / 1000) < 1

    async def test_reading_continues_from_any_offset(self, bus: Bus) -> None:
        offset = await bus.tail()
        await publish(bus, range(10))
        entries = (await bus.read(offset)).entries
        assert sequences(entries) == list(range(10))
        for at, entry in enumerate(entries[:-1]):
            assert (await bus.read(entry.offset)).entries == entries[at + 1 :]

    async def test_a_read_returns_the_offset_to_read_on_from(self, bus: Bus) -> None:
        offset = await bus.tail()
        await publish(bus, [1])
        first = await bus.read(offset)
        await publish(bus, [2])
        assert sequences((await bus.read(first.offset)).entries) == [2]

    async def test_what_was_published_before_the_tail_is_not_read_again(self, bus: Bus) -> None:
        await publish(bus, [1, 2])
        offset = await bus.tail()
        await publish(bus, [3])
        assert sequences((await bus.read(offset)).entries) == [3]

    async def test_more_than_a_read_carries_is_read_in_several_without_a_gap(
        self, bus: Bus
    ) -> None:
        offset = await bus.tail()
        many = self.maxlen - 50  # a repeated one is trimmed for none of them
        await asyncio.gather(*(bus.publish("here", n, b"") for n in range(many)))
        assert sequences(await read_all(bus, offset, many)) == list(range(many))

    async def test_every_reader_gets_every_message(self, bus: Bus) -> None:
        offset = await bus.tail()
        await publish(bus, range(5))
        for _ in range(3):
            assert sequences((await bus.read(offset)).entries) == list(range(5))

    async def test_a_read_waits_about_a_second_for_a_message_and_returns_an_empty_batch(
        self, bus: Bus
    ) -> None:
        await publish(bus, [1])
        offset = await bus.tail()
        began = time.monotonic()
        assert await bus.read(offset) == Batch([], offset)
        assert 0.5 < time.monotonic() - began < 3

    async def test_a_message_wakes_a_waiting_read(self, bus: Bus) -> None:
        await publish(bus, [1])
        offset = await bus.tail()
        reading = asyncio.create_task(bus.read(offset))
        await asyncio.sleep(0.2)  # it has begun to wait by then, or gets the message anyway
        began = time.monotonic()
        await publish(bus, [2])
        assert sequences((await reading).entries) == [2]
        assert time.monotonic() - began < 0.3

    async def test_a_cancelled_read_loses_no_message(self, bus: Bus) -> None:
        offset = await bus.tail()
        for _ in range(5):
            reading = asyncio.create_task(bus.read(offset))
            await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.wait([reading])
        await publish(bus, [1])
        assert sequences(await read_all(bus, offset, 1)) == [1]

    async def test_a_reader_whose_next_messages_were_trimmed_gets_a_gap(self, bus: Bus) -> None:
        offset = await bus.tail()
        await publish(bus, [0])
        await self.publish_many(bus)
        await assert_gap_then_read_on(bus, offset)

    async def test_a_reader_that_was_up_to_date_and_then_stalled_gets_a_gap(self, bus: Bus) -> None:
        await publish(bus, [0])
        offset = (await bus.read(await bus.tail())).offset
        await self.publish_many(bus)
        await assert_gap_then_read_on(bus, offset)

    async def test_an_offset_that_the_log_never_had_is_a_gap(self, bus: Bus) -> None:
        await publish(bus, [1])
        tail = await bus.tail()
        await assert_gap_then_read_on(bus, Offset(tail.ms + 10**9, 0))

    async def test_it_may_be_closed_twice(self, bus: Bus) -> None:
        await bus.tail()
        await bus.aclose()
        await bus.aclose()

    async def publish_many(self, bus: Bus) -> None:
        """Publish more messages than are kept."""
        for _ in range(10):
            publish = partial(bus.publish, "here", 0, b"x" * 50)
            await asyncio.gather(*(retry_until_available(publish) for _ in range(self.maxlen // 2)))


async def publish(bus: Bus, numbers: Iterable[int], node_id: str = "here") -> None:
    """Publish messages one after another."""
    for number in numbers:
        await retry_until_available(partial(bus.publish, node_id, number, b"%d" % number))


async def read_all(bus: Bus, offset: Offset, expected: int) -> list[Entry]:
    """Read until there are so many entries; fail if there is a gap."""
    return await _read_until(bus, offset, lambda entries: len(entries) >= expected)


async def read_to(bus: Bus, offset: Offset, last: int) -> list[int]:
    """Read until a message of this sequence; return the sequences.

    What is published again, as its reply did not come in time, may be there twice in a row: once is returned.
    """
    entries = await _read_until(bus, offset, lambda entries: sequences(entries)[-1:] == [last])
    return [number for number, _ in groupby(sequences(entries))]


async def _read_until(
    bus: Bus, offset: Offset, is_enough: Callable[[list[Entry]], bool]
) -> list[Entry]:
    entries: list[Entry] = []
    async with asyncio.timeout(10):
        while not is_enough(entries):
            batch = await retry_until_available(partial(bus.read, offset))
            assert not batch.gap
            entries += batch.entries
            offset = batch.offset
    return entries


async def assert_gap_then_read_on(bus: Bus, offset: Offset) -> None:
    """Check that a read after an offset has a gap, and that reading continues after it."""
    batch = await retry_until_available(partial(bus.read, offset))
    assert batch.gap
    await publish(bus, [-1])
    assert (await read_all(bus, batch.offset, 1))[-1].payload == b"-1"


async def retry_until_available(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call until the bus is available, and return the result."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await call()
            except BusUnavailableError:
                await asyncio.sleep(0.05)


def sequences(entries: list[Entry]) -> list[int]:
    """Return the sequence numbers of entries."""
    return [each.sequence for each in entries]
