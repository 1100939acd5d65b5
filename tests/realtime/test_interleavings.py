"""Handlers of one socket, reloads and other writers in any order: no acknowledged write is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.realtime.events import EventContext, EventRouter
from app.realtime.service import RealtimeService
from app.realtime.session_sockets import Member
from app.sessions import Record, Session, SessionDataError, SessionManager
from tests.realtime.in_process import POLICY, new_service
from tests.support.hooked_store import HookedStore
from tests.support.samples import PROOF, times
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store

WRITERS = range(3)
SHARED = "log"

OPERATIONS = (
    "nest",
    "hold",
    "set",
    "delete",
    "transact",
    "count",
    "save",
    "reload",
    "shared",
    "take",
)
NODE_ACTS = ("reload", "reload all", "reconcile", "connect")


@dataclass(frozen=True)
class Step:
    """One thing that is done: by a writer, if it is a number, or by the node."""

    actor: int
    act: str
    wait: bool
    """Let it finish before the next step begins."""


operations = st.builds(Step, st.sampled_from(WRITERS), st.sampled_from(OPERATIONS), st.booleans())
node_acts = st.builds(Step, st.just(-1), st.sampled_from(NODE_ACTS), st.booleans())
ends = st.builds(Step, st.sampled_from(WRITERS), st.just("end"), st.booleans())
steps = st.lists(operations | operations | operations | node_acts | ends, max_size=25)


class Writer:
    """An event's handler, or a request, which does what it is sent and keeps a list of its writes.

    Each has keys of its own, as plain writes are merged by key: `n…` holds a list of lists, `s…` a value,
    `d…` is deleted. All of them append to `log` by transactions, and one at a time holds that list too.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.commands: asyncio.Queue[tuple[str, asyncio.Future[None]]] = asyncio.Queue()
        self.nested: list[str] = []
        self.transacted: list[str] = []
        self.shared: list[str] = []
        self.value: str | None = None
        self.deleted = False
        self.tokens = 0

    async def __call__(self, session: Session) -> None:
        """Do what is sent until it is to end."""
        self.session = session
        await self._hold("")
        while True:
            act, done = await self.commands.get()
            try:
                if act == "end":
                    return
                self.tokens += 1
                await getattr(self, f"_{act}")(f"{self.number}-{self.tokens}")
            finally:
                done.set_result(None)

    async def _hold(self, _token: str) -> None:
        self.held, self.log = self.session[f"n{self.number}"], self.session[SHARED]

    async def _nest(self, token: str) -> None:
        self.held["in"].append(token)
        self.nested.append(token)

    async def _shared(self, token: str) -> None:
        self.log.append(token)
        self.shared.append(token)

    async def _set(self, token: str) -> None:
        self.session[f"s{self.number}"] = token
        self.value = token

    async def _delete(self, _token: str) -> None:
        self.session.pop(f"d{self.number}", None)
        self.deleted = True

    async def _transact(self, token: str) -> None:
        await self.session.transact(lambda data: data[SHARED].append(token))
        self.transacted.append(token)

    async def _take(self, token: str) -> None:
        """Go on with what a transaction returned."""
        self.held = await self.session.transact(lambda data: self._grown(data, token))
        self.nested.append(token)

    def _grown(self, data: dict[str, Any], token: str) -> Any:
        held = data[f"n{self.number}"]
        held["in"].append(token)
        return held

    async def _count(self, _token: str) -> None:
        await self.session.transact(lambda data: data.update(n=data["n"] + 1))

    async def _save(self, _token: str) -> None:
        await self.session.save()

    async def _reload(self, _token: str) -> None:
        await self.session.save()  # a reload drops what is not stored, as it says
        await self.session.reload()


class World:
    """A node with one socket, its handlers under way, and a writer on another node."""

    def __init__(self, store: HookedStore) -> None:
        self.manager = SessionManager(store, POLICY)
        self.other_node = SessionManager(store, POLICY)
        self.writers = [Writer(number) for number in WRITERS]
        self.running: dict[int, asyncio.Task[Any]] = {}
        self.refused: set[int] = set()
        router = EventRouter()

        @router.on("act")
        async def act(context: EventContext, number: int) -> str:
            await self.writers[number](context.session)
            return "ack"

        @router.on("act blindly", reload=False)
        async def act_blindly(context: EventContext, number: int) -> str:
            await self.writers[number](context.session)
            return "ack"

        self.service: RealtimeService = new_service(router, manager=self.manager)
        self.socket: Member

    async def run(self, script: list[Step], blindly: bool) -> dict[str, Any]:
        """Do all that is in a script; return what is stored in the end."""
        session = await self.manager.create()
        initial: dict[str, Any] = {SHARED: [], "n": 0}
        for number in WRITERS:
            initial |= {f"n{number}": {"in": []}, f"s{number}": None, f"d{number}": 1}
        await session.transact(lambda data: data.update(initial))
        self.key = session.key
        await self.connect()
        # Two events of the socket, and a request that another node serves.
        for number in WRITERS[:2]:
            name = "act blindly" if blindly else "act"
            event = self._dispatcher.handle(self.socket, name, (number,), time.monotonic())
            self.running[number] = asyncio.create_task(event)
        self.running[2] = asyncio.create_task(self._request(2))
        waiting = [await self._step(step) for step in script]
        waiting += [await self._step(Step(number, "end", wait=False)) for number in WRITERS]
        await asyncio.wait(waiting)
        for number, task in self.running.items():
            if await task != "ack":
                self.refused.add(number)
        found = await self.manager.load_live(self.key)
        return dict(self.manager.attach(self.key, found))

    async def connect(self) -> None:
        """Have a socket that has loaded the session."""
        name = f"engine {len(self.service.registry)}"
        connection = self.service.registry.register(name, self.key)
        found = await self.service.reconciler.load(connection.session_sockets)
        assert isinstance(found, Record)
        socket = self.service.registry.enter(connection, "/", name)
        socket.loaded = True
        connection.session_sockets.refresh(found)
        if not hasattr(self, "socket"):
            self.socket = socket

    @property
    def _dispatcher(self) -> Any:
        return self.service.server._dispatcher

    async def _request(self, number: int) -> str:
        """Do what a request does: load, handle, and save."""
        found = await self.other_node.find(self.key)
        assert isinstance(found, Record)
        session = self.other_node.attach(self.key, found)
        try:
            await self.writers[number](session)
            await session.save()
        except SessionDataError as error:
            return str(error)
        return "ack"

    async def _step(self, step: Step) -> "asyncio.Future[Any]":
        done: asyncio.Future[Any]
        if step.actor >= 0:
            done = self._send(step.actor, step.act)
        else:
            done = asyncio.ensure_future(self._acts()[step.act]())
        if step.wait:
            await asyncio.wait([done])
        return done

    def _send(self, number: int, act: str) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self.running[number]
        if task.done():
            done.set_result(None)
            return done
        task.add_done_callback(
            lambda _: done.cancel()
        )  # of one that has failed before it came to this
        self.writers[number].commands.put_nowait((act, done))
        return done

    def _acts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        reconciler = self.service.reconciler
        return {
            "reload": lambda: reconciler.reload([self.key]),
            "reload all": reconciler.reload_all,
            "reconcile": lambda: reconciler.reconcile([self.key]),
            "connect": self.connect,
        }


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def kept(any_store: StoreSettings, runner: asyncio.Runner) -> Iterator[HookedStore]:
    """A store for all examples; each of its calls takes a turn of the loop at least."""
    store = HookedStore(new_store(any_store))
    yield store
    runner.run(store.aclose())


@pytest.mark.proof
@settings(
    deadline=None,
    derandomize=not PROOF,
    max_examples=times(50, of=150),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=steps, blindly=st.booleans())
def test_no_acknowledged_write_is_lost(
    runner: asyncio.Runner, kept: HookedStore, script: list[Step], blindly: bool
) -> None:
    world = World(kept)

    stored = runner.run(world.run(script, blindly))

    plain = not any(writer.shared for writer in world.writers)
    for writer in world.writers:
        number = writer.number
        if number in world.refused:
            assert writer.shared, "nothing else is refused"
            continue
        assert stored[f"n{number}"] == {"in": writer.nested}
        assert stored[f"s{number}"] == writer.value
        assert (f"d{number}" in stored) is not writer.deleted
    if plain:  # else somebody has replaced the whole list, by a plain write
        transacted = [token for writer in world.writers for token in writer.transacted]
        assert sorted(stored[SHARED]) == sorted(transacted)


def test_a_list_that_is_held_while_other_events_and_reloads_come_is_stored(
    runner: asyncio.Runner, kept: HookedStore
) -> None:
    world = World(kept)
    script = [
        Step(1, "set", wait=True),
        Step(1, "transact", wait=True),
        Step(1, "end", wait=True),
        Step(-1, "reload", wait=True),
        Step(-1, "connect", wait=True),
        Step(0, "nest", wait=True),
    ]

    stored = runner.run(world.run(script, blindly=False))

    assert world.refused == set()
    assert stored["n0"] == {"in": ["0-1"]}
    assert stored["s1"] == "1-1"


def test_a_list_that_a_transaction_has_replaced_refuses_the_event_that_goes_on_with_it(
    runner: asyncio.Runner, kept: HookedStore, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(kept)
    script = [Step(0, act, wait=True) for act in ("hold", "transact", "shared")]

    stored = runner.run(world.run(script, blindly=False))

    assert world.refused == {0}
    assert stored[SHARED] == ["0-2"], "what the transaction has stored stays"
    assert "the handler of event 'act' failed: log: changed after newer data" in caplog.text
