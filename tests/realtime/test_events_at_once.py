"""What events do, and what clients receive of it, is the same whether they are handled at once or queued."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app import EmitterDep, EventError, EventRouter, SessionDep, SocketDep, to_socket
from app.realtime.engineio.websocket import WEBSOCKET
from app.realtime.service import RealtimeService
from tests.realtime.in_process import SessionLayer, new_manager, new_service

VISITOR: ContextVar[str] = ContextVar("visitor", default="nobody")

EVENTS = ["count", "slow", "plain", "in a thread", "fail", "refuse", "cancel", "variable", "room"]
STEPS = st.sampled_from([*EVENTS, "unknown", "bye", "rest"])


class OfferingWebSocket:
    """A WebSocket that offers what comes while its reader waits, as the server's own does."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.taken = 0
        self._take: Callable[[str], bool] | None = None
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._awaited = False

    def receive(self, text: str) -> None:
        """Receive a text from the client."""
        if self._take is not None and self._awaited and self._take(text):
            self.taken += 1
        else:
            self._awaited = False
            self._queue.put_nowait(text)

    def offer(self, take: Callable[[str], bool] | None) -> None:
        self._take = take

    async def wait(self) -> str:
        self._awaited = self._queue.empty()
        text = await self._queue.get()
        self._awaited = False
        if text is None:
            raise OSError
        return text

    def send_nowait(self, frame: str | bytes) -> bool:
        self.sent.append(frame)
        return True

    async def send(self, frame: str | bytes) -> None:
        self.sent.append(frame)

    async def close(self, code: int) -> None:
        self._queue.put_nowait(None)

    def abort(self) -> None:
        self._queue.put_nowait(None)


def add_one(data: dict[str, Any]) -> int:
    """Count one more."""
    data["count"] = data.get("count", 0) + 1
    return int(data["count"])


def router_of(log: list[str]) -> EventRouter:
    """Events that wait for nothing, for something, and that fail; some note their begin and their end."""
    events = EventRouter()
    add_events(events, log)
    add_failures(events)
    add_variables(events)
    return events


def add_events(events: EventRouter, log: list[str]) -> None:
    """Add those that are handled."""

    @events.on("count", reload=False)
    async def count(session: SessionDep, emitter: EmitterDep) -> int:
        number = await session.transact(add_one)
        await emitter.publish("counted", number, session=session)
        return number

    @events.on("slow")
    async def slow(session: SessionDep) -> int:
        log.append("slow begins")
        async with asyncio.timeout(10):
            await asyncio.sleep(0.001)
        session["slow"] = session.get("slow", 0) + 1
        log.append("slow ends")
        return int(session["slow"])

    @events.on("plain", reload=False)
    async def plain() -> None:
        log.append("plain")

    @events.on("in a thread", reload=False)
    def in_a_thread() -> str:
        return "from a thread"

    @events.on("room", reload=False)
    async def room(socket: SocketDep, emitter: EmitterDep) -> int:
        await socket.join("room")
        await emitter.emit("said", log[-1:], to="room")
        await emitter.emit("said to you", to=to_socket(socket.sid))
        return await emitter.count("room")

    @events.on("bye", reload=False)
    async def bye(socket: SocketDep) -> None:
        log.append("bye")
        await socket.disconnect()

    @events.on_disconnect
    async def gone(reason: str) -> None:
        log.append(f"gone: {reason}")


def add_failures(events: EventRouter) -> None:
    """Add those that are not handled."""

    @events.on("fail", reload=False)
    async def fail() -> None:
        raise ValueError

    @events.on("refuse", reload=False)
    async def refuse() -> None:
        raise EventError("no", "Not this.")

    @events.on("cancel", reload=False)
    async def cancel() -> None:
        raise asyncio.CancelledError


def add_variables(events: EventRouter) -> None:
    """Add those that set a variable of the context."""

    @events.on("variable", reload=False)
    async def variable() -> str:
        token = VISITOR.set("somebody")
        await asyncio.sleep(0)
        found = VISITOR.get()
        VISITOR.reset(token)
        return found

    @events.on("leaves a variable", reload=False)
    async def leave_variable() -> str:
        found = VISITOR.get()
        VISITOR.set("somebody")
        return found


@asynccontextmanager
async def connected(
    service: RealtimeService, layer: SessionLayer
) -> AsyncIterator[OfferingWebSocket]:
    """A WebSocket that is connected to the root."""
    websocket = OfferingWebSocket()
    scope = {
        "type": "websocket",
        "path": "/socket.io/",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [],
        "client": ("10.0.0.1", 1),
        WEBSOCKET: websocket,
    }

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(_message: Any) -> None:
        return

    serving = asyncio.create_task(layer(scope, receive, send))
    websocket.receive("40")
    while not any(str(each).startswith("40") for each in websocket.sent):
        await asyncio.sleep(0)
    yield websocket
    await websocket.close(1000)
    await serving


async def play(steps: list[str], *, at_once: bool) -> tuple[list[str], list[str], int]:
    """Send events; return what was sent, what handlers noted, and how many were taken at once."""
    log: list[str] = []
    manager = new_manager()
    service = new_service(router_of(log), manager=manager)
    if not at_once:
        service.server.engine.event_handler = None
    service.start()
    async with connected(service, SessionLayer(service, manager)) as websocket:
        for number, step in enumerate(steps):
            if step == "rest":
                await service.server.executor.drain()
                await asyncio.sleep(0)
            else:
                websocket.receive(f"42{number}{json.dumps([step])}")
        await service.server.executor.drain()
        await asyncio.sleep(0)
        await service.server.executor.drain()
        sent = [str(each) for each in websocket.sent]
    await service.server.executor.drain()
    await service.aclose()
    start = next(index for index, each in enumerate(sent) if each.startswith("40"))
    return sent[start + 1 :], log, websocket.taken


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(STEPS, max_size=8))
@example(EVENTS)
@example([step for event in EVENTS for step in (event, "rest", event)])
@example(["bye", "rest", "plain"])
@example(["slow", "bye", "plain", "count"])
def test_clients_and_handlers_see_no_difference(steps: list[str]) -> None:
    async def compare() -> None:
        sent, log, _ = await play(steps, at_once=True)
        assert (sent, log, 0) == await play(steps, at_once=False)

    asyncio.run(compare())


async def test_a_variable_that_an_event_sets_is_no_other_event_s() -> None:
    VISITOR.set("caller")
    sent, _, taken = await play(["leaves a variable", "rest", "leaves a variable"], at_once=True)
    assert taken == 2
    assert sent == ['430["caller"]', '432["caller"]']
    assert VISITOR.get() == "caller"


async def test_events_that_come_alone_are_handled_at_once() -> None:
    steps = [step for event in EVENTS for step in (event, "rest")]
    _, _, taken = await play(steps, at_once=True)
    assert taken == len(EVENTS)


@pytest.mark.parametrize("first", ["slow", "in a thread"])
async def test_events_behind_one_that_waits_are_not(first: str) -> None:
    _, _, taken = await play([first, "plain", "plain"], at_once=True)
    assert taken == 1
