"""P20: an event with `once=True` takes effect once, and its repeats get the first ack."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, HTTPException

from app import EmitterDep
from app.realtime.event_error import EventError
from app.realtime.events import EventRouter
from app.realtime.once import MAX_ACK_BYTES
from app.sessions import Session
from app.sessions.attempt import UNKNOWN_AFTER_SECONDS
from app.sessions.stores.memory import MemoryStore
from tests.realtime.two_nodes import Client, Cluster
from tests.sessions.handles import count_up
from tests.support.clock import Clock
from tests.support.eventually import eventually

ID, OTHER_ID = "an id of an event", "another one's id"


class Till:
    """A router with events that take effect once, and what its handlers saw."""

    def __init__(self) -> None:
        self.router = router = EventRouter()
        self.seen: list[tuple[Any, ...]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.ack: Any = None
        self.error: Exception | None = None

        @router.on("pay", once=True)
        async def pay(session: Session, amount: int, note: str = "") -> int:
            self.seen.append((amount, note))
            await self.open.wait()
            return await session.transact(count_up)

        @router.on("any", once=True)
        async def any_(session: Session, *more: int) -> Any:
            self.seen.append(more)
            session["seen"] = len(self.seen)
            await session.transact(count_up)
            if self.error is not None:
                raise self.error
            return self.ack

        async def late() -> AsyncIterator[int]:
            yield 7
            self.seen.append(("left",))

        @router.on("late", once=True)
        async def late_(
            session: Session, seven: Annotated[int, Depends(late, scope="request")]
        ) -> int:
            return seven + await session.transact(count_up)

        @router.on("show")
        async def show(session: Session, emitter: EmitterDep, key: str) -> int:
            count = await session.transact(count_up, once=key)
            await emitter.publish("shown", count, session=session)
            return count

        @router.on("count")
        async def count(session: Session) -> int:
            return int(session.get("count", 0))


@pytest.fixture
def till() -> Till:
    """The events."""
    return Till()


@pytest.fixture
def clock() -> Clock:
    """The store's clock."""
    return Clock()


@pytest.fixture
async def clients(till: Till, clock: Clock) -> AsyncIterator[list[Client]]:
    """Two clients of one session, each on a node of its own."""
    cluster = Cluster(till.router, MemoryStore(clock=clock))
    for name in ("one", "other"):
        cluster.add(name).start()
    async with cluster.client(0) as one, cluster.client(1) as other:
        for client in (one, other):
            await client.join()
        yield [one, other]
    for node in cluster.nodes:
        await node.aclose()


async def test_a_repeat_gets_the_first_ack_on_any_node(till: Till, clients: list[Client]) -> None:
    one, other = clients
    assert await one.emit("pay", ID, 5) == 1
    assert await one.emit("pay", OTHER_ID, 5) == 2
    for client in clients:
        assert await client.emit("pay", ID, 5) == 1
    assert till.seen == [(5, ""), (5, "")], "the handler gets no id"
    assert await other.emit("count") == 2


async def test_a_repeat_waits_for_the_first_on_another_node(
    till: Till, clients: list[Client]
) -> None:
    one, other = clients
    till.open.clear()
    first = asyncio.create_task(one.emit("pay", ID, 5))
    await eventually(lambda: bool(till.seen), within=10.0)
    second = asyncio.create_task(other.emit("pay", ID, 5))
    await asyncio.sleep(0)
    assert not second.done()
    till.open.set()
    assert [await first, await second] == [1, 1]
    assert till.seen == [(5, "")]


async def test_half_a_minute_later_the_first_is_taken_for_dead(
    till: Till, clients: list[Client], clock: Clock
) -> None:
    one, other = clients
    till.open.clear()
    first = asyncio.create_task(one.emit("pay", ID, 5))
    await eventually(lambda: bool(till.seen), within=10.0)
    clock.move(UNKNOWN_AFTER_SECONDS + 1)
    assert _type(await other.emit("pay", ID, 5)) == "outcome-unknown"
    till.open.set()
    await first
    assert await other.emit("pay", ID, 5) == 1


@pytest.mark.parametrize(
    "arguments", [[], [1], ["1234567"], ["x" * 65], [None, 5], [{"id": ID}, 5]]
)
async def test_the_first_argument_has_to_be_an_id(
    till: Till, clients: list[Client], arguments: list[Any]
) -> None:
    refused = await clients[0].emit("pay", *arguments)
    assert _type(refused) == "invalid-payload"
    assert "id" in refused["error"]["detail"]
    assert not till.seen


async def test_what_is_behind_the_id_is_validated_as_ever(
    till: Till, clients: list[Client]
) -> None:
    one, _ = clients
    for arguments, says in (
        ([], "'pay' takes 1 to 2 arguments behind its id, not 0"),
        (["5"], "amount: Input should be a valid integer"),
        ([1, "a", 2], "'pay' takes 1 to 2 arguments behind its id, not 3"),
    ):
        refused = await one.emit("pay", ID, *arguments)
        assert refused["error"]["detail"] == says
    assert await one.emit("pay", ID, 5) == 1, "what is refused changes nothing, and its id is free"
    assert till.seen == [(5, "")]


@pytest.mark.parametrize(("event", "arguments"), [("pay", [6]), ("pay", [5, "x"]), ("any", [5])])
async def test_an_id_that_was_another_event_s_is_refused(
    clients: list[Client], event: str, arguments: list[Any]
) -> None:
    one, other = clients
    assert await one.emit("pay", ID, 5) == 1
    assert _type(await other.emit(event, ID, *arguments)) == "idempotency-key-reused"
    assert await other.emit("count") == 1


@pytest.mark.parametrize("ack", [None, False, {"at": [1, 2.5]}, "Zoë", (), (1,), (1, "two", None)])
async def test_an_ack_is_repeated_as_it_was(till: Till, clients: list[Client], ack: Any) -> None:
    till.ack = ack
    first = await clients[0].emit("any", ID, 1, 2)
    till.ack = "another"
    assert await clients[1].emit("any", ID, 1, 2) == first
    assert till.seen == [(1, 2)]


@pytest.mark.parametrize("error", [EventError("no", "no"), HTTPException(403), LookupError()])
async def test_a_refused_event_is_handled_again_and_counts_once(
    till: Till, clients: list[Client], error: Exception
) -> None:
    till.error = error
    assert "error" in await clients[0].emit("any", ID)
    till.error, till.ack = None, "now"
    for client in clients:
        assert await client.emit("any", ID) == "now"
    assert len(till.seen) == 2
    assert await clients[0].emit("count") == 1


async def test_an_ack_that_is_too_large_is_made_again_and_counts_once(
    till: Till, clients: list[Client]
) -> None:
    till.ack = "x" * MAX_ACK_BYTES
    for client in clients:
        assert await client.emit("any", ID) == till.ack
    assert len(till.seen) == 2
    assert await clients[0].emit("count") == 1


async def test_what_is_left_behind_the_ack_changes_nothing_about_it(
    till: Till, clients: list[Client]
) -> None:
    for client in clients:
        assert await client.emit("late", ID) == 8
    assert till.seen == [("left",)]


async def test_the_old_answer_of_a_repeat_follows_no_newer_state(clients: list[Client]) -> None:
    one, other = clients
    shown: list[list[object]] = []
    for key, count in (("first key", 1), ("second key", 2), ("first key", 1), ("third key", 3)):
        assert await one.emit("show", key) == count
    while len(shown) < 3:
        shown.append(await other.event())
    assert shown == [["shown", 1], ["shown", 2], ["shown", 3]]


def test_the_declared_arguments_begin_with_the_id() -> None:
    router = EventRouter()

    @router.on("pay", once=True)
    async def pay(amount: int, note: str = "") -> None: ...

    @router.on("named", once=True)
    async def named(id: int) -> None: ...  # noqa: A002 - what is tested

    event, other = router.get("pay"), router.get("named")
    assert event is not None
    assert other is not None
    assert (event.names, len(event.arguments), event.required) == (["id", "amount", "note"], 3, 2)
    assert other.names == ["once_id", "id"]


def _type(ack: Any) -> str:
    return str(ack["error"]["type"])
