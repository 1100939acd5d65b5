"""What is stored but cannot be read costs no other session anything; what later versions add is kept."""

import logging
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest

from app.realtime.reconciler import SessionReconciler
from app.realtime.registry import SocketRegistry
from app.realtime.session_sockets import Connection, SessionSockets
from app.sessions import (
    Committed,
    EndReason,
    Gone,
    NotModified,
    Policy,
    Record,
    SessionEndedError,
    SessionManager,
    SessionStore,
    Tombstone,
    UnreadableRecordError,
)
from app.sessions.stores.redis import record_key
from tests.sessions.handles import count_up
from tests.support.servers import StoreServer
from tests.support.stores_in_process import redis_store

UNREADABLE = {
    "nothing": "",
    "no record": "hello",
    "no number": "Rx 1 2 - {}",
    "another letter": "X1 1 2 - {}",
    "cut off": "R1 1764",
    "no data": "R1 1764000000000 1864000000000 -",
    "no object": "R1 1764000000000 1864000000000 - [1]",
    "too many digits": f"R{'9' * 5000} 1764000000000 4102444800000 - {{}}",
    "times beyond all measure": f"R1 {'9' * 400} {'9' * 400} - {{}}",
}
BROKEN_DATA = "R7 1764000000000 4102444800000 - {cut off"


@pytest.fixture
async def store(shared_store_server: StoreServer) -> AsyncIterator[SessionStore]:
    """A store on each server in turn."""
    store = redis_store(shared_store_server.url)
    yield store
    await store.aclose()


@pytest.fixture
def sessions(store: SessionStore) -> SessionManager:
    """Its manager."""
    return SessionManager(store, Policy(idle=600, absolute=3600))


def put(server: StoreServer, key: str, value: str) -> None:
    """Write an entry by hand, as a node of another version does."""
    server.command("SET", record_key(key), value, "PX", 600_000)


def value_of(server: StoreServer, key: str) -> str:
    """Return an entry as it is stored."""
    return str(server.command("GET", record_key(key)))


class Node:
    """A node's reconciler, and what it did."""

    def __init__(self, sessions: SessionManager) -> None:
        self.registry = SocketRegistry(Mock())
        self.reconciler = SessionReconciler(
            sessions, self.registry, self._disconnect, self._note, extend=True
        )
        self.reloaded: list[str] = []
        self.ended: list[str] = []

    async def _disconnect(self, socket: Connection, _reason: EndReason) -> None:
        self.ended.append(socket.session_sockets.key)

    def _note(self, sockets: SessionSockets, _record: Record) -> None:
        self.reloaded.append(sockets.key)


async def test_one_unreadable_record_among_500_costs_the_others_nothing(
    shared_store_server: StoreServer,
    sessions: SessionManager,
    caplog: pytest.LogCaptureFixture,
    subtests: pytest.Subtests,
) -> None:
    caplog.set_level(logging.WARNING)
    keys = [(await sessions.create()).key for _ in range(500)]
    for number, (kind, value) in enumerate((UNREADABLE | {"data": BROKEN_DATA}).items()):
        bad = keys[250 + number]
        good = value_of(shared_store_server, bad)
        put(shared_store_server, bad, value)
        caplog.clear()
        with subtests.test(kind):
            await _others_are_kept(sessions, keys, bad, caplog)
            if value != BROKEN_DATA:  # which is found out where the data are used
                lines = [each for each in caplog.records if vars(each)["session"] == bad[:8]]
                assert 1 <= len(lines) <= 2, "one of the store, one of the reconciler"
        put(shared_store_server, bad, good)


async def _others_are_kept(
    sessions: SessionManager, keys: list[str], bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node(sessions)
    for key in keys:
        connection = node.registry.register(key, key)
        node.registry.enter(connection, "/", key).loaded = True

    for _ in range(3):
        await node.reconciler.reload(keys)
        await node.reconciler.reconcile(keys)

    assert set(keys) - {bad} <= set(node.reloaded)
    assert len(node.reloaded) <= 500
    assert node.ended == []
    assert "Traceback" not in caplog.text
    node.reconciler.deadlines.close()


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
async def test_every_verb_for_one_says_so_and_an_end_ends_it(
    shared_store_server: StoreServer, store: SessionStore, value: str
) -> None:
    key = "a" * 64
    put(shared_store_server, key, value)
    for call in (
        lambda: store.load(key),
        lambda: store.load(key, idle=60),
        lambda: store.commit(key, 2, b"{}"),
        lambda: store.end(key, EndReason.LOGOUT, keep=60, version=2),
    ):
        with pytest.raises(UnreadableRecordError, match="aaaaaaaa cannot be read"):
            await call()
    assert value_of(shared_store_server, key) == value
    assert await store.load_many([key, "b" * 64]) == [None, None]
    assert await store.load_if_changed([key], [1]) == [NotModified()]

    assert isinstance(await store.end(key, EndReason.LOGOUT, keep=60), Committed)
    assert await store.load(key) == Tombstone(EndReason.LOGOUT)


async def test_data_that_are_no_json_are_an_error_of_that_session_alone(
    shared_store_server: StoreServer, sessions: SessionManager
) -> None:
    session = await sessions.create()
    put(shared_store_server, session.key, BROKEN_DATA)
    assert session.id is not None
    found = await sessions.load(session.id)
    assert found is not None
    with pytest.raises(UnreadableRecordError, match=session.key[:8]):
        len(found)
    with pytest.raises(UnreadableRecordError, match=session.key[:8]):
        await found.transact(count_up)
    await found.destroy()
    assert await sessions.find(session.key) == Tombstone(EndReason.LOGOUT)


@pytest.mark.parametrize(
    ("value", "tombstone"),
    [
        ("Tbanned -", Tombstone(EndReason.REVOKED)),
        (f"Tmerged {'c' * 64}", Tombstone(EndReason.REVOKED, "c" * 64)),
        ("Tlogout - since=1764000000000", Tombstone(EndReason.LOGOUT)),
        (f"Trotated {'c' * 64} by=user", Tombstone(EndReason.ROTATED, "c" * 64)),
        ("Tlogout", Tombstone(EndReason.LOGOUT)),
    ],
)
async def test_a_tombstone_of_a_later_version_is_one(
    shared_store_server: StoreServer,
    store: SessionStore,
    sessions: SessionManager,
    value: str,
    tombstone: Tombstone,
) -> None:
    session = await sessions.create()
    put(shared_store_server, session.key, value)

    assert await store.load(session.key) == tombstone
    assert await store.load_many([session.key]) == [tombstone]
    assert await store.commit(session.key, 1, b"{}") == Gone(tombstone)
    with pytest.raises(SessionEndedError) as ended:
        await session.transact(count_up)
    assert ended.value.reason is tombstone.reason
    assert value_of(shared_store_server, session.key) == value


async def test_fields_of_a_later_version_are_passed_over_and_survive_a_commit(
    shared_store_server: StoreServer, store: SessionStore, sessions: SessionManager
) -> None:
    session = await sessions.create()
    more = "R3 1764000000000 4102444800000 =ann label=Firefox since=1764000000000"
    put(shared_store_server, session.key, more + ' {"count":2,"text":"a {b} c"}')

    assert await session.transact(count_up) == 3
    assert await session.transact(count_up) == 4

    head, _, data = value_of(shared_store_server, session.key).partition(" {")
    assert head == more.replace("R3", "R5")
    assert data == '"count":4,"text":"a {b} c"}'
    (record,) = await store.load_many([session.key])
    assert isinstance(record, Record)
    assert (record.version, record.owner) == (5, "ann")
