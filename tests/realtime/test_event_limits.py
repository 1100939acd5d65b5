"""`limit=`: so many events of a user, or of a session, in so much time, on all nodes."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from prometheus_client import REGISTRY

from app import EventRouter
from app.realtime.asyncapi import describe
from app.realtime.counters import Counters, MemoryCounters, Window
from app.realtime.event_error import EventError
from app.realtime.event_limit import EventLimit
from app.realtime.redis_counters import RedisCounters
from app.redis.url import connect
from app.sessions import Record
from app.sessions.sign_in import SignIn
from app.testing import FakeClock
from app.testing.contracts.store_base import new_key
from tests.conftest import Servers
from tests.realtime.two_nodes import cluster
from tests.support.clock import ServerClock
from tests.support.servers import StoreServer

ANONYMOUS = Record(b"{}", 1, 0.0, 0.0)
ANN = ANONYMOUS._replace(owner=SignIn("ann", 0.0).pack())


def _router(limit: str) -> tuple[EventRouter, list[str]]:
    router, said = EventRouter(), []

    @router.on("say", limit=limit)
    async def say(line: str) -> int:
        said.append(line)
        return len(said)

    return router, said


def _refusals() -> float:
    return REGISTRY.get_sample_value("mooring_refusals_total", {"kind": "rate-limited"}) or 0.0


async def test_what_is_beyond_the_limit_is_refused_and_not_handled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router, said = _router("2/minute")
    caplog.set_level(logging.INFO)
    before = _refusals()
    async with cluster(router) as nodes, nodes.client() as client:
        await client.join()
        assert [await client.emit("say", line) for line in "ab"] == [1, 2]
        refused = (await client.emit("say", "c"))["error"]
    assert refused["type"] == "rate-limited"
    assert refused["detail"] == "'say' may be sent 2/minute."
    assert 50 < refused["retry_after"] <= 60
    assert said == ["a", "b"]
    assert _refusals() == before + 1
    assert "refused: rate-limited" in caplog.text


async def test_a_window_ends() -> None:
    router, said = _router("1/minute")
    clock = FakeClock()
    counters = MemoryCounters(clock.monotonic)
    async with cluster(router, counters=counters) as nodes, nodes.client() as client:
        await client.join()
        assert await client.emit("say", "a") == 1
        await clock.advance(30)
        assert "error" in await client.emit("say", "b")
        await clock.advance(30)
        assert await client.emit("say", "c") == 2
    assert said == ["a", "c"]


class Shared(NamedTuple):
    """What two nodes count by, and what lets its time pass."""

    counters: list[Counters]
    advance: Callable[[float], Awaitable[None]]


@pytest.fixture
async def shared(store_name: str, _servers: Servers) -> AsyncIterator[Shared]:
    """Each store in turn."""
    if store_name == "memory":
        clock = FakeClock()
        one = MemoryCounters(clock.monotonic)
        yield Shared([one, one], clock.advance)
        return
    server = _servers(store_name)
    clients = [connect(server.url) for _ in range(2)]
    yield Shared([RedisCounters(client) for client in clients], ServerClock(server).advance)
    for client in clients:
        await client.aclose()


@pytest.fixture
def counters(shared: Shared) -> list[Counters]:
    """Those of two nodes."""
    return shared.counters


async def _allowed(limit: EventLimit, on: Counters, key: str, record: Record) -> bool:
    try:
        await limit.check(on, "say", "/", key, record)
    except EventError:
        return False
    return True


async def test_all_nodes_count_a_session_together(counters: list[Counters]) -> None:
    limit, key, other = EventLimit("3/minute"), new_key(), new_key()
    found = [await _allowed(limit, counters[n % 2], key, ANONYMOUS) for n in range(5)]
    assert found == [True, True, True, False, False]
    assert await _allowed(limit, counters[0], other, ANONYMOUS)


async def test_the_sessions_of_a_user_are_counted_together(counters: list[Counters]) -> None:
    limit = EventLimit("2 per 5 minutes")
    user = ANN._replace(owner=SignIn(new_key(), 0.0).pack())
    found = [await _allowed(limit, counters[n % 2], new_key(), user) for n in range(3)]
    assert found == [True, True, False]
    assert await _allowed(limit, counters[0], new_key(), ANN)


async def test_of_several_limits_each_counts(shared: Shared) -> None:
    limit, key, counters = EventLimit("1/second; 2/hour"), new_key(), shared.counters
    assert await _allowed(limit, counters[0], key, ANONYMOUS)
    await shared.advance(1.1)
    assert await _allowed(limit, counters[1], key, ANONYMOUS)
    await shared.advance(1.1)  # the shorter window is over; the longer one has had its two
    assert not await _allowed(limit, counters[0], key, ANONYMOUS)


async def test_an_outage_is_an_error_ack_and_no_traceback(
    own_store_server: StoreServer, caplog: pytest.LogCaptureFixture
) -> None:
    router, said = _router("2/minute")
    client = connect(own_store_server.url)
    async with cluster(router, counters=RedisCounters(client)) as nodes, nodes.client() as socket:
        await socket.join()
        assert await socket.emit("say", "a") == 1
        own_store_server.kill()
        refused = (await socket.emit("say", "b"))["error"]
    assert refused["type"] == "store-unavailable"
    assert said == ["a"]
    assert "Traceback" not in caplog.text
    await client.aclose()


@pytest.mark.parametrize(
    "limit", ["", "twenty", "20/fortnight", "0/minute", "20 / ", "-1/second", "1/99999999999 years"]
)
def test_a_wrong_limit_is_refused_with_the_function_and_the_line(limit: str) -> None:
    with pytest.raises(TypeError, match=r"say: limit=.* is no limit.*line \d+\)"):
        _router(limit)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "limits", None)
    monkeypatch.delitem(__import__("sys").modules, "app.realtime.event_limit")
    with pytest.raises(TypeError, match=r"fastapi-mooring\[limits\]"):
        _router("1/minute")


def test_the_document_has_the_limit() -> None:
    router, _said = _router("20/minute")
    outer = EventRouter()
    outer.include_router(router)
    document: dict[str, Any] = describe(
        outer, title="t", version="1", cookie_name="session", socket_path="/socket.io"
    )
    assert document["operations"]["say"]["x-limit"] == "20/minute"


async def test_windows_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = MemoryCounters()
    for number in range(999):
        await counters.add(f"old {number}", 0.0)
    for number in range(10):
        assert await counters.add(f"new {number}", 60.0) != Window(2, 0)
    assert len(counters._windows) <= 10
