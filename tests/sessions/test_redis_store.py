"""RedisStore on Valkey and Redis: the contract, and what it writes into the server."""

import re
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot

from app.sessions import EndReason, Policy, RedisStore, Sessions
from app.sessions.redis_store import record_key
from tests.contracts.parts import DATA, HOUR, OTHER, committed, live, new_key
from tests.contracts.store_contract import LetPass, StoreContract
from tests.support.clock import ServerClock
from tests.support.servers import StoreServer
from tests.support.stores_in_process import redis_store

A_KEY = re.compile(r"mooring:session:\{[0-9a-f]{64}\}")


class TestContract(StoreContract):
    """RedisStore is a SessionStore."""

    @pytest.fixture
    async def store(self, shared_store_server: StoreServer) -> AsyncIterator[RedisStore]:
        store = redis_store(shared_store_server.url)
        yield store
        await store.aclose()

    @pytest.fixture
    def let_pass(self, shared_store_server: StoreServer) -> LetPass:
        return ServerClock(shared_store_server).advance


@pytest.fixture
async def store(shared_store_server: StoreServer) -> AsyncIterator[RedisStore]:
    store = redis_store(shared_store_server.url)
    yield store
    await store.aclose()


async def test_the_server_sees_the_hash_of_an_id_and_never_the_id(
    shared_store_server: StoreServer, store: RedisStore
) -> None:
    sessions = Sessions(store, Policy(idle=600, absolute=3600))
    one, two, three = [await sessions.create() for _ in range(3)]
    ids = [session.id for session in (one, two, three)]
    for session in (one, two, three):
        await session.update(lambda data: data.update(count=1))
        await session.rotate()
        ids.append(session.id)
    await three.destroy()
    names = shared_store_server.keys()
    assert len(names) == 6
    assert all(A_KEY.fullmatch(name) for name in names)
    stored = "\n".join(names + [shared_store_server.command("GET", name) for name in names])
    assert all(session_id and session_id not in stored for session_id in ids)


async def test_every_key_hashes_to_the_slot_of_its_session() -> None:
    for key in (new_key() for _ in range(100)):
        assert key_slot(record_key(key).encode()) == key_slot(key.encode())


async def test_every_key_has_a_time_to_live_whatever_was_done_to_it(
    shared_store_server: StoreServer, store: RedisStore
) -> None:
    touched, written, ended = keys = [new_key() for _ in range(3)]
    for key in keys:
        await store.create(key, DATA, idle=60, absolute=HOUR)
    await store.load(touched, idle=90)
    await store.commit(written, 1, OTHER)
    await store.end(ended, EndReason.LOGOUT, keep=30)
    left = [shared_store_server.command("PTTL", record_key(key)) / 1000 for key in keys]
    assert left == [pytest.approx(90, abs=5), pytest.approx(60, abs=5), pytest.approx(30, abs=5)]


async def test_no_script_is_lost_for_good_when_the_server_forgets_them(
    shared_store_server: StoreServer, store: RedisStore
) -> None:
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    forget = ("SCRIPT", "FLUSH")
    shared_store_server.command(*forget)
    assert live(await store.load(key)).version == 1
    shared_store_server.command(*forget)
    assert committed(await store.commit(key, 1, OTHER)).version == 2
    shared_store_server.command(*forget)
    assert committed(await store.end(key, EndReason.LOGOUT, keep=60)).version == 2
    shared_store_server.command(*forget)
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)


async def test_the_server_is_sent_each_script_once(
    shared_store_server: StoreServer, store: RedisStore
) -> None:
    shared_store_server.command("SCRIPT", "FLUSH")
    shared_store_server.command("CONFIG", "RESETSTAT")
    for key in (new_key() for _ in range(20)):
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.load(key)
    stats = shared_store_server.command("INFO", "commandstats")
    assert stats["cmdstat_eval"]["calls"] == 2
    assert stats["cmdstat_evalsha"]["calls"] == 40
