"""Publisher: how long a task waits for a bus that takes nothing, and that it waits again later."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from app.realtime.bus.base import EVERY_NODE, BusUnavailableError
from app.realtime.bus.messages import HelloMessage, Message
from app.realtime.bus.relay import BusRelay
from app.realtime.publisher import Publisher
from tests.support.eventually import eventually
from tests.support.faulty_bus import FaultyBus

TIMEOUT, BUDGET = 0.05, 0.1


async def _ignore(_message: Message) -> None:
    return


async def _joined() -> None:
    return


@pytest.fixture
def bus() -> FaultyBus:
    bus = FaultyBus()
    bus.join("there")
    return bus


@pytest.fixture
async def publisher(bus: FaultyBus) -> AsyncIterator[Publisher]:
    bus.join("here")
    relay = BusRelay(bus, _ignore, _joined, node="here")
    yield Publisher(relay, timeout=TIMEOUT, budget=BUDGET)
    await relay.aclose()


async def _send(publisher: Publisher) -> None:
    await publisher.send(HelloMessage(), EVERY_NODE, wait=True)


async def _is_sent(publisher: Publisher) -> bool:
    try:
        await _send(publisher)
    except BusUnavailableError:
        return False
    return True


async def test_a_task_waits_for_the_bus_within_its_budget(
    bus: FaultyBus, publisher: Publisher
) -> None:
    bus.down = True
    for _ in range(2):
        with pytest.raises(BusUnavailableError, match="not confirmed"):
            await _send(publisher)
    with pytest.raises(BusUnavailableError, match="waited enough"):
        await _send(publisher)


@pytest.mark.slow  # it waits for seconds
async def test_a_message_waits_for_a_second_and_all_of_a_task_for_two(bus: FaultyBus) -> None:
    bus.join("here")
    relay = BusRelay(bus, _ignore, _joined, node="here")
    publisher, loop = Publisher(relay), asyncio.get_running_loop()
    bus.down = True
    for _ in range(2):
        began = loop.time()
        with pytest.raises(BusUnavailableError, match="not confirmed"):
            await _send(publisher)
        assert loop.time() - began > 0.9
    with pytest.raises(BusUnavailableError, match="waited enough"):
        await _send(publisher)
    await relay.aclose()


async def test_a_task_that_lives_on_after_an_outage_sends_again(
    bus: FaultyBus, publisher: Publisher
) -> None:
    bus.down = True
    for _ in range(3):
        with pytest.raises(BusUnavailableError):
            await _send(publisher)
    bus.down = False
    await eventually(partial(_is_sent, publisher))  # in this very task
    await _send(publisher)
