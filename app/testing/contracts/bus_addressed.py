"""The contract of a bus about messages that are addressed to nodes."""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar

import pytest

from ...realtime.bus.base import EVERY_NODE, Bus, Entry, Offset, SequencedMessage
from .store_base import new_key

TOGETHER = 50

_TICKS_SECONDS = 0.005
"""The clock that says what was before ticks in milliseconds."""


class AddressedBusContract:
    """What holds for `open` and `read_addressed`; a part of BusContract."""

    maxlen: ClassVar[int]

    @pytest.fixture
    def bus(self) -> Bus:
        """Return the bus under test."""
        raise NotImplementedError("provide a fixture `bus`")

    async def enter(self, bus: Bus, node: str, key: str) -> None:
        """Enter a node among all nodes, with sockets under a key.

        For a bus that checks what nodes publish; one that delivers everything to everybody needs no more.
        """

    async def test_a_node_gets_what_is_addressed_to_it_in_order(self, bus: Bus) -> None:
        [node, one, other] = (new_key() for _ in range(3))
        offset = await bus.open(node)
        await self.enter(bus, node, one)
        await self.enter(bus, node, other)
        addresses = [one, other, EVERY_NODE, one, one, EVERY_NODE, other]
        await publish_to(bus, addresses * 5)
        entries = await read_addressed(bus, node, offset, 35)
        assert [each.sequence for each in entries] == list(range(1, 36))

    async def test_what_is_addressed_comes_before_what_all_get_later(self, bus: Bus) -> None:
        node, key = new_key(), new_key()
        offset = await bus.open(node)
        await self.enter(bus, node, key)
        for number in range(0, 20, 2):
            await publish_to(bus, [key], first=number)
            await bus.publish("here", number + 1, b"")
        entries = await read_addressed(bus, node, offset, 20)
        for number in range(0, 20, 2):
            numbers = [each.sequence for each in entries]
            assert numbers.index(number) < numbers.index(number + 1)

    async def test_what_is_addressed_comes_behind_what_all_got_before(self, bus: Bus) -> None:
        """The end of a session is for all nodes; what is sent to its user then is not for its sockets."""
        node, key = new_key(), new_key()
        offset = await bus.open(node)
        await self.enter(bus, node, key)
        for number in range(0, 20, 2):
            await bus.publish("here", number, b"")
            await asyncio.sleep(_TICKS_SECONDS)
            await publish_to(bus, [key], first=number + 1)
        entries = await read_addressed(bus, node, offset, 20)
        for number in range(0, 20, 2):
            numbers = [each.sequence for each in entries]
            assert numbers.index(number) < numbers.index(number + 1)

    async def test_each_node_gets_it_once(self, bus: Bus) -> None:
        key, nodes = new_key(), [new_key() for _ in range(3)]
        offsets = [await bus.open(node) for node in nodes]
        for node in nodes:
            await self.enter(bus, node, key)
        await publish_to(bus, [key] * TOGETHER)
        await bus.publish("here", TOGETHER + 1, b"last")
        for node, offset in zip(nodes, offsets, strict=True):
            entries = await read_addressed(bus, node, offset, TOGETHER + 1)
            assert [each.sequence for each in entries] == list(range(1, TOGETHER + 2))

    async def test_a_node_that_comes_amid_messages_lacks_none_of_those_that_follow(
        self, bus: Bus
    ) -> None:
        key, early, late = new_key(), new_key(), new_key()
        offset, late_offset = await bus.open(early), await bus.open(late)
        await self.enter(bus, early, key)
        sent, entered = 0, asyncio.Event()

        async def emit() -> None:
            nonlocal sent
            while sent < 300 or not entered.is_set():
                sent += 1
                await publish_to(bus, [key], first=sent)
                await asyncio.sleep(0)

        emitting = asyncio.create_task(emit())
        while sent < 100:  # noqa: ASYNC110 - publishing is what is waited for
            await asyncio.sleep(0)
        await self.enter(bus, late, key)
        since = sent + 1
        entered.set()
        await emitting
        assert len(await read_addressed(bus, early, offset, sent)) == sent
        entries = await read_addressed(bus, late, late_offset, sent - since + 1)
        numbers = [each.sequence for each in entries]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] <= since

    async def test_more_than_a_read_carries_is_read_in_order(self, bus: Bus) -> None:
        node, key = new_key(), new_key()
        offset = await bus.open(node)
        await self.enter(bus, node, key)
        many = self.maxlen // 2 - self.maxlen // 2 % 2 - 50
        other = new_key()  # so that each message has an entry of its own
        await self.enter(bus, node, other)
        await publish_to(bus, [key, other] * (many // 2))
        await asyncio.gather(*(bus.publish("there", n + 1, b"") for n in range(many)))
        entries = await read_addressed(bus, node, offset, 2 * many)
        here = [each.sequence for each in entries if each.node_id == "here"]
        assert here == list(range(1, many + 1))

    async def test_who_joins_by_a_message_gets_what_is_sent_behind_it(self, bus: Bus) -> None:
        node, user, room = new_key(), new_key(), new_key()
        offset = await bus.open(node)
        await self.enter(bus, node, user)
        join = SequencedMessage(1, b"join", user, room)
        messages = [join, *(SequencedMessage(number, b"", room) for number in range(2, 5))]
        assert await bus.publish_all("here", messages) == []
        entries = await read_addressed(bus, node, offset, 4)
        assert [each.sequence for each in entries] == [1, 2, 3, 4]

    async def test_an_addressed_message_wakes_a_waiting_read(self, bus: Bus) -> None:
        """A read that nobody wakes returns after a second; of a few, a busy machine may delay some."""
        node, key = new_key(), new_key()
        offset = await bus.open(node)
        await self.enter(bus, node, key)
        took = []
        for number in range(1, 4):
            reading = asyncio.create_task(read_addressed(bus, node, offset, number))
            await asyncio.sleep(0.1)  # it has begun to wait by then, or gets the message anyway
            began = time.monotonic()
            await publish_to(bus, [key], first=number)
            assert [each.sequence for each in await reading] == list(range(1, number + 1))
            took.append(time.monotonic() - began)
        assert min(took) < 0.5

    async def test_a_node_whose_messages_were_trimmed_gets_a_gap_and_reads_on(
        self, bus: Bus
    ) -> None:
        node, key = new_key(), new_key()
        offset = await bus.open(node)
        await self.enter(bus, node, key)
        addresses = [key, EVERY_NODE] * 100
        for at in range(0, 5 * self.maxlen, len(addresses)):
            left = [SequencedMessage(at + n, b"", to) for n, to in enumerate(addresses)]
            while left:  # a busy machine may take longer than a reply has
                left = await bus.publish_all("here", left)
        batch = await bus.read_addressed(node, offset)
        assert batch.gap
        offset = await bus.open(node)
        await publish_to(bus, [key], first=7)
        assert (await read_addressed(bus, node, offset, 1))[-1].sequence == 7


async def publish_to(bus: Bus, addresses: Sequence[str], *, first: int = 1) -> None:
    """Publish a message to each address, in one call."""
    messages = [SequencedMessage(n, b"%d" % n, to) for n, to in enumerate(addresses, first)]
    assert await bus.publish_all("here", messages) == []


async def read_addressed(bus: Bus, node: str, offset: Offset, expected: int) -> list[Entry]:
    """Read for a node until there are so many entries that others have published."""
    entries: list[Entry] = []
    async with asyncio.timeout(10):
        while len(entries) < expected:
            batch = await bus.read_addressed(node, offset)
            assert not batch.gap
            entries += [each for each in batch.entries if each.node_id != node]
            offset = batch.offset
    return entries
