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


class Looks:
    """What a detector calls."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.begun = self.over = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.detector = StopDetector(self.look, self._count, clock=self.clock)

    async def look(self) -> None:
        self.begun += 1
        if self.error is not None:
            raise self.error
        await self.gate.wait()

    def _count(self) -> None:
        self.over += 1


@pytest.fixture
async def looks() -> AsyncIterator[Looks]:
    """A detector that has started."""
    looks = Looks()
    looks.detector.start()
    yield looks
    await looks.detector.aclose()


async def test_a_stop_is_noticed_at_the_next_event_and_over_after_the_look(looks: Looks) -> None:
    assert not looks.detector.check()
    looks.clock.move(66)
    assert looks.detector.check()
    assert looks.detector.stopped_for == 66
    await eventually(lambda: looks.begun == 1)
    assert looks.detector.check()
    looks.gate.set()
    assert await looks.detector.wait()
    assert not looks.detector.check()
    assert (looks.begun, looks.over, looks.detector.stopped_for) == (1, 1, 0)


async def test_it_is_noticed_without_an_event_too(looks: Looks) -> None:
    looks.clock.move(66)
    await eventually(lambda: looks.begun == 1)


async def test_a_busy_event_loop_is_no_stop(looks: Looks) -> None:
    for _ in range(20):
        looks.clock.move(stop_detector.TOLERANCE_SECONDS)
        assert not looks.detector.check()
        await asyncio.sleep(stop_detector.TICK_SECONDS / 10)
        looks.detector._seen_at = looks.clock()


async def test_a_look_that_the_store_does_not_answer_is_repeated(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_detector, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(stop_detector, "_RETRY_SECONDS", 0.01)
    looks.error = StoreUnavailableError("out of reach")
    looks.clock.move(66)
    assert looks.detector.check()
    assert not await looks.detector.wait()
    await eventually(lambda: looks.begun > 2)
    assert looks.detector.check()
    looks.error = None
    looks.gate.set()
    await eventually(lambda: looks.over == 1)
    assert not looks.detector.check()


async def test_a_second_stop_during_the_look_makes_it_begin_again(looks: Looks) -> None:
    looks.clock.move(66)
    assert looks.detector.check()
    await eventually(lambda: looks.begun == 1)
    looks.clock.move(5)
    assert looks.detector.check()
    await eventually(lambda: looks.begun == 2)
    assert looks.detector.stopped_for == 66
    looks.gate.set()
    assert await looks.detector.wait()
    assert looks.over == 1


async def test_one_that_was_not_started_or_is_closed_notices_nothing() -> None:
    looks = Looks()
    looks.clock.move(66)
    assert not looks.detector.check()
    looks.detector.start()
    await looks.detector.aclose()
    looks.clock.move(66)
    assert not looks.detector.check()


class _Stop(StopDetector):
    """A stop of some length that is being looked into."""

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
