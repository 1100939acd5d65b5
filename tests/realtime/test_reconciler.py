"""Reconciling: a reload refreshes every socket's session, and does nothing where nothing has changed."""

import logging
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest

from app.realtime.bus.base import BusUnavailableError
from app.realtime.presence import LocalPresence
from app.realtime.reconciler import UNUSED_SECONDS, SessionReconciler
from app.realtime.registry import SocketRegistry
from app.realtime.reload_task import CHUNK
from app.realtime.session_sockets import Connection, SessionSockets
from app.sessions import ConditionalResult, EndReason, Policy, Record, SessionManager
from app.sessions.stores.memory import MemoryStore
from tests.support.clock import Clock

POLICY = Policy(idle=60.0, absolute=600.0, tombstone=60.0, max_data=10_000)


class Node:
    """The sockets of a node, a session for them, and what its reloads led to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sessions = SessionManager(MemoryStore(clock=self.clock), POLICY)
        self.registry = SocketRegistry(Mock())
        self.reconciler = SessionReconciler(
            self.sessions, self.registry, self._disconnect, self._note_reload, extend=False
        )
        self.reloaded: list[int] = []
        self.ended: list[EndReason] = []

    async def _disconnect(self, _connection: Connection, reason: EndReason) -> None:
        self.ended.append(reason)

    def _note_reload(self, _sockets: SessionSockets, record: Record) -> None:
        self.reloaded.append(record.version)

    def connect(self, name: str, key: str, record: Record) -> SessionSockets:
        """Register a socket whose connect found a record; return those of its session."""
        socket = self.registry.register(name, key)
        self.registry.enter(socket, "/", name).loaded = True
        socket.session_sockets.refresh(record)
        socket.session_sockets.add_baseline(record.version)
        return socket.session_sockets


@pytest.fixture
def node() -> Node:
    """One with no socket yet."""
    return Node()


def _data(sockets: SessionSockets) -> bytes:
    assert sockets.record is not None
    return sockets.record.data


async def test_a_reload_is_what_the_next_events_work_on(
    node: Node,
) -> None:
    session = await node.sessions.create()
    sockets = node.connect("one", session.key, session._record)
    session["note"] = "new"
    await session.save()

    for _ in range(3):
        await node.reconciler.reload([session.key])
        assert _data(sockets) == b'{"note":"new"}'

    assert node.reloaded == [2]


async def test_a_reload_reaches_a_socket_that_came_late_with_an_old_record(node: Node) -> None:
    session = await node.sessions.create()
    old = session._record
    node.connect("one", session.key, old)
    session["note"] = "new"
    await session.save()
    await node.reconciler.reload([session.key])

    late = node.connect("late", session.key, old)
    await node.reconciler.reload([session.key])

    assert _data(late) == b'{"note":"new"}'
    assert node.reloaded == [2, 2]


async def test_a_reload_reports_a_change_that_another_load_has_found_first(node: Node) -> None:
    session = await node.sessions.create()
    sockets = node.connect("one", session.key, session._record)
    await node.reconciler.reload([session.key])
    session["note"] = "new"
    await session.save()
    await node.reconciler.reconcile([session.key])
    assert _data(sockets) == b'{"note":"new"}'

    await node.reconciler.reload([session.key])

    assert node.reloaded == [1, 2]


async def test_a_reload_in_which_one_session_fails_reloads_the_others(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = [await node.sessions.create() for _ in range(5)]
    for session in sessions:
        node.connect(session.key, session.key, session._record)
    broken = sessions[2].key

    def fail(sockets: SessionSockets, record: Record) -> None:
        assert sockets.key != broken
        node.reloaded.append(record.version)

    node.reconciler._on_reloaded = fail
    for _ in range(3):
        await node.reconciler.reload([session.key for session in sessions])

    assert node.reloaded == [1] * 4
    (fault,) = [each for each in caplog.records if each.levelno > logging.INFO]
    assert vars(fault)["session"] == broken[:8]


async def test_a_reload_that_finds_the_session_ended_disconnects_its_sockets(node: Node) -> None:
    session = await node.sessions.create()
    node.connect("one", session.key, session._record)
    await node.reconciler.reload([session.key])

    await session.destroy()
    await node.reconciler.reload([session.key])

    assert node.ended == [EndReason.LOGOUT]


async def test_after_a_gap_each_session_is_reloaded_however_many_there_are(node: Node) -> None:
    sessions = [await node.sessions.create() for _ in range(2 * CHUNK + 1)]
    for session in sessions:
        node.connect(session.key, session.key, session._record)
        await session.transact(_write)

    await node.reconciler.reload_all()

    assert node.reloaded == [2] * len(sessions)


def _write(data: dict[str, Any]) -> None:
    data["note"] = "missed"


async def test_what_a_failover_has_lost_is_told_though_the_reload_finds_its_version(
    node: Node,
) -> None:
    """P16: an event had told of version 3; the store has version 2 again, as the last reload found it."""
    session = await node.sessions.create()
    await session.transact(_write)
    sockets = node.connect("one", session.key, session._record)
    await node.reconciler.reload([session.key])
    assert sockets.accept("count", 3, "what was lost")

    await node.reconciler.reload([session.key])

    assert sockets.known_version == 2
    assert node.reloaded[1:] == [2, 2], "once as what went back, once as what was reloaded"


async def test_an_expired_session_s_hooks_are_told_whose_it_was(node: Node) -> None:
    session = await node.sessions.create()
    sockets = node.connect("one", session.key, session._record)
    expired: list[SessionSockets] = []
    node.reconciler.on_expired = expired.append
    await node.reconciler.disconnect_all(session.key, EndReason.LOGOUT)
    await node.reconciler.disconnect_all("of nobody", EndReason.EXPIRED)
    assert expired == []
    await node.reconciler.disconnect_all(session.key, EndReason.EXPIRED)
    assert expired == [sockets]


async def test_what_a_reload_finds_as_it_was_is_read_once(node: Node) -> None:
    session = await node.sessions.create()
    node.connect("one", session.key, session._record)
    await node.reconciler.reload([session.key])
    read: list[int] = []
    find = node.sessions.find_if_changed

    async def count(keys: Sequence[str], versions: Sequence[int]) -> list[ConditionalResult]:
        read.append(len(keys))
        return await find(keys, versions)

    node.sessions.find_if_changed = count  # type: ignore[method-assign] # it counts
    await node.reconciler.reload([session.key])
    assert (read, node.reloaded) == ([1], [1])


@pytest.mark.parametrize("why", ["unused", "a socket", "elsewhere", "just used", "no reply"])
async def test_a_session_that_nobody_has_used_is_discarded_and_no_other(
    node: Node, why: str
) -> None:
    """P21: it was opened by a handshake whose client never connected."""
    session = await node.sessions.create()
    presence = LocalPresence()
    if why == "a socket":
        node.connect("one", session.key, session._record)
    elif why == "elsewhere":
        presence = Elsewhere()
    elif why == "just used":
        assert session.id is not None
        assert await node.sessions.load(session.id) is not None
    elif why == "no reply":
        presence = OutOfReach()
    if why != "just used":
        node.clock.move(UNUSED_SECONDS + 1)

    await node.reconciler.discard(session.key, 0.0, presence)

    found = await node.sessions.find(session.key)
    assert isinstance(found, Record) is (why != "unused")


@pytest.mark.parametrize("is_used", [True, False])
async def test_a_slow_sign_in_that_began_while_its_socket_was_being_refused_keeps_its_session(
    node: Node, is_used: bool
) -> None:
    """P21: what has read the session since the socket did is still to use it."""
    session = await node.sessions.create()
    assert session.id is not None
    node.clock.move(0.1)
    node.reconciler.extends = True
    left = node.connect("one", session.key, session._record)
    for _ in ("/", "/other"):  # both refuse it
        await node.reconciler.load(left)
        node.clock.move(0.1)
    if is_used:
        assert await node.sessions.load(session.id) is not None
    node.clock.move(0.1)
    node.registry.unregister("one")
    node.clock.move(UNUSED_SECONDS)

    await node.reconciler.discard(session.key, left.expires_at, LocalPresence())

    assert isinstance(await node.sessions.find(session.key), Record) is is_used


class Elsewhere(LocalPresence):
    """Another node has a socket of each session."""

    async def count_remote(self, key: str) -> int:
        return 1


class OutOfReach(LocalPresence):
    """What other nodes have cannot be read."""

    async def count_remote(self, key: str) -> int:
        raise BusUnavailableError("no")
