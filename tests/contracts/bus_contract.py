"""The contract of app.realtime.bus.Bus, as a suite that any bus can run.

    class TestMyBus(BusContract):
        @pytest.fixture
        async def bus(self) -> AsyncIterator[Bus]:
            bus = MyBus(..., kept=KEPT)
            yield bus
            await bus.aclose()

The bus must keep KEPT messages at the least, and may not keep MANY. It may hold other messages. A
bus on a server runs ServerBusContract as well, which also asks for a fixture `disaster`.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

import pytest

from app.realtime.bus import START, Batch, Bus, Entry, Position
from app.sessions import StoreUnavailableError

Answer = TypeVar("Answer")

KEPT = 1200
"""More than one read need carry."""

MANY = 5 * KEPT

AWKWARD_TEXTS = {
    "empty": b"",
    "not UTF-8": b"\xff\x00\xfe",
    "line breaks": b"one\r\ntwo\n",
    "large": b"x" * 200_000,
}


@pytest.mark.asyncio
class BusContract:
    """All that the docstrings of Bus promise, and an order that nothing disturbs."""

    @pytest.fixture
    def bus(self) -> Bus:
        """Give the bus to be proven."""
        raise NotImplementedError("provide a fixture `bus`")

    async def test_messages_are_read_in_the_order_in_which_they_were_published(
        self, bus: Bus
    ) -> None:
        place = await bus.tail()
        await publish(bus, range(1, 21))
        entries = (await bus.read(place)).entries
        assert [(each.origin, each.number, each.text) for each in entries] == [
            ("here", number, b"%d" % number) for number in range(1, 21)
        ]
        positions = [each.position for each in entries]
        assert positions == sorted(set(positions))

    async def test_messages_that_are_published_at_once_keep_the_order_of_the_calls(
        self, bus: Bus
    ) -> None:
        place = await bus.tail()
        await asyncio.gather(*(bus.publish("here", n, b"") for n in range(300)))
        assert numbers(await read_all(bus, place, 300)) == list(range(300))

    @pytest.mark.parametrize("count", [0, 1, 100])
    async def test_messages_that_are_published_together_are_all_read_in_order(
        self, bus: Bus, count: int
    ) -> None:
        place = await bus.tail()
        texts = list(AWKWARD_TEXTS.values())
        together = [(3 * number, texts[number % len(texts)]) for number in range(1, count + 1)]
        assert await bus.publish_all("here", together) == []
        await bus.publish("here", 1000, b"last")
        entries = await read_all(bus, place, count + 1)
        read = [(each.origin, each.number, each.text) for each in entries]
        assert read == [("here", *each) for each in [*together, (1000, b"last")]]

    async def test_messages_of_several_publishers_all_arrive_each_one_s_in_order(
        self, bus: Bus
    ) -> None:
        place = await bus.tail()
        await asyncio.gather(*(publish(bus, range(50), origin) for origin in ("a", "b", "c")))
        entries = await read_all(bus, place, 150)
        for origin in ("a", "b", "c"):
            assert [each.number for each in entries if each.origin == origin] == list(range(50))

    @pytest.mark.parametrize("text", AWKWARD_TEXTS.values(), ids=AWKWARD_TEXTS)
    async def test_a_message_is_read_as_it_was_published(self, bus: Bus, text: bytes) -> None:
        place = await bus.tail()
        await bus.publish("node", 7, text)
        [entry] = (await bus.read(place)).entries
        assert (entry.origin, entry.number, entry.text) == ("node", 7, text)

    async def test_a_message_knows_when_it_was_published(self, bus: Bus) -> None:
        place = await bus.tail()
        await bus.publish("here", 1, b"")
        [entry] = (await bus.read(place)).entries
        assert abs(time.time() - entry.position.ms / 1000) < 1

    async def test_a_read_goes_on_from_any_place(self, bus: Bus) -> None:
        place = await bus.tail()
        await publish(bus, range(10))
        entries = (await bus.read(place)).entries
        for at, entry in enumerate(entries[:-1]):
            assert (await bus.read(entry.position)).entries == entries[at + 1 :]

    async def test_a_read_says_where_to_read_on(self, bus: Bus) -> None:
        place = await bus.tail()
        await publish(bus, [1])
        first = await bus.read(place)
        await publish(bus, [2])
        assert numbers((await bus.read(first.position)).entries) == [2]

    async def test_what_was_published_before_the_tail_is_not_read_again(self, bus: Bus) -> None:
        await publish(bus, [1, 2])
        place = await bus.tail()
        await publish(bus, [3])
        assert numbers((await bus.read(place)).entries) == [3]

    async def test_more_than_a_read_carries_is_read_in_several_without_a_gap(
        self, bus: Bus
    ) -> None:
        place = await bus.tail()
        await asyncio.gather(*(bus.publish("here", n, b"") for n in range(KEPT)))
        assert numbers(await read_all(bus, place, KEPT)) == list(range(KEPT))

    async def test_every_reader_gets_every_message(self, bus: Bus) -> None:
        place = await bus.tail()
        await publish(bus, range(5))
        for _ in range(3):
            assert numbers((await bus.read(place)).entries) == list(range(5))

    async def test_a_read_waits_about_a_second_for_news_and_says_that_there_are_none(
        self, bus: Bus
    ) -> None:
        await publish(bus, [1])
        place = await bus.tail()
        began = time.monotonic()
        assert await bus.read(place) == Batch([], place)
        assert 0.5 < time.monotonic() - began < 3

    async def test_a_message_wakes_a_read_that_waits(self, bus: Bus) -> None:
        await publish(bus, [1])
        place = await bus.tail()
        reading = asyncio.create_task(bus.read(place))
        await asyncio.sleep(0.2)  # it has begun to wait by then, or gets the message anyway
        began = time.monotonic()
        await publish(bus, [2])
        assert numbers((await reading).entries) == [2]
        assert time.monotonic() - began < 0.3

    async def test_a_read_that_was_cancelled_takes_no_message_along(self, bus: Bus) -> None:
        place = await bus.tail()
        for _ in range(5):
            reading = asyncio.create_task(bus.read(place))
            await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.wait([reading])
        await publish(bus, [1])
        assert numbers(await read_all(bus, place, 1)) == [1]

    async def test_a_reader_that_messages_were_trimmed_away_from_learns_of_a_gap(
        self, bus: Bus
    ) -> None:
        place = await bus.tail()
        await publish(bus, [0])
        await many(bus)
        await a_gap_shows_and_reading_goes_on(bus, place)

    async def test_a_reader_that_was_up_to_date_and_then_stalled_learns_of_a_gap(
        self, bus: Bus
    ) -> None:
        await publish(bus, [0])
        place = (await bus.read(await bus.tail())).position
        await many(bus)
        await a_gap_shows_and_reading_goes_on(bus, place)

    async def test_a_place_that_the_log_never_had_is_a_gap(self, bus: Bus) -> None:
        await publish(bus, [1])
        tail = await bus.tail()
        await a_gap_shows_and_reading_goes_on(bus, Position(tail.ms + 10**9, 0))

    async def test_it_may_be_closed_twice(self, bus: Bus) -> None:
        await bus.tail()
        await bus.aclose()
        await bus.aclose()


class Disaster(ABC):
    """What may happen to a server and the way to it. Each returns when it has happened."""

    @abstractmethod
    async def cut(self) -> None:
        """Lose every connection; new ones are let through."""

    @abstractmethod
    async def kill(self) -> None:
        """End the server."""

    @abstractmethod
    async def hang(self) -> None:
        """Have the server answer nobody; connections stay."""

    @abstractmethod
    async def recover(self) -> None:
        """Have it answer again, with its messages."""

    @abstractmethod
    async def recover_empty(self) -> None:
        """Have it answer again, without any message."""


class ServerBusContract(BusContract):
    """What holds when the server, or the way to it, is lost and comes back."""

    @pytest.fixture
    def disaster(self) -> Disaster:
        """Give the ways to harm the server of `bus`."""
        raise NotImplementedError("provide a fixture `disaster`")

    async def test_an_empty_log_is_read_from_its_start(self, bus: Bus, disaster: Disaster) -> None:
        await disaster.recover_empty()
        assert await patiently(bus.tail) == START
        await publish(bus, [1])
        assert numbers(await read_all(bus, START, 1)) == [1]

    async def test_a_log_of_which_nothing_is_known_may_have_a_gap(
        self, bus: Bus, disaster: Disaster
    ) -> None:
        await disaster.recover_empty()
        place = await patiently(bus.tail)
        await many(bus)
        await a_gap_shows_and_reading_goes_on(bus, place)

    async def test_after_a_cut_a_reader_goes_on_where_it_stopped(
        self, bus: Bus, disaster: Disaster
    ) -> None:
        place = await bus.tail()
        await publish(bus, [1])
        place = (await bus.read(place)).position
        reading = asyncio.create_task(bus.read(place))
        await asyncio.sleep(0.1)  # it is waiting for news by then, or is cut off as it begins
        await disaster.cut()
        with pytest.raises(StoreUnavailableError):
            await reading
        await publish(bus, range(2, 52))
        assert numbers(await read_all(bus, place, 50)) == list(range(2, 52))

    @pytest.mark.parametrize("way", ["kill", "hang"])
    async def test_a_server_that_is_away_is_an_error_for_reader_and_publisher_alike(
        self, bus: Bus, disaster: Disaster, way: str
    ) -> None:
        place = await bus.tail()
        await getattr(disaster, way)()
        for call in (bus.publish("here", 1, b""), bus.read(place), bus.tail()):
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                await call
            assert time.monotonic() - began < 2.5

    @pytest.mark.parametrize("way", ["kill", "hang"])
    async def test_messages_that_do_not_get_through_together_are_given_back_in_order(
        self, bus: Bus, disaster: Disaster, way: str
    ) -> None:
        together = [(number, b"") for number in range(1, 101)]
        await getattr(disaster, way)()
        assert await bus.publish_all("here", together) == together

    @pytest.mark.parametrize("way", ["kill", "hang"])
    async def test_a_server_that_comes_back_with_its_messages_shows_no_gap(
        self, bus: Bus, disaster: Disaster, way: str
    ) -> None:
        place = await bus.tail()
        await publish(bus, [1, 2])
        await getattr(disaster, way)()
        await disaster.recover()
        await publish(bus, [3])
        assert numbers(await read_all(bus, place, 3)) == [1, 2, 3]

    @pytest.mark.parametrize("new", [0, 4], ids=["and stays so", "and gets new messages"])
    async def test_a_server_that_comes_back_empty_shows_a_gap(
        self, bus: Bus, disaster: Disaster, new: int
    ) -> None:
        place = await bus.tail()
        await publish(bus, [1])
        place = (await bus.read(place)).position
        await disaster.kill()
        await disaster.recover_empty()
        await publish(bus, range(new))
        await a_gap_shows_and_reading_goes_on(bus, place)


async def publish(bus: Bus, numbers: Iterable[int], origin: str = "here") -> None:
    """Publish messages, one when the one before is there."""
    for number in numbers:
        await patiently(partial(bus.publish, origin, number, b"%d" % number))


async def many(bus: Bus) -> None:
    """Publish more than is kept."""
    for _ in range(10):
        await asyncio.gather(*(bus.publish("here", 0, b"x" * 50) for _ in range(MANY // 10)))


async def read_all(bus: Bus, place: Position, expected: int) -> list[Entry]:
    """Read on until there are so many entries; fails if there is a gap."""
    entries: list[Entry] = []
    async with asyncio.timeout(10):
        while len(entries) < expected:
            batch = await patiently(partial(bus.read, place))
            assert not batch.gap
            entries += batch.entries
            place = batch.position
    return entries


async def a_gap_shows_and_reading_goes_on(bus: Bus, place: Position) -> None:
    """Check that a read after a place tells of a gap, and where to read on."""
    batch = await patiently(partial(bus.read, place))
    assert batch.gap
    await publish(bus, [-1])
    assert (await read_all(bus, batch.position, 1))[-1].text == b"-1"


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call until it does not fail for want of a connection."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await call()
            except StoreUnavailableError:
                await asyncio.sleep(0.05)


def numbers(entries: list[Entry]) -> list[int]:
    """Give the numbers of entries."""
    return [each.number for each in entries]
