"""Reconciling: what one read leads to, whoever asks for it, and what an outage or a failover does not."""

import logging
from collections.abc import Awaitable, Callable
from unittest.mock import Mock

import pytest

from app.realtime.presence import LocalPresence
from app.realtime.reconciler import (
    CLOCK_MARGIN_SECONDS,
    OUTAGE_RETRY_SECONDS,
    UNUSED_SECONDS,
    SessionReconciler,
)
from app.realtime.session_sockets import SessionSockets
from app.sessions import EndReason, Record, Session, StoreUnavailableError, UnreadableRecordError
from tests.realtime.test_reconciler import POLICY, Node
from tests.realtime.test_stop_detector import _Stop
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore

FAULTS = [StoreUnavailableError("no reply"), UnreadableRecordError("key")]


class Reloads:
    """A node's reconciler, what it has reported, and the deadlines that it expects."""

    def __init__(self, *, extend: bool = False) -> None:
        self.node = Node()
        self.store = HookedStore(self.node.sessions.store)
        self.node.sessions.store = self.store
        self.reported: list[tuple[SessionSockets, int]] = []
        self.reconciler = SessionReconciler(
            self.node.sessions,
            self.node.registry,
            self.node._disconnect,
            lambda sockets, record: self.reported.append((sockets, record.version)),
            extend=extend,
            clock=self.node.clock,
        )
        self.reconciler.deadlines.note = self.noted = Mock()  # type: ignore[method-assign] # it notes

    async def connected(self) -> tuple[Session, SessionSockets]:
        """Return a new session, and its sockets here, which know it."""
        session = await self.node.sessions.create()
        return session, self.node.connect("one", session.key, session._record)

    def fail(self, error: Exception) -> None:
        """Have the next read fail."""

        async def step() -> None:
            raise error

        self.store.before("load", step)

    async def lives(self, session: Session) -> bool:
        """Return whether a session is there half a minute after half a minute."""
        self.node.clock.move(0.6 * POLICY.idle)
        return isinstance(await self.node.sessions.find(session.key), Record)


Load = Callable[[SessionReconciler, SessionSockets], Awaitable[object]]

either_load = pytest.mark.parametrize(
    "load", [SessionReconciler.load, SessionReconciler.load_shared]
)


@pytest.fixture
def reloads() -> Reloads:
    """Of a node whose events are no activity."""
    return Reloads()


@either_load
@pytest.mark.parametrize("extend", [True, False])
async def test_an_event_is_activity_where_events_are(load: Load, extend: bool) -> None:
    reloads = Reloads(extend=extend)
    session, sockets = await reloads.connected()
    reloads.node.clock.move(0.6 * POLICY.idle)
    await load(reloads.reconciler, sockets)
    assert reloads.reconciler.extends is extend
    assert await reloads.lives(session) is extend


@pytest.mark.parametrize("options", [{}, {"extend": False}, {"extend": True}])
async def test_a_check_is_activity_where_it_is_said_to_be(
    reloads: Reloads, options: dict[str, bool]
) -> None:
    session, _ = await reloads.connected()
    reloads.node.clock.move(0.6 * POLICY.idle)
    await reloads.reconciler.reconcile([session.key], **options)
    assert await reloads.lives(session) is options.get("extend", False)


@either_load
async def test_what_a_load_finds_is_kept_with_its_deadline(reloads: Reloads, load: Load) -> None:
    session, sockets = await reloads.connected()
    await session.transact(lambda data: data.update(note="new"))
    reloads.node.clock.move(10)
    await load(reloads.reconciler, sockets)
    assert sockets.record is not None
    assert sockets.record.version == 2
    assert sockets.deadline == reloads.node.clock() + POLICY.idle - 10
    reloads.noted.assert_called_once_with(session.key, POLICY.idle - 10 + CLOCK_MARGIN_SECONDS)
    assert reloads.reported == []


async def test_a_session_is_checked_when_its_deadline_has_come() -> None:
    node = Node()
    session = await node.sessions.create()
    sockets = node.connect("one", session.key, session._record)
    node.clock.move(POLICY.idle - 0.02)
    await node.reconciler.load(sockets)
    node.clock.move(1)
    await eventually(lambda: node.ended == [EndReason.EXPIRED])
    node.reconciler.deadlines.close()


@either_load
async def test_a_load_that_finds_the_end_leaves_what_is_known(reloads: Reloads, load: Load) -> None:
    session, sockets = await reloads.connected()
    before = sockets.record
    await session.destroy()
    assert not isinstance(await load(reloads.reconciler, sockets), Record)
    assert sockets.record is before is not None


@either_load
async def test_a_load_that_finds_less_than_is_known_goes_back(
    reloads: Reloads, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    session, sockets = await reloads.connected()
    await load(reloads.reconciler, sockets)
    assert (reloads.reported, _said(caplog)) == ([], [])
    sockets.refresh(session._record._replace(version=5))
    await load(reloads.reconciler, sockets)
    _assert_went_back(reloads, sockets, caplog)


async def test_a_write_to_less_than_was_known_goes_back(
    reloads: Reloads, caplog: pytest.LogCaptureFixture
) -> None:
    session, sockets = await reloads.connected()
    record = session._record
    reloads.reconciler.take_written(sockets, record, before=record)
    newer = record._replace(version=5)
    reloads.reconciler.take_written(sockets, newer, before=record)
    assert sockets.record is newer
    assert (reloads.reported, _said(caplog)) == ([], [])
    reloads.reconciler.take_written(sockets, record, before=newer)
    _assert_went_back(reloads, sockets, caplog)


async def test_a_reload_that_finds_less_than_is_known_goes_back(
    reloads: Reloads, caplog: pytest.LogCaptureFixture
) -> None:
    session, sockets = await reloads.connected()
    sockets.refresh(session._record._replace(version=5))
    await reloads.reconciler.reload([session.key])
    assert reloads.reported.pop() == (sockets, 1), "that it was reloaded"
    _assert_went_back(reloads, sockets, caplog)


def _assert_went_back(
    reloads: Reloads, sockets: SessionSockets, caplog: pytest.LogCaptureFixture
) -> None:
    assert sockets.record is not None
    assert (sockets.record.version, sockets.known_version) == (1, 1)
    assert reloads.reported == [(sockets, 1)]
    (line,) = _said(caplog)
    assert "has lost writes of a session" in line.message
    assert vars(line)["session"] == sockets.key[:8]


def _said(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name == "app.realtime.reconciler"]


async def test_a_check_is_no_reload(reloads: Reloads) -> None:
    session, _ = await reloads.connected()
    await session.transact(lambda data: data.update(note="new"))
    await reloads.reconciler.reconcile([session.key])
    assert reloads.reported == []
    await reloads.reconciler.reload([session.key])
    assert [version for _, version in reloads.reported] == [2]


async def test_what_has_no_sockets_here_is_nothing_to_reload(
    reloads: Reloads, caplog: pytest.LogCaptureFixture
) -> None:
    reloads.reconciler.stop = _Stop(POLICY.tombstone + 1)
    session = await reloads.node.sessions.create()
    await reloads.reconciler.reload([session.key, "unknown"])
    await reloads.reconciler.reconcile([session.key, "unknown"])
    assert (reloads.reported, reloads.node.ended) == ([], [])
    assert "not reloaded" not in caplog.text


async def test_what_is_not_there_any_more_has_expired_unless_the_node_was_stopped(
    reloads: Reloads,
) -> None:
    session, sockets = await reloads.connected()
    await reloads.reconciler.load(sockets)
    await reloads.reconciler.apply(session.key, None)
    assert reloads.node.ended == [EndReason.EXPIRED]


async def test_a_session_that_the_store_does_not_answer_for_is_checked_again(
    reloads: Reloads,
) -> None:
    session, _ = await reloads.connected()
    reloads.fail(StoreUnavailableError("no reply"))
    await reloads.reconciler.reconcile([session.key])
    reloads.noted.assert_called_once_with(session.key, OUTAGE_RETRY_SECONDS)
    assert reloads.node.ended == []


async def test_a_session_that_cannot_be_read_is_logged_once_and_left(
    reloads: Reloads, caplog: pytest.LogCaptureFixture
) -> None:
    session, _ = await reloads.connected()
    for _ in range(2):
        reloads.fail(UnreadableRecordError(session.key))
        await reloads.reconciler.reconcile([session.key])
    (line,) = _said(caplog)
    assert vars(line)["session"] == session.key[:8]
    assert reloads.node.ended == []


async def test_many_are_reloaded_in_one_read(reloads: Reloads) -> None:
    for name in ("one", "two", "three"):
        session = await reloads.node.sessions.create()
        reloads.node.connect(name, session.key, session._record)
    find = reloads.node.sessions.find_if_changed
    reads = reloads.node.sessions.find_if_changed = Mock(wraps=find)  # type: ignore[method-assign] # to count them
    await reloads.reconciler.reload_all()
    assert reads.call_count == 1
    assert len(reloads.reported) == 3


@pytest.mark.parametrize("error", FAULTS, ids=repr)
async def test_what_cannot_be_read_is_not_discarded(reloads: Reloads, error: Exception) -> None:
    session = await reloads.node.sessions.create()
    reloads.node.clock.move(UNUSED_SECONDS)
    reloads.fail(error)
    await reloads.reconciler.discard(session.key, 0.0, LocalPresence())
    assert isinstance(await reloads.node.sessions.find(session.key), Record)


@pytest.mark.parametrize("has_sockets", [True, False])
async def test_what_other_nodes_have_sockets_of_is_not_discarded(
    reloads: Reloads, has_sockets: bool
) -> None:
    session = await reloads.node.sessions.create()
    reloads.node.clock.move(UNUSED_SECONDS)
    elsewhere = {session.key: 1} if has_sockets else {"another": 1}
    await reloads.reconciler.discard(session.key, 0.0, Elsewhere(elsewhere))
    assert isinstance(await reloads.node.sessions.find(session.key), Record) is has_sockets


class Elsewhere(LocalPresence):
    """Other nodes have sockets of some sessions."""

    def __init__(self, sockets: dict[str, int]) -> None:
        super().__init__()
        self._elsewhere = sockets

    async def count_remote(self, key: str) -> int:
        return self._elsewhere.get(key, 0)
