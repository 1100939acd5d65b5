"""A node stands still as it copies the answers of a session that has moved."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app import RedisStore
from app.redis.connection import PipelinedConnection
from app.redis.url import connect
from app.sessions import AnswerStore, Record, SessionManager, attempt
from app.sessions.attempt import Attempt
from app.sessions.stores.answers import AnswerLimits, NoRoom
from app.sessions.stores.redis import record_key
from app.sessions.stores.redis_caller import answers_key
from app.testing.contracts.store_base import DATA, HOUR, new_key
from tests.sessions.conftest import POLICY
from tests.sessions.handles import again
from tests.support.clock import ServerClock
from tests.support.servers import StoreServer
from tests.support.stores_in_process import PATIENCE, redis_store

KEY, FINGERPRINT = "a key of a payment", bytes(32)


class StandsStill:
    """A connection that is given the reply to HGETALL, and goes on with it when it is told to."""

    def __init__(self, inner: PipelinedConnection) -> None:
        self.has_read = asyncio.Event()
        self.goes_on = asyncio.Event()
        self._inner = inner

    def execute(self, *arguments: Any) -> Any:
        reply = self._inner.execute(*arguments)
        return self._hold(reply) if arguments[0] == "HGETALL" else reply

    async def _hold(self, reply: Any) -> Any:
        read = await reply
        self.has_read.set()
        await self.goes_on.wait()
        return read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
async def connection(shared_store_server: StoreServer) -> AsyncIterator[StandsStill]:
    inner = connect(shared_store_server.url, timeout=PATIENCE)
    assert isinstance(inner, PipelinedConnection)
    yield StandsStill(inner)
    await inner.aclose()


@pytest.fixture
def there(connection: StandsStill) -> SessionManager:
    """The sessions of the node that stands still."""
    return SessionManager(RedisStore(connection), POLICY)


@pytest.fixture
async def here(shared_store_server: StoreServer) -> AsyncIterator[SessionManager]:
    """Those of another one."""
    sessions = SessionManager(redis_store(shared_store_server.url), POLICY)
    yield sessions
    await sessions.aclose()


async def _new_id(server: StoreServer, old: str) -> str:
    """Return the session key that a tombstone names."""
    reason, key = server.command("GET", record_key(old)).split()
    assert reason == "Trotated"
    return str(key)


async def _release(sessions: SessionManager, first: Attempt) -> None:
    """Release a key, to the last try of it."""
    await first.release()
    await asyncio.gather(*sessions._tasks)


@pytest.mark.parametrize("moved_by", ["nobody else", "another node"])
async def test_a_key_that_was_released_does_not_come_back_by_a_node_that_has_stood_still(
    shared_store_server: StoreServer,
    here: SessionManager,
    there: SessionManager,
    connection: StandsStill,
    moved_by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt, "_LATE_SECONDS", 0.0)
    session = await here.create()
    old = session.key
    first = Attempt(here, old, KEY, FINGERPRINT)
    assert await first.begin() is None

    rotating = asyncio.create_task((await again(there, session)).rotate())
    await connection.has_read.wait()
    new = await _new_id(shared_store_server, old)
    if moved_by == "another node":
        found = await here.find(new)
        assert isinstance(found, Record)
        await here.complete(new, found)
    await _release(here, first)
    assert moved_by != "nobody else" or shared_store_server.command("PTTL", answers_key(new)) > 0
    connection.goes_on.set()
    await rotating

    assert shared_store_server.command("GET", record_key(new)).startswith("R")
    assert await Attempt(here, new, KEY, FINGERPRINT).begin() is None


async def test_what_is_noted_of_removed_answers_makes_room_too(
    shared_store_server: StoreServer, here: SessionManager
) -> None:
    store, key = here.store, new_key()
    assert isinstance(store, AnswerStore)
    await store.create(key, DATA, idle=60, absolute=HOUR, predecessor="opaque")
    await store.swap_answer(key, "order", b"begun")
    await store.swap_answer(key, "pay", None, expected=b"begun")
    assert "-pay" in shared_store_server.command("HKEYS", answers_key(key))

    await ServerClock(shared_store_server).advance(0.1)
    full = AnswerLimits(keep=0.1, number=0)
    assert isinstance(await store.swap_answer(key, "more", b"begun", limits=full), NoRoom)

    assert sorted(shared_store_server.command("HKEYS", answers_key(key))) == ["#b", "#n"]
