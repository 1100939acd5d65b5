"""RedisStore on Valkey and Redis: the contract, and what it writes into the server."""

import re
import time
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot

from app import RedisStore
from app.sessions import EndReason, Policy, SessionManager, StoreUnavailableError
from app.sessions.stores.redis import record_key
from app.testing.contracts.answers import AnswerStoreContract
from app.testing.contracts.store import AdvanceTime, StoreContract
from app.testing.contracts.store_base import DATA, HOUR, OTHER, committed, live, new_key
from app.testing.contracts.user_index import UserIndexContract
from tests.support.clock import ServerClock
from tests.support.servers import StoreServer
from tests.support.stores_in_process import redis_store

A_KEY = re.compile(r"mooring:session:\{[0-9a-f]{64}\}")


class TestContract(StoreContract, UserIndexContract, AnswerStoreContract):
    """RedisStore is a SessionStore."""

    @pytest.fixture
    async def store(self, shared_store_server: StoreServer) -> AsyncIterator[RedisStore]:
        store = redis_store(shared_store_server.url)
        yield store
        await store.aclose()

    @pytest.fixture
    def advance_time(self, shared_store_server: StoreServer) -> AdvanceTime:
        return ServerClock(shared_store_server).advance


@pytest.fixture
async def store(shared_store_server: StoreServer) -> AsyncIterator[RedisStore]:
    store = redis_store(shared_store_server.url)
    yield store
    await store.aclose()


async def test_the_server_sees_the_hash_of_an_id_and_never_the_id(
    shared_store_server: StoreServer, store: RedisStore
) -> None:
    sessions = SessionManager(store, Policy(idle=600, absolute=3600))
    one, two, three = [await sessions.create() for _ in range(3)]
    ids = [session.id for session in (one, two, three)]
    for session in (one, two, three):
        await session.transact(lambda data: data.update(count=1))
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


async def test_every_key_has_a_time_to_live_after_every_verb(
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


async def test_scripts_are_sent_again_to_a_server_that_lost_them(
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


async def test_stores_of_two_prefixes_on_one_server_do_not_see_each_other(
    shared_store_server: StoreServer, store: RedisStore
) -> None:
    other = RedisStore.from_url(shared_store_server.url, prefix="shop:eu")
    key = new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    assert await other.load(key) is None
    assert await other.load_many([key]) == [None]
    await other.create(key, OTHER, idle=60, absolute=HOUR)
    assert committed(await other.commit(key, 1, OTHER)).version == 2
    await other.end(key, EndReason.LOGOUT, keep=60)
    assert live(await store.load(key)).data == DATA
    await store.delete(key)
    assert shared_store_server.keys() == [f"shop:eu:session:{{{key}}}"]
    await other.ping()
    await other.aclose()


async def test_a_store_of_a_url_has_the_timeout_that_it_is_given(
    own_store_server: StoreServer,
) -> None:
    store = RedisStore.from_url(own_store_server.url, timeout=0.2)
    await store.ping()
    own_store_server.pause()
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=r"session store unavailable: .* 0\.2 s"):
        await store.ping()
    assert time.monotonic() - began < 0.8
    await store.aclose()


def test_a_url_of_no_store_is_a_value_error_that_does_not_repeat_it() -> None:
    with pytest.raises(ValueError, match="redis://") as error:
        RedisStore.from_url("http://user:s3cret@localhost")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"maxmemory": "1", "maxmemory-policy": "noeviction"}, "OOM"),
        ({"min-replicas-to-write": "1"}, "NOREPLICAS"),
    ],
    ids=["full", "without replicas"],
)
async def test_an_error_of_the_server_is_an_outage_in_the_server_s_own_words(
    own_store_server: StoreServer, settings: dict[str, str], code: str
) -> None:
    store = RedisStore.from_url(own_store_server.url)
    await store.ping()
    for name, value in settings.items():
        own_store_server.command("CONFIG", "SET", name, value)
    with pytest.raises(StoreUnavailableError, match=f"session store unavailable: .*{code}"):
        await store.ping()
    await store.aclose()
