"""BusRelay: messages arrive in order and are applied once, and no error ends it."""

import asyncio
import json
import pickle
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from app.realtime.bus.base import Bus, BusUnavailableError, Entry
from app.realtime.bus.messages import (
    EmitMessage,
    EventMessage,
    Message,
    SessionEndedMessage,
    write,
)
from app.realtime.bus.relay import MAX_OUTBOX, BusRelay
from app.sessions import StoreUnavailableError
from app.testing.contracts.store_base import new_key
from tests.support.eventually import PATIENCE, eventually
from tests.support.faulty_bus import FaultyBus

KEY = new_key()
RESOLUTION = 0.002
"""Of timers: they may be due a little early."""

NO_MESSAGES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe",
    "no object": b"[1, 2]",
    "no kind": b"{}",
    "fields missing": b'{"kind": "tell", "version": 1}',
    "no session key": b'{"kind": "ended", "key": "mooring:*"}',
    "a wrong type": json.dumps({"kind": "event", "body": "emit"}).encode(),
    "nested without end": b'{"kind": "event", "body": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "a pickle": pickle.dumps(print),
}


async def _nothing() -> None:
    return


class Node:
    """A relay whose deliveries are recorded."""

    def __init__(self, bus: Bus, name: str, max_outbox: int = MAX_OUTBOX) -> None:
        self.received: list[Message] = []
        self.reloads = 0
        self.before: Callable[[Message], None] = lambda _message: None
        self.before_reload: Callable[[], None] = lambda: None
        self.during_delivery: Callable[[], Awaitable[object]] = _nothing
        self.during_reload: Callable[[], Awaitable[None]] = _nothing
        self.relay = BusRelay(bus, self._deliver, self._reload, node=name, max_outbox=max_outbox)

    @property
    def versions(self) -> list[int]:
        """The versions of the state messages, in the order of their arrival."""
        return [each.version for each in self.received if isinstance(each, EmitMessage)]

    async def _deliver(self, message: Message) -> None:
        self.before(message)
        await self.during_delivery()
        self.received.append(message)

    async def _reload(self) -> None:
        self.reloads += 1
        self.before_reload()
        await self.during_reload()


@asynccontextmanager
async def node(bus: Bus, name: str, max_outbox: int = MAX_OUTBOX) -> AsyncIterator[Node]:
    """A node that has begun to receive."""
    started = Node(bus, name, max_outbox)
    started.relay.start()
    await eventually(lambda: started.reloads)
    try:
        yield started
    finally:
        await started.relay.aclose()


@pytest.fixture
def bus() -> FaultyBus:
    return FaultyBus()


@pytest.fixture
async def here(bus: FaultyBus) -> AsyncIterator[Node]:
    async with node(bus, "here") as started:
        yield started


@pytest.fixture
async def there(bus: FaultyBus) -> AsyncIterator[Node]:
    async with node(bus, "there") as started:
        yield started


async def test_messages_arrive_at_the_other_node_in_order_and_not_at_their_own(
    here: Node, there: Node
) -> None:
    sent = [
        state(1),
        SessionEndedMessage(key=KEY),
        EventMessage(space="room", name="lobby", namespace="/", body=['["name"]']),
        state(2),
    ]
    for message in sent:
        here.relay.send(message)
    await eventually(lambda: there.received == sent)
    there.relay.send(state(3))
    await eventually(lambda: here.received == [state(3)])
    assert there.received == sent


async def test_a_node_reloads_all_sessions_when_it_begins_to_receive(here: Node) -> None:
    assert here.reloads == 1
    assert here.received == []


@pytest.mark.parametrize("payload", NO_MESSAGES.values(), ids=NO_MESSAGES)
async def test_what_does_not_parse_is_logged_and_skipped(
    bus: FaultyBus, here: Node, there: Node, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await bus.publish("stranger", 0, payload)
    here.relay.send(state(1))
    await eventually(lambda: there.versions == [1])
    assert len(there.received) == 1
    assert "bus messages skipped: it does not parse" in caplog.messages
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("payload", "said"),
    [(b'{"kind": "carry", "body": 1}', "kind 'carry' are unknown"), (b"{", "does not parse")],
    ids=["an unknown kind", "no JSON"],
)
async def test_what_is_not_known_here_is_logged_once_however_often_it_comes(
    bus: FaultyBus,
    here: Node,
    there: Node,
    payload: bytes,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(50):
        await bus.publish("a later version", 0, payload)
    here.relay.send(state(1))
    await eventually(lambda: there.versions == [1])
    lines = [line for line in caplog.messages if said in line]
    assert len(lines) == 2, "one on each node"
    assert "Traceback" not in caplog.text


async def test_fields_that_are_not_known_here_are_ignored(
    bus: FaultyBus, here: Node, there: Node, caplog: pytest.LogCaptureFixture
) -> None:
    for message in (state(1), SessionEndedMessage(key=KEY)):
        more = json.loads(write(message)) | {"reason": "banned", "since": 1, "offset": {"a": []}}
        await bus.publish("a later version", 0, json.dumps(more).encode())
    await eventually(lambda: there.received == [state(1), SessionEndedMessage(key=KEY)])
    await eventually(lambda: len(here.received) == 2)
    assert caplog.messages == []


async def test_a_hello_message_is_delivered_to_no_node(
    bus: FaultyBus, here: Node, caplog: pytest.LogCaptureFixture
) -> None:
    async with node(bus, "newcomer") as newcomer:
        newcomer.relay.send(state(1))
        await eventually(lambda: here.versions == [1])
    assert caplog.records == []


async def test_a_message_that_came_twice_is_applied_once(
    bus: FaultyBus, here: Node, there: Node
) -> None:
    bus.unanswered = {1, 3}
    send(here, range(1, 5))
    await eventually(lambda: len(entries_of(bus, "here")) == 6)
    await eventually(lambda: there.relay.lag >= 0 and there.versions == [1, 2, 3, 4])
    send(here, [5])
    await eventually(lambda: there.versions == [1, 2, 3, 4, 5])


async def test_messages_of_a_restarted_node_are_no_duplicates_of_those_before(
    bus: FaultyBus, there: Node
) -> None:
    for name in ("first life", "second life"):
        async with node(bus, name) as again:
            send(again, [1])
    await eventually(lambda: there.versions == [1, 1])


async def test_a_message_without_a_sequence_number_is_never_a_duplicate(
    bus: FaultyBus, there: Node
) -> None:
    for _ in range(2):
        await bus.publish("here", 0, write(state(1)))
    await eventually(lambda: there.versions == [1, 1])


async def test_what_was_sent_in_an_outage_arrives_after_it_in_order_and_once(
    bus: FaultyBus, here: Node, there: Node
) -> None:
    send(here, [1])
    await eventually(lambda: there.versions == [1])
    bus.down = True
    send(here, range(2, 40))
    await eventually(lambda: bus.tries > 40)
    send(here, range(40, 52))
    bus.down = False
    await eventually(lambda: there.versions == list(range(1, 52)))


async def test_in_an_outage_one_message_is_tried_at_a_time(
    bus: FaultyBus, here: Node, there: Node
) -> None:
    bus.down = True
    send(here, range(1000))
    await eventually(lambda: bus.tries > 1003)
    assert bus.tries < 1020


async def test_a_message_that_was_refused_while_later_ones_were_taken_is_not_lost(
    bus: FaultyBus, here: Node, there: Node
) -> None:
    send(here, [1])
    await eventually(lambda: there.versions == [1])
    bus.refused = {3, 5}
    bus.unanswered = {4}
    send(here, range(2, 7))
    await eventually(lambda: sorted(there.versions) == list(range(1, 7)))
    send(here, [7])
    await eventually(lambda: there.versions[-1] == 7)
    assert len(there.versions) == 7


async def test_a_message_sent_as_the_last_was_published_is_not_left_behind(
    bus: FaultyBus, here: Node, there: Node
) -> None:
    for version in range(100):
        send(here, [version])
        for _ in range(version % 7):
            await asyncio.sleep(0)
    await eventually(lambda: there.versions == list(range(100)))


async def test_an_outage_that_lasts_too_long_loses_the_oldest_messages(
    bus: FaultyBus, there: Node
) -> None:
    async with node(bus, "here", max_outbox=10) as here:
        bus.down = True
        send(here, range(25))
        await eventually(lambda: bus.tries > 1)
        send(here, range(25, 50))
        bus.down = False
        await eventually(lambda: there.versions[-1:] == [49])
    assert there.versions[-10:] == list(range(40, 50))
    assert len(there.versions) <= 11


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), StoreUnavailableError("no reply"), KeyError(1)]
)
async def test_a_message_that_cannot_be_applied_is_logged_and_the_next_one_is(
    here: Node, there: Node, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(message: Message) -> None:
        if message == state(2):
            raise error

    there.before = refuse
    send(here, [1, 2, 3])
    await eventually(lambda: there.versions == [1, 3])
    assert "bus message not applied: tell" in caplog.text


async def test_a_delivery_that_never_ends_times_out_and_is_made_up_for(
    bus: FaultyBus, here: Node, caplog: pytest.LogCaptureFixture
) -> None:
    arrived, began = [], []

    async def reload() -> None:
        began.append(True)

    async def deliver(message: Message) -> None:
        arrived.append(message)
        if message == state(1):
            await asyncio.Event().wait()

    slow = BusRelay(bus, deliver, reload, node="slow", deliver_timeout=0.1)
    slow.start()
    await eventually(lambda: began)
    send(here, [1, 2])
    await eventually(lambda: arrived == [state(1), state(2)])
    await eventually(lambda: began == [True, True])
    await slow.aclose()
    assert "bus message not applied in time" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("broken"), BusUnavailableError("no reply")])
async def test_a_reader_that_fails_continues_at_the_same_offset_after_a_pause(
    bus: FaultyBus, there: Node, error: Exception
) -> None:
    """On a bus that nobody else reads: the fault is this node's."""
    await bus.publish("stranger", 1, write(state(1)))
    await eventually(lambda: there.versions == [1])
    bus.next_read_error = error
    await eventually(lambda: bus.next_read_error is None)
    failed = len(bus.reads)
    await bus.publish("stranger", 2, write(state(2)))
    await eventually(lambda: there.versions == [1, 2])
    assert bus.reads[failed] - bus.reads[failed - 1] >= 0.1 - RESOLUTION


async def test_an_outage_of_the_bus_and_its_end_are_logged_once_each(
    bus: FaultyBus, here: Node, caplog: pytest.LogCaptureFixture
) -> None:
    for outages in (1, 2):
        bus.down = True
        await eventually(lambda: caplog.text.count("bus reader failed") == outages)  # noqa: B023 - awaited at once
        await asyncio.sleep(0.3)  # for some more tries
        bus.down = False
        await eventually(lambda: caplog.text.count("bus reader recovered") == outages)  # noqa: B023 - awaited at once
        assert here.reloads == 1 + outages
    messages = [each.message for each in caplog.records]
    assert messages == ["bus reader failed, retrying: no", "bus reader recovered"] * 2
    assert caplog.records[1].__dict__["downtime_seconds"] > 0.2


async def test_after_a_gap_all_sessions_are_reloaded_and_reading_continues(
    there: Node, here: Node, bus: FaultyBus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.down = True
    await eventually(lambda: "bus reader failed" in caplog.text)
    for _ in range(1001):
        await super(FaultyBus, bus).publish("busy", 0, write(state(0)))
    bus.down = False
    await eventually(lambda: there.reloads == 2)
    send(here, [1])
    await eventually(lambda: there.versions[-1:] == [1])


async def test_behind_a_gap_reading_continues_though_a_full_server_takes_no_hello(
    there: Node, here: Node, bus: FaultyBus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.down = True
    await eventually(lambda: "bus reader failed" in caplog.text)
    for _ in range(1001):
        await super(FaultyBus, bus).publish("busy", 0, write(state(0)))
    bus.full, bus.down = True, False
    await eventually(lambda: there.reloads == 2)
    send(here, [1])
    await eventually(lambda: there.versions[-1:] == [1])
    await eventually(lambda: here.reloads == 2)
    said = [each for each in caplog.records if "no stream for this node yet" in each.message]
    assert len(said) == 2, "each node says so once"
    assert not bus.hellos("there")

    bus.full = False
    await eventually(lambda: bus.hellos("there"))
    assert there.reloads == 2


async def test_a_reload_after_a_gap_is_repeated_until_the_store_is_available(
    bus: FaultyBus,
) -> None:
    errors: list[Exception] = [StoreUnavailableError("no reply"), StoreUnavailableError("still")]

    def fail_twice() -> None:
        if errors:
            raise errors.pop()

    listener = Node(bus, "listener")
    listener.before_reload = fail_twice
    listener.relay.start()
    await eventually(lambda: listener.reloads == 3)
    await bus.publish("other", 1, write(state(1)))
    await eventually(lambda: listener.versions == [1])
    await listener.relay.aclose()
    assert listener.reloads == 3


async def test_a_reload_that_fails_is_logged_and_reading_continues(
    bus: FaultyBus, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Node(bus, "listener")

    def fail() -> None:
        raise RuntimeError("broken")

    listener.before_reload = fail
    listener.relay.start()
    await eventually(lambda: listener.reloads)
    await bus.publish("other", 1, write(state(1)))
    await eventually(lambda: listener.versions == [1])
    await listener.relay.aclose()
    assert "not reloaded after a gap" in caplog.text


async def test_the_lag_is_the_age_of_what_arrived_last(bus: FaultyBus, there: Node) -> None:
    offset = await bus.tail()
    old = offset._replace(ms=int(time.time() * 1000) - 3000)
    there.before = lambda _message: None
    await there.relay._receive(Entry(old, "here", 1, write(state(1))))
    assert there.relay.lag == pytest.approx(3, abs=0.5)
    await bus.publish("here", 2, write(state(2)))
    await eventually(lambda: there.versions == [1, 2])
    assert there.relay.lag < 1


async def test_how_long_nothing_could_be_read_is_measured(bus: FaultyBus, here: Node) -> None:
    await eventually(lambda: here.relay.unread < 0.2)
    bus.down = True
    await eventually(lambda: here.relay.unread > 0.5)
    bus.down = False
    await eventually(lambda: here.relay.unread < 0.2)


async def test_what_was_sent_before_the_end_is_published(bus: FaultyBus, there: Node) -> None:
    async with node(bus, "leaving") as leaving:
        send(leaving, range(50))
    await eventually(lambda: there.versions == list(range(50)))


async def test_it_closes_in_an_outage_and_may_be_closed_twice(bus: FaultyBus, there: Node) -> None:
    before = asyncio.all_tasks()
    async with node(bus, "leaving") as leaving:
        bus.down = True
        tries = bus.tries
        send(leaving, [1])
        await eventually(lambda: bus.tries > tries)
        await asyncio.wait_for(leaving.relay.aclose(), PATIENCE)
    assert asyncio.all_tasks() <= before, "nothing is written or read any more"


def state(version: int) -> EmitMessage:
    return EmitMessage(key=KEY, version=version, event="current count", value=version)


def send(node: Node, versions: "range | list[int]") -> None:
    for version in versions:
        node.relay.send(state(version))


def entries_of(bus: FaultyBus, node_id: str) -> list[Entry]:
    return [each for each in bus._entries if each.node_id == node_id and each.sequence]


async def test_what_is_published_during_the_reload_after_a_gap_is_delivered(
    there: Node, here: Node, bus: FaultyBus, caplog: pytest.LogCaptureFixture
) -> None:
    """P9: its session may have been read by then, so that the reload does not make up for it."""
    there.during_reload = partial(here.relay.publish, state(1), 5.0)
    bus.down = True
    await eventually(lambda: "bus reader failed" in caplog.text)
    for _ in range(1001):
        await super(FaultyBus, bus).publish("busy", 0, write(state(0)))
    bus.down = False
    await eventually(lambda: 1 in there.versions)


async def test_what_is_published_while_a_node_begins_is_delivered(
    here: Node, bus: FaultyBus
) -> None:
    late = Node(bus, "late")
    late.during_reload = partial(here.relay.publish, state(1), 5.0)
    late.relay.start()
    await eventually(lambda: late.versions == [1])
    await late.relay.aclose()


async def test_a_message_that_is_refused_is_not_said_to_be_taken(
    here: Node, there: Node, bus: FaultyBus
) -> None:
    """P8: who waits learns that it may not have been sent."""
    bus.refused = {1}
    tries = bus.tries
    publishing = asyncio.create_task(here.relay.publish(state(1), 5.0))
    await eventually(lambda: bus.tries > tries)
    assert not publishing.done()
    await publishing
    await eventually(lambda: there.versions == [1])


async def test_what_is_given_up_does_not_follow_later(
    here: Node, there: Node, bus: FaultyBus
) -> None:
    bus.refused = {1, 2}
    with pytest.raises(BusUnavailableError, match="in time: no"):
        await here.relay.publish(state(1), 0.05)
    send(here, [2])
    await eventually(lambda: there.versions[-1:] == [2])
    assert there.versions == [2]


async def test_however_often_messages_are_tried_they_keep_their_order(
    here: Node, there: Node, bus: FaultyBus
) -> None:
    bus.down = True
    tries = bus.tries
    send(here, [1, 2, 3])
    await eventually(lambda: bus.tries >= tries + 4)  # all at once, then the first alone
    bus.down = False
    await eventually(lambda: len(there.versions) == 3)
    assert there.versions == [1, 2, 3]
