"""BusRelay: what is addressed reaches whom it is for, and who waits for a place learns of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from app.realtime.bus.base import EVERY_NODE, OWN_LOG, START, BusUnavailableError, Offset
from app.realtime.bus.messages import Message, SessionEndedMessage, write
from app.realtime.bus.received import ReceivedSequences
from app.realtime.bus.relay import BusRelay
from tests.realtime.test_relay import KEY, Node, node, send, state
from tests.support.addressed_bus import AddressedBus
from tests.support.eventually import PATIENCE, eventually

ROOM = "room"
WITHIN = 5.0

Send = Callable[..., Awaitable[None]]


async def _send(relay: BusRelay, message: Message, *to: str, logged: bool = False) -> None:
    relay.send(message, *to, logged=logged)


async def _send_written(relay: BusRelay, message: Message, *to: str, logged: bool = False) -> None:
    relay.send_written(write(message), *to, logged=logged)


async def _publish(relay: BusRelay, message: Message, *to: str, logged: bool = False) -> None:
    await relay.publish(message, WITHIN, *to, logged=logged)


any_way = pytest.mark.parametrize("send_by", [_send, _send_written, _publish])


@pytest.fixture
def bus() -> AddressedBus:
    made = AddressedBus(kept=50)
    made.sockets[KEY] = {"there"}
    return made


@pytest.fixture
async def here(bus: AddressedBus) -> AsyncIterator[Node]:
    async with node(bus, "here") as started:
        yield started


@pytest.fixture
async def there(bus: AddressedBus) -> AsyncIterator[Node]:
    async with node(bus, "there") as started:
        yield started


@pytest.fixture
async def elsewhere(bus: AddressedBus) -> AsyncIterator[Node]:
    async with node(bus, "elsewhere") as started:
        yield started


@any_way
async def test_what_is_addressed_reaches_the_nodes_with_sockets_for_it_alone(
    here: Node, there: Node, elsewhere: Node, send_by: Send
) -> None:
    await send_by(here.relay, state(1), KEY)
    await send_by(here.relay, state(2), EVERY_NODE)
    await eventually(lambda: there.versions == [1, 2])
    await eventually(lambda: elsewhere.versions == [2])


@any_way
async def test_who_joins_by_a_message_gets_what_is_sent_behind_it(
    here: Node, there: Node, elsewhere: Node, send_by: Send
) -> None:
    await send_by(here.relay, state(1), KEY, ROOM)
    await send_by(here.relay, state(2), ROOM)
    await send_by(here.relay, state(3), EVERY_NODE)
    await eventually(lambda: there.versions == [1, 2, 3])
    await eventually(lambda: elsewhere.versions == [3])


@any_way
async def test_a_nodes_own_log_has_what_was_marked_for_it(
    bus: AddressedBus, here: Node, there: Node, send_by: Send
) -> None:
    await send_by(here.relay, state(1), KEY)
    await send_by(here.relay, state(2), KEY, logged=True)
    await send_by(here.relay, state(3), OWN_LOG, logged=True)
    await here.relay.flush()
    assert bus.logs == {"here": [write(state(2)), write(state(3))]}


async def test_who_is_no_node_reads_what_is_for_all_and_nothing_that_is_addressed(
    bus: AddressedBus, here: Node
) -> None:
    received: list[Message] = []
    began = asyncio.Event()

    async def deliver(message: Message) -> None:
        received.append(message)

    async def begin() -> None:
        began.set()

    outside = BusRelay(bus, deliver, begin, node="outside", addressed=False)
    bus.sockets[KEY].add("outside")
    outside.start()
    await began.wait()
    here.relay.send(state(1), KEY)
    here.relay.send(SessionEndedMessage(key=KEY))
    await eventually(lambda: received == [SessionEndedMessage(key=KEY)])
    assert bus.opened == {"here"}
    await outside.aclose()


async def test_who_has_left_receives_nothing_that_is_worth_sending(here: Node, there: Node) -> None:
    assert not here.relay.alone
    there.relay.leave()
    assert here.relay.alone


async def test_thousands_of_messages_are_distinguished(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    for part in range(50):
        send(here, range(30 * part, 30 * part + 30))
        await eventually(lambda: len(there.received) == 30 * part + 30, every=0.001)  # noqa: B023 - awaited at once
    assert there.versions == list(range(1500))


async def test_one_write_is_under_way_at_a_time(bus: AddressedBus, here: Node, there: Node) -> None:
    bus.answering.clear()
    send(here, [1])
    await eventually(lambda: bus.batches == [1])
    send(here, [2, 3])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert bus.batches == [1]
    bus.answering.set()
    await eventually(lambda: there.versions == [1, 2, 3])
    assert bus.batches == [1, 2]


async def test_behind_a_failure_one_message_is_tried_and_then_all(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    bus.down = True
    send(here, range(5))
    await eventually(lambda: len(bus.batches) >= 3)
    bus.down = False
    await eventually(lambda: there.versions == list(range(5)))
    first, *tries, rest = bus.batches
    assert (first, set(tries), rest) == (5, {1}, 4)


async def test_a_flush_waits_for_what_was_sent_before_it_and_for_no_more(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    bus.answering.clear()
    send(here, [1])
    await eventually(lambda: bus.batches == [1])
    send(here, [2, 3])
    flushing = [asyncio.create_task(here.relay.flush()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in flushing)
    bus.refused = {4}
    send(here, [4])
    bus.answering.set()
    tries = bus.tries
    await eventually(lambda: bus.tries == tries + 4, every=0)
    bus.answering.clear()  # the fourth is never taken
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(*flushing)
    await eventually(lambda: there.versions == [1, 2, 3])
    assert not here.relay._waiting, "nothing is kept of who has waited"
    bus.answering.set()


async def test_a_flush_returns_at_once_when_nothing_is_left(here: Node, there: Node) -> None:
    await here.relay.flush()
    await here.relay.publish(state(1), WITHIN)
    async with asyncio.timeout(WITHIN):
        await here.relay.flush()
    assert not here.relay._waiting


async def test_a_flush_does_not_wait_for_what_was_given_up(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    bus.answering.clear()
    publishing = asyncio.create_task(here.relay.publish(state(1), 0.1))
    await eventually(lambda: bus.batches == [1])
    async with asyncio.timeout(WITHIN):
        await here.relay.flush()
    with pytest.raises(BusUnavailableError):
        await publishing
    bus.answering.set()


async def test_who_publishes_to_a_bus_that_does_not_answer_gets_no_reason(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    bus.answering.clear()
    with pytest.raises(BusUnavailableError) as raised:
        await here.relay.publish(state(1), 0.05)
    assert str(raised.value) == "the bus has not confirmed a message in time"
    assert raised.value.__cause__ is None
    assert not here.relay._waiting
    bus.answering.set()


async def test_who_publishes_in_an_outage_gets_its_reason(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    bus.down = True
    with pytest.raises(BusUnavailableError) as raised:
        await here.relay.publish(state(1), 0.05)
    assert str(raised.value) == "the bus has not confirmed a message in time: no"
    assert raised.value.__cause__ is bus.last_error is not None


async def test_before_it_has_received_anything_it_has_no_place(bus: AddressedBus) -> None:
    relay = Node(bus, "new").relay
    assert (relay.lag, relay.current, relay.position) == (0.0, None, None)


async def test_its_place_is_that_of_the_last_message_that_was_addressed_to_it(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    current: list[bytes] = []

    def note(_message: Message) -> None:
        entry = there.relay.current
        assert entry is not None
        current.append(entry.payload)

    there.before = note
    await here.relay.publish(state(1), WITHIN, KEY)
    place = (await bus.tail(), 0)
    await here.relay.publish(SessionEndedMessage(key=KEY), WITHIN)
    await eventually(lambda: len(there.received) == 2)
    assert there.relay.position == place
    assert current == [write(state(1)), write(SessionEndedMessage(key=KEY))]


async def test_it_knows_its_place_before_it_reloads_what_it_has(
    bus: AddressedBus, here: Node
) -> None:
    late, places = Node(bus, "late"), list[object]()
    late.before_reload = lambda: places.append(late.relay.position)
    late.during_reload = partial(late.relay.reach, START)
    reaching = asyncio.create_task(late.relay.reach(START))
    await asyncio.sleep(0)
    assert not reaching.done()
    late.relay.start()
    async with asyncio.timeout(WITHIN):
        await reaching
    assert places == [(await bus.tail(), 0)]
    here.relay.send(state(1), EVERY_NODE)
    await eventually(lambda: late.versions == [1])
    await late.relay.aclose()


async def test_behind_a_gap_its_place_is_where_it_reads_on(
    bus: AddressedBus, here: Node, there: Node, caplog: pytest.LogCaptureFixture
) -> None:
    before = there.relay.position
    end = await _lose_messages(bus, there, caplog)
    await eventually(lambda: there.relay.position != before)
    assert there.relay.position is not None
    assert there.relay.position[0] >= end
    async with asyncio.timeout(WITHIN):
        await there.relay.reach(end)


async def test_it_enters_once_at_its_start_and_once_behind_a_gap(
    bus: AddressedBus, here: Node, there: Node, caplog: pytest.LogCaptureFixture
) -> None:
    await _receive_some(here, there)
    assert bus.hellos("there") == 1
    await _lose_messages(bus, there, caplog)
    await eventually(lambda: bus.hellos("there"))
    await _receive_some(here, there)
    assert bus.hellos("there") == 1


async def _receive_some(here: Node, there: Node) -> None:
    """Have several reads behind each other."""
    for number in range(3):
        here.relay.send(state(number), KEY)
        await eventually(lambda: there.versions[-1:] == [number])  # noqa: B023 - awaited at once


async def _lose_messages(bus: AddressedBus, node: Node, caplog: pytest.LogCaptureFixture) -> Offset:
    """Have a node miss more than is kept; return where that ends."""
    reloads = node.reloads
    bus.down = True
    await eventually(lambda: "bus reader failed" in caplog.text)
    bus.down = False
    for _ in range(51):
        await bus.publish("busy", 0, write(state(0)))
    end = await bus.tail()
    await eventually(lambda: node.reloads > reloads and "messages lost" in caplog.text)
    return end


async def test_a_place_is_reached_when_what_stands_there_has_been_delivered(
    bus: AddressedBus, here: Node, there: Node
) -> None:
    arrived, released = asyncio.Event(), asyncio.Event()
    there.before = lambda _message: arrived.set()
    there.during_delivery = released.wait
    await here.relay.publish(state(1), WITHIN, KEY)
    end = await bus.tail()
    await arrived.wait()
    reaching = asyncio.create_task(there.relay.reach(end))
    beyond = asyncio.create_task(there.relay.reach(end._replace(ms=end.ms + 100_000)))
    await asyncio.sleep(0)
    assert not reaching.done()
    released.set()
    async with asyncio.timeout(WITHIN):
        await reaching
    assert there.versions == [1]
    await asyncio.sleep(0)
    assert not beyond.done()
    beyond.cancel()
    await asyncio.wait([beyond])


async def test_what_has_been_delivered_is_reached_at_once_in_an_outage_too(
    bus: AddressedBus, here: Node, there: Node, caplog: pytest.LogCaptureFixture
) -> None:
    here.relay.send(state(1), KEY)
    await eventually(lambda: there.versions == [1])
    assert there.relay.position is not None
    bus.down = True
    await eventually(lambda: caplog.text.count("bus reader failed") == 2)
    async with asyncio.timeout(PATIENCE):
        await there.relay.reach(there.relay.position[0])


async def test_how_long_it_has_not_read_is_known_before_it_has_read_anything(
    bus: AddressedBus,
) -> None:
    bus.down = True
    late = Node(bus, "late")
    late.relay.start()
    assert 0 <= late.relay.unread < WITHIN
    await late.relay.aclose()


async def test_each_unknown_kind_is_logged_up_to_a_hundred(
    bus: AddressedBus, here: Node, there: Node, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(120):
        await bus.publish("here", 0, b'{"kind": "later %d"}' % number)
        if number % 30 == 29:
            here.relay.send(state(number), KEY)
            await eventually(lambda: there.versions[-1:] == [number])  # noqa: B023 - awaited at once
    assert sum("messages skipped" in line for line in caplog.messages) == 100


async def test_what_three_hundred_others_have_sent_is_known_and_no_more(
    bus: AddressedBus, there: Node
) -> None:
    for number in range(301):
        await bus.publish(f"node {number}", 1, write(state(number)))
        await eventually(lambda: len(there.received) == number + 1, every=0)  # noqa: B023 - awaited at once
    await bus.publish("node 300", 1, write(state(300)))
    await bus.publish("node 0", 1, write(state(0)))
    await eventually(lambda: there.versions[-1] == 0)
    assert there.versions == [*range(301), 0]


def test_what_is_kept_of_a_publisher_is_bounded() -> None:
    received = ReceivedSequences()
    assert all(received.add(number) for number in range(1, 3001))
    assert len(received._received) == len(received._order) == 1000


def test_a_message_that_is_a_thousand_late_may_have_come_before() -> None:
    received = ReceivedSequences()
    assert received.add(1001)
    assert not received.add(1)
    assert received.add(2)
