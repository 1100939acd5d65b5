"""Looks at sessions: a reload brings every socket up to date, and does nothing where nothing is new."""

import pytest

from app.realtime.moorings import MooredSocket, Moorings
from app.realtime.watch import Watch
from app.sessions import EndReason, Policy, Record, Session, Sessions
from app.sessions.memory import MemoryStore

POLICY = Policy(idle=60.0, absolute=600.0, tombstone=60.0, max_data=10_000)


class Node:
    """The sockets of a node, a session for them, and what its reloads led to."""

    def __init__(self) -> None:
        self.sessions = Sessions(MemoryStore(), POLICY)
        self.moorings = Moorings()
        self.watch = Watch(self.sessions, self.moorings, self._let_go, extend=False)
        self.watch.on_reloaded = lambda _mooring, record: self.reloaded.append(record.version)
        self.reloaded: list[int] = []
        self.ended: list[EndReason] = []

    async def _let_go(self, _socket: MooredSocket, reason: EndReason) -> None:
        self.ended.append(reason)

    def moor(self, name: str, key: str, record: Record) -> Session:
        """Have a socket whose connect found a record."""
        socket = self.moorings.arrive(name, key)
        socket.session = self.sessions.attach(key, record)
        socket.mooring.admit(record.version)
        return socket.session


@pytest.fixture
def node() -> Node:
    """One with no socket yet."""
    return Node()


async def test_a_reload_brings_all_sockets_up_to_date_and_then_has_nothing_to_do(
    node: Node,
) -> None:
    session = await node.sessions.create()
    one, other = (node.moor(name, session.key, session.record) for name in ("one", "other"))
    session["note"] = "new"
    await session.save()

    for _ in range(3):
        await node.watch.reload([session.key])
        assert one["note"] == other["note"] == "new"

    assert node.reloaded == [2]


async def test_a_reload_reaches_a_socket_that_came_late_with_an_old_record(node: Node) -> None:
    session = await node.sessions.create()
    old = session.record
    node.moor("one", session.key, old)
    session["note"] = "new"
    await session.save()
    await node.watch.reload([session.key])

    late = node.moor("late", session.key, old)
    await node.watch.reload([session.key])

    assert late["note"] == "new"
    assert node.reloaded == [2, 2]


async def test_a_reload_makes_good_what_another_look_has_only_seen(node: Node) -> None:
    session = await node.sessions.create()
    one = node.moor("one", session.key, session.record)
    await node.watch.reload([session.key])
    session["note"] = "new"
    await session.save()
    await node.watch.check([session.key])
    assert one["note"] == "new"

    await node.watch.reload([session.key])

    assert node.reloaded == [1, 2]


async def test_a_reload_that_finds_the_session_ended_lets_go_whatever_was_seen(node: Node) -> None:
    session = await node.sessions.create()
    node.moor("one", session.key, session.record)
    await node.watch.reload([session.key])

    await session.destroy()
    await node.watch.reload([session.key])

    assert node.ended == [EndReason.LOGOUT]
