"""The deadline queue: it calls when the earliest expected deadline comes, and not before."""

import asyncio
import logging
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from app.realtime.deadlines import Deadlines
from app.realtime.metrics import DEADLINE_LAG
from tests.support.eventually import eventually, stays
from tests.support.own_time import in_own_time

SOON = 0.05
LATE = 60.0
REQUEST: ContextVar[str] = ContextVar("REQUEST", default="none")


class Calls:
    """What a queue has called for, and when."""

    def __init__(self) -> None:
        self.keys: list[list[str]] = []
        self.at: list[float] = []
        self.error: Exception | None = None

    async def __call__(self, keys: list[str]) -> None:
        self.keys.append(sorted(keys))
        self.at.append(_now())
        if self.error:
            raise self.error

    def nothing(self) -> bool:
        """Whether it was not called."""
        return not self.keys

    def has(self, *calls: list[str]) -> bool:
        """Whether it was called with these, in this order."""
        return self.keys == list(calls)


@pytest.fixture
def calls() -> Calls:
    """What happened."""
    return Calls()


@pytest.fixture
def deadlines(calls: Calls) -> Iterator[Deadlines]:
    """A queue with nothing in it."""
    deadlines = Deadlines(calls)
    yield deadlines
    deadlines.close()


def _now() -> float:
    return asyncio.get_running_loop().time()


@in_own_time
async def test_it_calls_once_at_the_deadline(deadlines: Deadlines, calls: Calls) -> None:
    start = _now()
    deadlines.note("key", SOON)
    assert len(deadlines) == 1

    await eventually(lambda: calls.has(["key"]))

    assert calls.at == [pytest.approx(start + SOON)]
    assert len(deadlines) == 0
    await stays(lambda: len(calls.keys) == 1, during=2 * SOON)


@in_own_time
async def test_the_earliest_comes_first_in_whatever_order_they_were_noted(
    deadlines: Deadlines, calls: Calls
) -> None:
    for key, seconds in (("late", LATE), ("second", 2 * SOON), ("first", SOON)):
        deadlines.note(key, seconds)

    await eventually(lambda: calls.has(["first"], ["second"]))
    assert len(deadlines) == 1


@in_own_time
async def test_keys_that_are_due_together_are_passed_together(
    deadlines: Deadlines, calls: Calls
) -> None:
    for key in ("a", "b", "c"):
        deadlines.note(key, -1.0)

    await eventually(lambda: calls.has(["a", "b", "c"]))


@in_own_time
async def test_the_last_note_of_a_key_counts_when_it_is_later(
    deadlines: Deadlines, calls: Calls
) -> None:
    deadlines.note("key", SOON)
    deadlines.note("key", LATE)

    await stays(calls.nothing, during=3 * SOON)
    assert len(deadlines) == 1


@in_own_time
async def test_the_last_note_of_a_key_counts_when_it_is_earlier(
    deadlines: Deadlines, calls: Calls
) -> None:
    deadlines.note("key", LATE)
    deadlines.note("key", SOON)

    await eventually(lambda: calls.has(["key"]))


@in_own_time
async def test_a_forgotten_key_is_never_due(deadlines: Deadlines, calls: Calls) -> None:
    deadlines.note("key", SOON)
    deadlines.forget("key")
    deadlines.forget("never noted")

    await stays(calls.nothing, during=3 * SOON)
    assert len(deadlines) == 0


@in_own_time
async def test_the_callback_may_note_a_later_deadline(calls: Calls) -> None:
    async def check(keys: list[str]) -> None:
        await calls(keys)
        if len(calls.keys) < 3:
            queue.note("key", SOON)

    queue = Deadlines(check)
    queue.note("key", SOON)

    await eventually(lambda: calls.has(["key"], ["key"], ["key"]))
    queue.close()


@in_own_time
async def test_a_callback_that_fails_is_logged_and_the_next_key_is_due(
    deadlines: Deadlines, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    calls.error = LookupError("on purpose")
    deadlines.note("first", SOON)
    deadlines.note("second", 2 * SOON)

    with caplog.at_level(logging.ERROR):
        await eventually(lambda: calls.has(["first"], ["second"]))

    assert "checking sessions at their deadline failed" in caplog.text


@in_own_time
async def test_after_the_close_nothing_comes(calls: Calls) -> None:
    deadlines = Deadlines(calls)
    deadlines.note("key", SOON)
    deadlines.close()

    await stays(calls.nothing, during=3 * SOON)


@in_own_time
async def test_notes_that_are_replaced_again_and_again_take_no_room(
    deadlines: Deadlines, calls: Calls
) -> None:
    for number in range(10_000):
        deadlines.note(f"key {number % 10}", LATE + number)

    assert len(deadlines) == 10
    assert len(deadlines._heap) < 200
    deadlines.note("soon", SOON)
    await eventually(lambda: calls.has(["soon"]))


@in_own_time
async def test_a_slow_callback_delays_no_other(calls: Calls) -> None:
    gate = asyncio.Event()

    async def check(keys: list[str]) -> None:
        if keys == ["slow"]:
            await gate.wait()
        await calls(keys)

    queue = Deadlines(check)
    queue.note("slow", SOON)
    queue.note("quick", 2 * SOON)

    await eventually(lambda: calls.has(["quick"]))
    gate.set()
    await eventually(lambda: calls.has(["quick"], ["slow"]))
    queue.close()


@in_own_time
async def test_a_check_runs_in_no_context_of_a_request(calls: Calls) -> None:
    async def check(keys: list[str]) -> None:
        await calls([REQUEST.get()])

    queue = Deadlines(check)
    REQUEST.set("noted it")
    queue.note("key", SOON)

    await eventually(lambda: calls.has(["none"]))
    queue.close()


@in_own_time
async def test_of_a_check_that_is_done_nothing_is_kept_but_how_late_it_was(
    deadlines: Deadlines, calls: Calls
) -> None:
    await asyncio.sleep(LATE)  # what a clock says is not how late anything is
    before = _lag()
    deadlines.note("key", SOON)

    await eventually(lambda: calls.has(["key"]))
    await eventually(lambda: not deadlines._tasks)
    assert 0.0 <= _lag() - before < SOON


@in_own_time
async def test_keys_that_nobody_replaces_are_not_sorted_anew(deadlines: Deadlines) -> None:
    """Each note would cost as much as all sessions are many."""
    heap = deadlines._heap
    for number in range(200):
        deadlines.note(f"key {number}", LATE + number)
    assert deadlines._heap is heap


def _lag() -> float:
    """The seconds by which all checks together were late."""
    return next(
        sample.value
        for metric in DEADLINE_LAG.collect()
        for sample in metric.samples
        if sample.name.endswith("_sum")
    )
