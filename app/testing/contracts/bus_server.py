"""The contract of a bus on a server that may fail."""

import asyncio
import time
from abc import ABC, abstractmethod

import pytest

from ...realtime.bus.base import START, Bus, BusUnavailableError, SequencedMessage
from .bus import (
    BusContract,
    assert_gap_then_read_on,
    publish,
    read_all,
    read_to,
    retry_until_available,
    sequences,
)


class ServerFaults(ABC):
    """Faults of a server and of the network. Each method returns when the fault, or its end, is there."""

    @abstractmethod
    async def cut(self) -> None:
        """Close every connection; new ones are accepted."""

    @abstractmethod
    async def kill(self) -> None:
        """Kill the server."""

    @abstractmethod
    async def hang(self) -> None:
        """Stop the server from replying; connections stay open."""

    @abstractmethod
    async def recover(self) -> None:
        """Make it reply again, with its messages."""

    @abstractmethod
    async def recover_empty(self) -> None:
        """Make it reply again, without any message."""


class ServerBusContract(BusContract):
    """What holds when the server, or the network, fails and recovers."""

    @pytest.fixture
    def faults(self) -> ServerFaults:
        """Return the faults of the server of `bus`."""
        raise NotImplementedError("provide a fixture `faults`")

    async def test_an_empty_log_is_read_from_its_start(
        self, bus: Bus, faults: ServerFaults
    ) -> None:
        await faults.recover_empty()
        assert await retry_until_available(bus.tail) == START
        await publish(bus, [1])
        assert sequences(await read_all(bus, START, 1)) == [1]

    async def test_a_trimmed_log_has_a_gap_for_who_reads_from_its_start(
        self, bus: Bus, faults: ServerFaults
    ) -> None:
        await faults.recover_empty()
        offset = await retry_until_available(bus.tail)
        await self.publish_many(bus)
        await assert_gap_then_read_on(bus, offset)

    async def test_after_a_lost_connection_reading_continues_at_the_last_offset(
        self, bus: Bus, faults: ServerFaults
    ) -> None:
        offset = await bus.tail()
        await publish(bus, [1])
        offset = (await bus.read(offset)).offset
        reading = asyncio.create_task(bus.read(offset))
        await asyncio.sleep(0.1)  # it is waiting for a message by then, or is cut off as it begins
        await faults.cut()
        with pytest.raises(BusUnavailableError):
            await reading
        await publish(bus, range(2, 52))
        assert await read_to(bus, offset, 51) == list(range(2, 52))

    @pytest.mark.parametrize("way", ["kill", "hang"])
    async def test_an_unavailable_server_is_an_error_for_readers_and_publishers(
        self, bus: Bus, faults: ServerFaults, way: str
    ) -> None:
        offset = await bus.tail()
        await getattr(faults, way)()
        for call in (bus.publish("here", 1, b""), bus.read(offset), bus.tail()):
            began = time.monotonic()
            with pytest.raises(BusUnavailableError):
                await call
            assert time.monotonic() - began < 2.5

    @pytest.mark.parametrize("way", ["kill", "hang"])
    async def test_publish_all_returns_the_messages_that_failed_in_order(
        self, bus: Bus, faults: ServerFaults, way: str
    ) -> None:
        messages = [SequencedMessage(number, b"") for number in range(1, 101)]
        await getattr(faults, way)()
        assert await bus.publish_all("here", messages) == messages

    @pytest.mark.parametrize("way", ["kill", "hang"])
    async def test_a_server_that_recovers_with_its_messages_has_no_gap(
        self, bus: Bus, faults: ServerFaults, way: str
    ) -> None:
        offset = await bus.tail()
        await publish(bus, [1, 2])
        await getattr(faults, way)()
        await faults.recover()
        await publish(bus, [3])
        assert sequences(await read_all(bus, offset, 3)) == [1, 2, 3]

    @pytest.mark.parametrize("new", [0, 4], ids=["and stays so", "and gets new messages"])
    async def test_a_server_that_recovers_empty_has_a_gap(
        self, bus: Bus, faults: ServerFaults, new: int
    ) -> None:
        offset = await bus.tail()
        await publish(bus, [1])
        offset = (await bus.read(offset)).offset
        await faults.kill()
        await faults.recover_empty()
        await publish(bus, range(new))
        await assert_gap_then_read_on(bus, offset)
