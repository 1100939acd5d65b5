"""StateSync: sockets get what they have missed of a session's state, and nothing that they have."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from unittest.mock import Mock

import pytest

from app.realtime.events import EventRouter
from app.realtime.registry import SocketRegistry
from app.realtime.session_sockets import Member, SessionSockets
from app.realtime.state_sync import StateSync
from app.sessions import Record

Sent = list[tuple[list[str], str, Any]]


@pytest.fixture
def sent() -> Sent:
    """What was sent: to whom, the event, its value."""
    return []


@pytest.fixture
def sync(sent: Sent) -> StateSync:
    """Two states; one of them in a second namespace, too."""
    router = EventRouter()
    router.sends("name", str, state=lambda data: data["name"])
    router.sends("count", int, state=lambda data: data.get("count", 0))
    router.sends("said", str)
    admin = EventRouter(namespace="/admin")
    admin.sends("count", int, state=lambda data: data.get("count", 0))
    router.include_router(admin)

    def send(members: Iterable[Member], event: str, value: Any) -> None:
        sent.append(([each.sid for each in members], event, value))

    return StateSync(router, send)


@pytest.fixture
def sockets() -> SessionSockets:
    """Those of a session: one in each namespace that has loaded the session."""
    registry = SocketRegistry(Mock())
    connection = registry.register("eio", "key")
    for namespace, sid in (("/", "one"), ("/admin", "other")):
        registry.enter(connection, namespace, sid).loaded = True
    return connection.session_sockets


def record(version: int, data: bytes) -> Record:
    """One of a version."""
    return Record(data, version, 0.0, 0.0)


def test_what_a_newcomer_has_loaded_is_sent_once_if_it_is_published_late(
    sync: StateSync, sockets: SessionSockets
) -> None:
    """The socket asks for the state of its connect by itself; the message of that version may follow."""
    sockets.add_baseline(5)
    sync.seed(sockets, record(5, b'{"count":1}'))
    assert not sockets.accept("count", 4, 0)
    assert sockets.accept("count", 5, 1)
    assert not sockets.accept("count", 5, 1)


def test_a_reload_sends_what_the_sockets_lack_and_nothing_else(
    sync: StateSync, sockets: SessionSockets, sent: Sent
) -> None:
    first = record(5, b'{"count":1,"name":"ann"}')
    sync.seed(sockets, first)
    sync.resync(sockets, first)
    assert sent == [], "they know it from their connect"

    sync.resync(sockets, record(6, b'{"count":2,"name":"ann"}'))
    assert sent == [(["one"], "count", 2), (["other"], "count", 2)]
    assert not sockets.accept("name", 5, "a late message")

    sent.clear()
    sync.resync(sockets, record(6, b'{"count":3,"name":"eve"}'))
    sync.resync(sockets, record(5, b'{"count":4,"name":"bob"}'))
    assert sent == [], "what is as old as what was sent"
    assert sockets.accept("count", 7, 3)
    sync.resync(sockets, record(8, b'{"count":3,"name":"eve"}'))
    assert sent == [(["one"], "name", "eve")]

    sent.clear()
    assert sockets.accept("name", 9, "bob")
    sync.resync(sockets, record(9, b'{"count":5,"name":"bob"}'))
    assert sent == [(["one"], "count", 5), (["other"], "count", 5)]


def test_who_has_never_connected_is_sent_nothing(
    sync: StateSync, sockets: SessionSockets, sent: Sent
) -> None:
    sync.resync(sockets, record(6, b'{"count":2,"name":"ann"}'))
    assert (sent, sockets.last_sent("count")) == ([], None)


def test_each_namespace_is_told_to_know_its_own_states(
    sync: StateSync, sockets: SessionSockets
) -> None:
    sync.seed(sockets, record(5, b'{"count":1,"name":"ann"}'), "/admin")
    sync.seed(sockets, record(5, b"{}"), "/unknown")
    assert (sockets.last_sent("count"), sockets.last_sent("name")) == ((4, 1, False), None)
    found = record(5, b'{"count":1,"name":"ann"}')
    assert list(sync.values(found, "/", "key")) == [("name", "ann"), ("count", 1)]
    assert list(sync.values(found, "/admin", "key")) == [("count", 1)]
    assert list(sync.values(found, "/unknown", "key")) == []


def test_a_state_that_cannot_be_read_costs_the_others_nothing(
    sync: StateSync, sockets: SessionSockets, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    nameless = record(6, b'{"count":2}')
    sync.seed(sockets, record(4, b'{"count":1,"name":"ann"}'))
    sync.resync(sockets, nameless)
    assert [event for _, event, _ in sent] == ["count", "count"]
    assert list(sync.values(nameless, "/", "key")) == [("count", 2)]
    assert "cannot read the state of 'name'" in caplog.text


@pytest.mark.parametrize("way", ["seed", "values", "resync"])
def test_a_record_that_cannot_be_read_gives_no_state_and_a_log_line_with_its_session(
    sync: StateSync,
    sockets: SessionSockets,
    sent: Sent,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    sync.seed(sockets, record(4, b'{"count":1,"name":"ann"}'))
    broken = record(7, b"no JSON")
    if way == "seed":
        sync.seed(sockets, broken)
    elif way == "values":
        assert list(sync.values(broken, "/", "key")) == []
    else:
        sync.resync(sockets, broken)
    assert sent == []
    (logged,) = caplog.records
    assert (logged.name, vars(logged)["session"]) == ("app.realtime.state_sync", "key")


@pytest.mark.parametrize(("namespace", "declared"), [("/", datetime | None), ("/admin", object)])
def test_a_state_that_clients_would_take_for_an_offset_is_not_sent(
    sockets: SessionSockets,
    sent: Sent,
    caplog: pytest.LogCaptureFixture,
    namespace: str,
    declared: Any,
) -> None:
    router = EventRouter(recovery=namespace == "/")
    events = router if namespace == "/" else EventRouter(namespace=namespace, recovery=True)
    events.sends("since", declared, state=lambda data: data.get("since"))
    if events is not router:
        router.include_router(events)
    sync = StateSync(router, lambda members, event, value: sent.append(([], event, value)))
    sync.seed(sockets, record(5, b"{}"), namespace)
    sync.resync(sockets, record(6, b'{"since":"2026-01-01T12:00:00"}'))
    assert sent == []
    assert "the state 'since' is a string" in caplog.text
