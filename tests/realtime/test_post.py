"""A node's post: what it sends arrives in order, what it receives is applied once, and nothing ends it."""

import asyncio
import json
import pickle
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from app.realtime import post as module
from app.realtime.bus import Bus, Entry
from app.realtime.messages import Ended, Library, Message, Tell, write
from app.realtime.metrics import BUS_UNREAD
from app.realtime.post import Post
from app.sessions import StoreUnavailableError
from tests.contracts.parts import new_key
from tests.support.eventually import eventually
from tests.support.shaky_bus import ShakyBus

KEY = new_key()

NO_MESSAGES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe",
    "no object": b"[1, 2]",
    "no kind": b"{}",
    "an unknown kind": b'{"kind": "exec", "body": {}}',
    "fields missing": b'{"kind": "tell", "version": 1}',
    "no session key": b'{"kind": "ended", "key": "mooring:*"}',
    "a wrong type": json.dumps({"kind": "library", "body": "emit"}).encode(),
    "nested without end": b'{"kind": "library", "body": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "a pickle": pickle.dumps(print),
}


class Node:
    """A post whose deliveries are noted."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.received: list[Message] = []
        self.looks = 0
        self.before: Callable[[Message], None] = lambda _message: None
        self.before_look: Callable[[], None] = lambda: None
        self.post = Post(bus, self._deliver, self._look, node=name)

    @property
    def versions(self) -> list[int]:
        """What the messages of `tell` say, in the order of their arrival."""
        return [each.version for each in self.received if isinstance(each, Tell)]

    async def _deliver(self, message: Message) -> None:
        self.before(message)
        self.received.append(message)

    async def _look(self) -> None:
        self.looks += 1
        self.before_look()


@asynccontextmanager
async def node(bus: Bus, name: str) -> AsyncIterator[Node]:
    """A node that has begun to listen."""
    started = Node(bus, name)
    started.post.start()
    await eventually(lambda: started.looks)
    try:
        yield started
    finally:
        await started.post.aclose()


@pytest.fixture
def bus() -> ShakyBus:
    return ShakyBus()


@pytest.fixture
async def here(bus: ShakyBus) -> AsyncIterator[Node]:
    async with node(bus, "here") as started:
        yield started


@pytest.fixture
async def there(bus: ShakyBus) -> AsyncIterator[Node]:
    async with node(bus, "there") as started:
        yield started


async def test_messages_arrive_at_the_other_node_in_order_and_not_at_their_own(
    here: Node, there: Node
) -> None:
    sent = [tell(1), Ended(key=KEY), Library(body={"method": "emit"}), tell(2)]
    for message in sent:
        here.post.send(message)
    await eventually(lambda: there.received == sent)
    there.post.send(tell(3))
    await eventually(lambda: here.received == [tell(3)])
    assert there.received == sent


async def test_a_node_looks_at_all_sessions_when_it_begins_to_listen(here: Node) -> None:
    assert here.looks == 1
    assert here.received == []


@pytest.mark.parametrize("text", NO_MESSAGES.values(), ids=NO_MESSAGES)
async def test_what_is_no_message_is_logged_and_skipped(
    bus: ShakyBus, here: Node, there: Node, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await bus.publish("stranger", 0, text)
    here.post.send(tell(1))
    await eventually(lambda: there.versions == [1])
    assert len(there.received) == 1
    assert "does not parse" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_greeting_is_no_news_to_anybody(
    bus: ShakyBus, here: Node, caplog: pytest.LogCaptureFixture
) -> None:
    async with node(bus, "newcomer") as newcomer:
        newcomer.post.send(tell(1))
        await eventually(lambda: here.versions == [1])
    assert caplog.records == []


async def test_a_message_that_came_twice_is_applied_once(
    bus: ShakyBus, here: Node, there: Node
) -> None:
    bus.unanswered = {1, 3}
    send(here, range(1, 5))
    await eventually(lambda: len(entries_of(bus, "here")) == 6)
    await eventually(lambda: there.post.lag >= 0 and there.versions == [1, 2, 3, 4])
    send(here, [5])
    await eventually(lambda: there.versions == [1, 2, 3, 4, 5])


async def test_a_node_that_was_started_anew_is_not_taken_for_an_echo_of_itself(
    bus: ShakyBus, there: Node
) -> None:
    for name in ("first life", "second life"):
        async with node(bus, name) as again:
            send(again, [1])
    await eventually(lambda: there.versions == [1, 1])


async def test_a_message_without_a_number_is_never_taken_for_an_echo(
    bus: ShakyBus, there: Node
) -> None:
    for _ in range(2):
        await bus.publish("here", 0, write(tell(1)))
    await eventually(lambda: there.versions == [1, 1])


async def test_what_was_sent_in_an_outage_arrives_after_it_in_order_and_once(
    bus: ShakyBus, here: Node, there: Node
) -> None:
    send(here, [1])
    await eventually(lambda: there.versions == [1])
    bus.away = True
    send(here, range(2, 40))
    await eventually(lambda: bus.tries > 40)
    send(here, range(40, 52))
    bus.away = False
    await eventually(lambda: there.versions == list(range(1, 52)))


async def test_in_an_outage_one_message_is_tried_at_a_time(
    bus: ShakyBus, here: Node, there: Node
) -> None:
    bus.away = True
    send(here, range(1000))
    await eventually(lambda: bus.tries > 1003)
    assert bus.tries < 1020


async def test_a_message_that_was_refused_while_later_ones_were_taken_is_not_lost(
    bus: ShakyBus, here: Node, there: Node
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
    bus: ShakyBus, here: Node, there: Node
) -> None:
    for version in range(100):
        send(here, [version])
        for _ in range(version % 7):
            await asyncio.sleep(0)
    await eventually(lambda: there.versions == list(range(100)))


async def test_an_outage_that_lasts_too_long_loses_the_oldest_messages(
    bus: ShakyBus, here: Node, there: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OUTBOX", 10)
    bus.away = True
    send(here, range(25))
    await eventually(lambda: bus.tries > 1)
    send(here, range(25, 50))
    bus.away = False
    await eventually(lambda: there.versions[-1:] == [49])
    assert there.versions[-10:] == list(range(40, 50))
    assert len(there.versions) <= 11


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), StoreUnavailableError("away"), KeyError(1)]
)
async def test_a_message_that_cannot_be_applied_is_logged_and_the_next_one_is(
    here: Node, there: Node, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(message: Message) -> None:
        if message == tell(2):
            raise error

    there.before = refuse
    send(here, [1, 2, 3])
    await eventually(lambda: there.versions == [1, 3])
    assert "was not applied: tell" in caplog.text


async def test_a_delivery_that_never_ends_holds_up_the_others_for_a_while_only(
    bus: ShakyBus, here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    arrived, began = [], []

    async def look() -> None:
        began.append(True)

    async def deliver(message: Message) -> None:
        arrived.append(message)
        if message == tell(1):
            await asyncio.Event().wait()

    slow = Post(bus, deliver, look, node="slow")
    slow.start()
    await eventually(lambda: began)
    send(here, [1, 2])
    await eventually(lambda: arrived == [tell(1), tell(2)])
    await slow.aclose()


@pytest.mark.parametrize("error", [RuntimeError("broken"), StoreUnavailableError("away")])
async def test_a_reader_that_stumbles_goes_on_at_the_same_place(
    bus: ShakyBus, here: Node, there: Node, error: Exception
) -> None:
    send(here, [1])
    await eventually(lambda: there.versions == [1])
    bus.stumble = error
    await eventually(lambda: bus.stumble is None)
    send(here, [2])
    await eventually(lambda: there.versions == [1, 2])


async def test_an_outage_of_the_bus_is_logged_once_and_so_is_its_end(
    bus: ShakyBus, here: Node, caplog: pytest.LogCaptureFixture
) -> None:
    bus.away = True
    await eventually(lambda: "cannot be read" in caplog.text)
    await asyncio.sleep(0.3)  # for some more tries
    bus.away = False
    await eventually(lambda: "is read again" in caplog.text)
    messages = [each.message for each in caplog.records]
    assert messages == ["the bus cannot be read: no", "the bus is read again"]


async def test_after_a_gap_all_sessions_are_looked_at_and_reading_goes_on(
    there: Node, here: Node, bus: ShakyBus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.away = True
    await eventually(lambda: "cannot be read" in caplog.text)
    for _ in range(1001):
        await super(ShakyBus, bus).publish("busy", 0, write(tell(0)))
    bus.away = False
    await eventually(lambda: there.looks == 2)
    send(here, [1])
    await eventually(lambda: there.versions[-1:] == [1])


async def test_a_look_after_a_gap_is_repeated_until_the_store_answers(bus: ShakyBus) -> None:
    errors: list[Exception] = [StoreUnavailableError("away"), StoreUnavailableError("still")]

    def fail_twice() -> None:
        if errors:
            raise errors.pop()

    listener = Node(bus, "listener")
    listener.before_look = fail_twice
    listener.post.start()
    await eventually(lambda: listener.looks == 3)
    await bus.publish("other", 1, write(tell(1)))
    await eventually(lambda: listener.versions == [1])
    await listener.post.aclose()
    assert listener.looks == 3


async def test_a_look_that_breaks_is_logged_and_reading_goes_on(
    bus: ShakyBus, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Node(bus, "listener")

    def fail() -> None:
        raise RuntimeError("broken")

    listener.before_look = fail
    listener.post.start()
    await eventually(lambda: listener.looks)
    await bus.publish("other", 1, write(tell(1)))
    await eventually(lambda: listener.versions == [1])
    await listener.post.aclose()
    assert "not looked at" in caplog.text


async def test_the_lag_is_the_age_of_what_arrived_last(bus: ShakyBus, there: Node) -> None:
    position = await bus.tail()
    old = position._replace(ms=int(time.time() * 1000) - 3000)
    there.before = lambda _message: None
    await there.post._receive(Entry(old, "here", 1, write(tell(1))))
    assert there.post.lag == pytest.approx(3, abs=0.5)
    await bus.publish("here", 2, write(tell(2)))
    await eventually(lambda: there.versions == [1, 2])
    assert there.post.lag < 1


async def test_how_long_nothing_could_be_read_is_measured(bus: ShakyBus, here: Node) -> None:
    await eventually(lambda: unread() < 0.2)
    bus.away = True
    await eventually(lambda: unread() > 0.5)
    bus.away = False
    await eventually(lambda: unread() < 0.2)


async def test_what_was_sent_before_the_end_is_published(bus: ShakyBus, there: Node) -> None:
    async with node(bus, "leaving") as leaving:
        send(leaving, range(50))
    await eventually(lambda: there.versions == list(range(50)))


async def test_it_ends_in_an_outage_and_may_be_closed_twice(bus: ShakyBus) -> None:
    async with node(bus, "leaving") as leaving:
        bus.away = True
        send(leaving, [1])
        began = time.monotonic()
        await leaving.post.aclose()
        assert time.monotonic() - began < 2
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("bus ")]


def tell(version: int) -> Tell:
    return Tell(key=KEY, version=version, event="current count", value=version)


def send(node: Node, versions: "range | list[int]") -> None:
    for version in versions:
        node.post.send(tell(version))


def entries_of(bus: ShakyBus, origin: str) -> list[Entry]:
    return [each for each in bus._entries if each.origin == origin and each.number]


def unread() -> float:
    """What the metric says."""
    [sample] = [each for metric in BUS_UNREAD.collect() for each in metric.samples]
    return float(sample.value)
