"""RealtimeService: composed without an event loop, several in one process, with its options."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from app.realtime.bus.base import MemoryBus
from app.realtime.bus.messages import Message, SessionEndedMessage, write
from app.realtime.bus.relay import BusRelay
from app.realtime.codec import LibraryCodec
from app.realtime.emitter import Emitter
from app.realtime.events import EventRouter
from app.realtime.fast_codec import FastCodec
from app.realtime.metrics import BUS_LAG, BUS_UNREAD
from app.realtime.service import RealtimeService
from app.sessions import (
    EndReason,
    MemoryStore,
    Session,
    SessionManager,
    StoreUnavailableError,
)
from tests.realtime.in_process import POLICY, new_manager, new_service, polling_client
from tests.support.eventually import PATIENCE, eventually
from tests.support.faulty_bus import FaultyBus
from tests.support.hooked_store import HookedStore


@pytest.fixture
def router() -> EventRouter:
    """An event that publishes, and one that holds a value back."""
    router = EventRouter()
    router.sends("count", int, state=lambda data: data.get("count", 0))

    @router.on("incr")
    async def incr(session: Session, emitter: Emitter) -> int:
        count = await session.transact(_add_one)
        await emitter.publish("count", count, session=session)
        return count

    @router.on("echo")
    async def echo(value: list[int]) -> list[int]:
        return value

    return router


def _add_one(data: dict[str, int]) -> int:
    data["count"] = data.get("count", 0) + 1
    return data["count"]


@asynccontextmanager
async def running(service: RealtimeService) -> AsyncIterator[RealtimeService]:
    """Start a service, and close it."""
    service.start()
    yield service
    await service.aclose()
    await service.aclose()


def _metric(name: str) -> float:
    value = REGISTRY.get_sample_value(name)
    assert value is not None
    return value


def _sockets() -> float:
    return REGISTRY.get_sample_value("mooring_sockets", {"transport": "polling"}) or 0.0


def test_it_is_composed_without_an_event_loop() -> None:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    new_service()


@pytest.mark.parametrize("fast_codec", [True, False])
async def test_events_are_the_same_with_either_codec(router: EventRouter, fast_codec: bool) -> None:
    manager = new_manager()
    service = new_service(router, manager=manager, fast_codec=fast_codec)
    assert isinstance(service.sender.codec, FastCodec) == fast_codec
    assert type(service.sender.codec) is (FastCodec if fast_codec else LibraryCodec)
    async with running(service), polling_client(service, manager) as client:
        await client.post('421["incr"]', '422["echo",[1,2]]')
        await service.server.executor.drain()
        assert await client.poll() == ['42["count",1]', "431[1]", "432[[1,2]]"]


async def test_a_handler_that_waited_for_a_cancelled_task_is_answered(router: EventRouter) -> None:
    @router.on("wait")
    async def wait() -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    manager = new_manager()
    service = new_service(router, manager=manager)
    async with running(service), polling_client(service, manager) as client:
        await client.post('421["wait"]', '422["echo",[1]]')
        await service.server.executor.drain()
        failed, echoed = await client.poll()
        assert failed.startswith('431[{"error":{"type":"internal-error"')
        assert echoed == "432[[1]]"


def test_several_run_in_one_process_each_on_its_own_loop(router: EventRouter) -> None:
    before = _sockets()
    connected = threading.Barrier(3)
    counted = threading.Barrier(3)
    counts: list[list[str]] = []

    async def run() -> None:
        manager = new_manager()
        service = new_service(router, manager=manager)
        async with running(service), polling_client(service, manager) as client:
            await asyncio.to_thread(connected.wait, 10.0)
            await client.post('421["incr"]')
            counts.append(await client.poll())
            await asyncio.to_thread(counted.wait, 10.0)

    threads = [threading.Thread(target=asyncio.run, args=(run(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    connected.wait(10.0)
    assert _sockets() == before + 2
    counted.wait(10.0)
    for thread in threads:
        thread.join(10.0)
    assert [each[0] for each in counts] == ['42["count",1]'] * 2
    assert _sockets() == before


async def test_the_metrics_of_the_bus_are_the_node_s_whatever_a_worker_in_its_process_reads(
    router: EventRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        BUS_UNREAD, "_sources", []
    )  # other tests may have left nodes that were killed
    bus, elsewhere = FaultyBus(), MemoryBus(wait=0.05)
    received: list[Message] = []
    began = asyncio.Event()

    async def deliver(message: Message) -> None:
        received.append(message)

    async def begin() -> None:
        began.set()

    worker = BusRelay(elsewhere, deliver, begin, node="outside", addressed=False)
    BUS_LAG.set(42.0)
    async with running(new_service(router, bus=bus)):
        await eventually(lambda: _metric("mooring_bus_unread_seconds") < 0.2)
        worker.start()
        bus.down = True
        await eventually(lambda: _metric("mooring_bus_unread_seconds") > 0.5)
        await began.wait()
        await elsewhere.publish("another", 1, write(SessionEndedMessage(key="0" * 64)))
        await eventually(lambda: received and worker.unread < 0.2)
        assert _metric("mooring_bus_unread_seconds") > 0.5
        assert _metric("mooring_bus_lag_seconds") == 42.0
        bus.down = False
        await eventually(lambda: _metric("mooring_bus_unread_seconds") < 0.2)
    await worker.aclose()
    assert _metric("mooring_bus_unread_seconds") == 0.0, "there is no node"


async def test_state_of_one_session_reaches_its_sockets_on_other_nodes_in_order(
    router: EventRouter,
) -> None:
    manager, bus = new_manager(), MemoryBus(wait=0.05)
    here = new_service(router, manager=manager, bus=bus, node_id="here")
    there = new_service(router, manager=manager, bus=bus, node_id="there")
    async with running(here), running(there), polling_client(there, manager) as client:
        session = await _only_session(manager, there)
        for value in (3, 1, 2):  # all at one version
            await here.emitter.publish("count", value, session=session)
        received: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while len(received) < 3:
                received += await client.poll()
        assert received == [f'42["count",{value}]' for value in (3, 1, 2)]
        assert await there.emitter.count(session) == 1


async def test_missed_state_is_sent_again_at_the_reload(router: EventRouter) -> None:
    manager = new_manager()
    service = new_service(router, manager=manager)
    async with running(service), polling_client(service, manager) as client:
        session = await _only_session(manager, service)
        await session.transact(_add_one)  # and nothing is published
        await service.reconciler.reload([session.key])
        assert await client.poll() == ['42["count",1]']


async def test_state_that_cannot_be_read_keeps_nobody_from_connecting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = EventRouter()
    router.sends("count", int, state=lambda data: data["no such key"])
    manager = new_manager()
    service = new_service(router, manager=manager)
    async with running(service), polling_client(service, manager):
        assert "cannot read the state of 'count' from a session" in caplog.text


async def test_the_heartbeat_is_an_option() -> None:
    manager = new_manager()
    service = new_service(manager=manager, ping_interval=0.3, ping_timeout=0.3)
    async with running(service), polling_client(service, manager) as client:
        assert (client.opened["pingInterval"], client.opened["pingTimeout"]) == (300, 300)
        assert await client.poll() == ["2"]
        assert await client.poll() == ["1"]  # no pong has come


async def test_waiting_events_are_limited_by_an_option(router: EventRouter) -> None:
    manager = new_manager()
    service = new_service(router, manager=manager, max_events=1)
    async with running(service), polling_client(service, manager) as client:
        await client.post('421["echo",[1]]', '422["echo",[2]]', '423["echo",[3]]')
        await service.server.executor.drain()
        answers = await client.poll()
        assert answers[0].startswith('433[{"error":{"type":"too-many-events"')
        assert answers[1:] == ["431[[1]]", "432[[2]]"]


async def _only_session(manager: SessionManager, service: RealtimeService) -> Session:
    """Return a session of its own for the key that has sockets."""
    [key] = service.registry.keys()
    record = await manager.load_live(key)
    return manager.attach(key, record)


async def test_a_message_that_comes_before_the_end_is_not_forgotten_for_an_event(
    router: EventRouter,
) -> None:
    manager = new_manager()
    async with (
        running(new_service(router, manager=manager)) as service,
        polling_client(service, manager) as client,
    ):
        [key] = service.registry.keys()
        await service._deliver(SessionEndedMessage(key=key))  # of a node that is about to end it
        await client.post('420["echo",[1]]')  # its read finds the session alive
        assert await client.poll() == ["430[[1]]"]
        await manager.store.end(key, EndReason.REVOKED, keep=60.0)

        async with asyncio.timeout(10.0):
            assert (await client.poll())[-1:] != ["2"]
        assert not service.registry.connected(key)


@pytest.mark.parametrize("after", ["a stop", "a gap"])
async def test_what_is_no_socket_is_checked_though_those_of_sockets_cannot_be(
    router: EventRouter, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    service = new_service(router)
    checked = asyncio.Event()

    async def fail() -> None:
        raise StoreUnavailableError("out of reach")

    async def check() -> None:
        checked.set()

    monkeypatch.setattr(service.reconciler, "reload_all", fail)
    service.on_reload_all = check
    reload_all = service.stop._reload if after == "a stop" else service.relay._on_gap
    with pytest.raises(StoreUnavailableError):
        await reload_all()
    assert checked.is_set()


async def test_an_end_whose_reply_was_lost_ends_the_sockets_here_too(router: EventRouter) -> None:
    """P6: the store has the end, nobody repeats the call, and no other node reports it."""
    store = HookedStore(MemoryStore())
    manager = SessionManager(store, POLICY)
    async with (
        running(new_service(router, manager=manager)) as service,
        polling_client(service, manager),
    ):
        [key] = service.registry.keys()

        async def lose() -> None:
            await store.inner.end(key, EndReason.LOGOUT, keep=60.0)
            raise StoreUnavailableError("the reply was lost")

        store.before("end", lose)
        with pytest.raises(StoreUnavailableError):
            await manager.ends.destroy(key)
        await eventually(lambda: not service.registry.connected(key))
