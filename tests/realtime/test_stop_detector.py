"""A node that was stopped: what it notices, what it waits for, and what it holds meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from engineio.packet import MESSAGE, Packet
from hypothesis import given
from hypothesis import strategies as st

from app.realtime import stop_detector
from app.realtime.held_packets import HeldPackets
from app.realtime.stop_detector import StopDetector, running_time
from app.sessions import EndReason, StoreUnavailableError
from tests.realtime.test_reconciler import POLICY, Node
from tests.sessions.handles import count_up
from tests.support.clock import Clock
from tests.support.eventually import eventually


class Reloads:
    """What a detector calls."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.begun = self.over = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.detector = StopDetector(self.reload, self._count, clock=self.clock)

    async def reload(self) -> None:
        self.begun += 1
        if self.error is not None:
            raise self.error
        await self.gate.wait()

    def _count(self) -> None:
        self.over += 1


@pytest.fixture
async def reloads() -> AsyncIterator[Reloads]:
    """A detector that has started."""
    reloads = Reloads()
    reloads.detector.start()
    yield reloads
    await reloads.detector.aclose()


async def test_a_stop_is_noticed_at_the_next_event_and_over_after_reload(reloads: Reloads) -> None:
    assert not reloads.detector.check()
    reloads.clock.move(66)
    assert reloads.detector.check()
    assert reloads.detector.stopped_for == 66
    await eventually(lambda: reloads.begun == 1)
    assert reloads.detector.check()
    reloads.gate.set()
    assert await reloads.detector.wait()
    assert not reloads.detector.check()
    assert (reloads.begun, reloads.over, reloads.detector.stopped_for) == (1, 1, 0)


async def test_it_is_noticed_without_an_event_too(reloads: Reloads) -> None:
    reloads.clock.move(66)
    await eventually(lambda: reloads.begun == 1)


async def test_a_busy_event_loop_is_no_stop(reloads: Reloads) -> None:
    for _ in range(20):
        reloads.clock.move(stop_detector.TOLERANCE_SECONDS)
        assert not reloads.detector.check()
        await asyncio.sleep(stop_detector.TICK_SECONDS / 10)
        reloads.detector._seen_at = reloads.clock()


async def test_a_reload_that_the_store_does_not_answer_is_repeated(
    reloads: Reloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_detector, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(stop_detector, "_RETRY_SECONDS", 0.01)
    reloads.error = StoreUnavailableError("out of reach")
    reloads.clock.move(66)
    assert reloads.detector.check()
    assert not await reloads.detector.wait()
    await eventually(lambda: reloads.begun > 2)
    assert reloads.detector.check()
    reloads.error = None
    reloads.gate.set()
    await eventually(lambda: reloads.over == 1)
    assert not reloads.detector.check()


async def test_a_second_stop_during_the_reload_makes_it_begin_again(reloads: Reloads) -> None:
    reloads.clock.move(66)
    assert reloads.detector.check()
    await eventually(lambda: reloads.begun == 1)
    reloads.clock.move(5)
    assert reloads.detector.check()
    await eventually(lambda: reloads.begun == 2)
    assert reloads.detector.stopped_for == 66
    reloads.gate.set()
    assert await reloads.detector.wait()
    assert reloads.over == 1


async def test_one_that_was_not_started_or_is_closed_notices_nothing() -> None:
    reloads = Reloads()
    reloads.clock.move(66)
    assert not reloads.detector.check()
    reloads.detector.start()
    await reloads.detector.aclose()
    reloads.clock.move(66)
    assert not reloads.detector.check()


class _Stop(StopDetector):
    """A stop of some length that is being handled."""

    def __init__(self, seconds: float) -> None:
        self.stopped_for = seconds


@pytest.mark.parametrize(
    ("stopped_for", "deadline_in", "is_empty", "expected"),
    [
        (POLICY.tombstone + 1, 30, False, EndReason.LOGOUT),
        (POLICY.tombstone - 1, 30, False, EndReason.EXPIRED),
        (0, 30, False, EndReason.EXPIRED),
        (POLICY.tombstone + 1, -1, False, EndReason.EXPIRED),
        (POLICY.tombstone + 1, 30, True, EndReason.EXPIRED),
    ],
)
async def test_a_session_that_cannot_have_expired_was_ended_by_somebody(
    stopped_for: float, deadline_in: float, is_empty: bool, expected: EndReason
) -> None:
    node = Node()
    node.reconciler.stop = _Stop(stopped_for)
    session = await node.sessions.create()
    if not is_empty:
        await session.transact(count_up)
    sockets = node.connect("one", session.key, session._record)
    sockets.deadline = running_time() + deadline_in
    await node.sessions.store.delete(session.key)

    await node.reconciler.reload_all()
    assert node.ended == [expected]


async def test_a_tombstone_that_is_still_there_has_the_reason() -> None:
    node = Node()
    node.reconciler.stop = _Stop(POLICY.tombstone + 1)
    session = await node.sessions.create()
    await session.transact(count_up)
    node.connect("one", session.key, session._record).deadline = running_time() + 30
    await node.sessions.ends.end(session.key, EndReason.REVOKED)
    await node.reconciler.reload_all()
    assert node.ended == [EndReason.REVOKED]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=40))
def test_held_packets_come_in_order_or_their_socket_is_closed(
    steps: list[tuple[str, int]],
) -> None:
    held, sent = HeldPackets(max_bytes=200), list[tuple[str, str]]()
    given_ = [(socket, f"{number} " + "x" * size) for number, (socket, size) in enumerate(steps)]
    for socket, text in given_:
        held.hold(socket, [Packet(MESSAGE, text)])
    lost = held.release(lambda socket, encoded: sent.append((socket, encoded[0].data)))
    assert sum(len(text) for _, text in sent) <= 200
    assert sent == [each for each in given_ if each[0] not in lost]
    assert held.release(lambda *_: pytest.fail("sent twice")) == set()
