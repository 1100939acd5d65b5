"""Reconciling: a reload refreshes every socket's session, and does nothing where nothing has changed."""

import logging
from unittest.mock import Mock

import pytest

from app.realtime.reconciler import SessionReconciler
from app.realtime.registry import Connection, SessionSockets, SocketRegistry
from app.sessions import EndReason, Policy, Record, SessionManager
from app.sessions.stores.memory import MemoryStore

POLICY = Policy(idle=60.0, absolute=600.0, tombstone=60.0, max_data=10_000)


class Node:
    """The sockets of a node, a session for them, and what its reloads led to."""

    def __init__(self) -> None:
        self.sessions = SessionManager(MemoryStore(), POLICY)
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
