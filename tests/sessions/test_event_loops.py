"""Stores in one event loop after another, as two calls of asyncio.run or a test client make them."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app import RedisStore
from app.redis.errors import RedisUnavailableError
from app.redis.url import connect
from app.sessions import MemoryStore, Policy, SessionManager, SessionStore
from app.testing.contracts.store_base import DATA, HOUR, OTHER, committed, live, new_key
from tests.sessions.handles import again, count_up
from tests.support.certificates import self_signed
from tests.support.cluster import redis_cluster
from tests.support.processes import free_port
from tests.support.sentinel import watched_servers
from tests.support.servers import STORE_SERVERS, StoreServer, redis_binary, store_server

LOOPS = 3


def _server(kind: str) -> Callable[[], AbstractContextManager[SessionStore]]:
    @contextmanager
    def running() -> Iterator[SessionStore]:
        with store_server(kind) as server:
            yield RedisStore.from_url(server.url)

    return running


@contextmanager
def _tls() -> Iterator[SessionStore]:
    with ExitStack() as stack:
        certificate = self_signed(Path(stack.enter_context(TemporaryDirectory())))
        port = free_port()
        options = [
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(certificate.file), "--tls-key-file", str(certificate.key)),
        ]
        server = StoreServer(redis_binary(), more=options)
        stack.callback(server.close)
        server.start()
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate.file}"
        yield RedisStore.from_url(url)


@contextmanager
def _sentinel() -> Iterator[SessionStore]:
    with watched_servers(replicas=1) as watched:
        yield RedisStore.from_url(watched.url)


@contextmanager
def _cluster() -> Iterator[SessionStore]:
    with redis_cluster() as cluster:
        yield RedisStore.from_url(cluster.url)


@contextmanager
def _memory() -> Iterator[SessionStore]:
    yield MemoryStore()


STORES: dict[str, Callable[[], AbstractContextManager[SessionStore]]] = {
    "memory": _memory,
    **{kind: _server(kind) for kind in STORE_SERVERS},
    "TLS": _tls,
    "Sentinel": _sentinel,
    "Cluster": _cluster,
}


@pytest.mark.slow  # it waits for seconds
@pytest.mark.parametrize("running", STORES.values(), ids=STORES)
def test_a_store_works_in_one_event_loop_after_another(
    running: Callable[[], AbstractContextManager[SessionStore]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running() as store:
        manager = SessionManager(store, Policy(idle=600, absolute=3600))
        key = new_key()
        asyncio.run(_create(store, key))
        for number in range(LOOPS):
            asyncio.run(_write_and_read(store, key, number + 1))
            asyncio.run(_contend(manager))
        asyncio.run(store.aclose())
        gc.collect()  # a transport of a closed loop would warn here
    assert [
        record.message
        for record in caplog.records
        if record.name not in ("app.sessions.manager", "app.redis.failover_warnings")
    ] == []


async def _create(store: SessionStore, key: str) -> None:
    await store.create(key, DATA, idle=60, absolute=HOUR)


async def _write_and_read(store: SessionStore, key: str, version: int) -> None:
    assert committed(await store.commit(key, version, OTHER, idle=60)).version == version + 1
    await store.ping()
    keys = [key, *(new_key() for _ in range(20))]
    assert [found and live(found).version for found in await store.load_many(keys)] == [
        version + 1,
        *[None] * 20,
    ]


async def _contend(manager: SessionManager) -> None:
    """Have the writers of one session wait for each other."""
    session = await manager.create()
    handles = [await again(manager, session) for _ in range(20)]
    counts = await asyncio.gather(*(handle.transact(count_up) for handle in handles))
    assert sorted(counts) == list(range(1, 21))


@pytest.mark.slow  # it waits for seconds
def test_a_write_lock_that_was_held_when_its_loop_closed_blocks_and_releases_nobody() -> None:
    manager = SessionManager(MemoryStore(), Policy(idle=600, absolute=3600))
    left_over = []

    async def hold() -> None:
        async with manager.write_lock("key"):
            await asyncio.Event().wait()

    async def leave_a_holder() -> None:
        left_over.append(asyncio.create_task(hold()))
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave_a_holder())
    loop.close()  # asyncio.run would have cancelled the holder

    async def use() -> None:
        async with asyncio.timeout(30), manager.write_lock("key"):
            left_over.clear()
            gc.collect()  # which ends the holder
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), manager.write_lock("key"):
                    raise AssertionError("two writers have the lock")

    asyncio.run(use())


def test_a_connection_may_be_closed_in_another_loop_than_the_one_that_used_it(
    valkey: StoreServer,
) -> None:
    store = RedisStore.from_url(f"{valkey.url}?client_name=event-loops")
    for _ in range(2):
        asyncio.run(store.ping())
        asyncio.run(store.aclose())
    assert "event-loops" not in str(valkey.command("CLIENT", "LIST"))


def test_a_command_that_a_closed_loop_left_behind_is_not_sent_in_the_next() -> None:
    with store_server("redis") as server:
        connection = connect(server.url)
        server.pause()  # so that connecting does not end before the loop does

        async def execute(*words: str) -> object:
            return await asyncio.wait_for(connection.execute(*words), 5.0)

        async def give_up() -> None:
            calls = [asyncio.create_task(execute("INCR", "counter")) for _ in range(3)]
            await asyncio.wait(calls, timeout=0.05)

        asyncio.run(give_up())
        server.resume()
        assert not connection.connected
        for _ in range(2):
            assert asyncio.run(execute("ECHO", "next")) == b"next"
        asyncio.run(connection.aclose())
        assert server.command("GET", "counter") is None


def test_who_cleans_up_when_asyncio_run_has_cancelled_all_tasks_has_replies(
    valkey: StoreServer,
) -> None:
    """The connection's task is among them; so is one that was waiting for replicas that are not there."""
    outcomes: list[object] = []

    async def clean_up(began: asyncio.Event) -> None:
        connection = connect(f"{valkey.url}?wait_replicas=1")
        await connection.execute("PING")
        under_way = [connection.execute("SET", "under-way", 1), connection.execute("ECHO", "lost")]
        try:
            began.set()
            await asyncio.sleep(HOUR)
        finally:
            late = [connection.execute("GET", "late"), connection.execute("SET", "late", 1)]
            calls = [*under_way, *late]
            done, _ = await asyncio.wait(calls, timeout=5.0)
            outcomes.extend(each.exception() if each in done else "no reply" for each in calls)
            await connection.aclose()

    async def use() -> None:
        began = asyncio.Event()
        tasks.append(asyncio.create_task(clean_up(began)))
        await began.wait()

    tasks: list[asyncio.Task[None]] = []
    asyncio.run(use())
    *lost, read, written = outcomes
    assert [type(each) for each in lost] == [RedisUnavailableError] * 2
    assert read is None
    assert str(written) == "too few replicas have the write"
