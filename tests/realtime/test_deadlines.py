"""The deadline queue: it wakes when the earliest believed deadline comes, and not before."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest

from app.realtime.deadlines import Deadlines
from tests.support.eventually import eventually, stays

SOON = 0.05
LATE = 60.0


class Woken:
    """What a queue has woken for, and when."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.at: list[float] = []
        self.error: Exception | None = None

    async def __call__(self, keys: list[str]) -> None:
        self.calls.append(sorted(keys))
        self.at.append(time.monotonic())
        if self.error:
            raise self.error

    def nothing(self) -> bool:
        """Whether it was not called."""
        return not self.calls

    def has(self, *calls: list[str]) -> bool:
        """Whether it was called with these, in this order."""
        return self.calls == list(calls)


@pytest.fixture
def woken() -> Woken:
    """What happened."""
    return Woken()


@pytest.fixture
async def deadlines(woken: Woken) -> AsyncIterator[Deadlines]:
    """A queue with nothing in it."""
    deadlines = Deadlines(woken)
    yield deadlines
    deadlines.close()


async def test_it_wakes_at_the_deadline_and_once(deadlines: Deadlines, woken: Woken) -> None:
    start = time.monotonic()
    deadlines.note("key", SOON)
    assert len(deadlines) == 1

    await eventually(lambda: woken.has(["key"]))

    assert SOON <= woken.at[0] - start < SOON + 0.5
    assert len(deadlines) == 0
    await stays(lambda: len(woken.calls) == 1, during=2 * SOON)


async def test_the_earliest_comes_first_in_whatever_order_they_were_noted(
    deadlines: Deadlines, woken: Woken
) -> None:
    for key, seconds in (("late", LATE), ("second", 2 * SOON), ("first", SOON)):
        deadlines.note(key, seconds)

    await eventually(lambda: woken.has(["first"], ["second"]))
    assert len(deadlines) == 1


async def test_those_that_come_together_are_looked_at_together(
    deadlines: Deadlines, woken: Woken
) -> None:
    for key in ("a", "b", "c"):
        deadlines.note(key, -1.0)

    await eventually(lambda: woken.has(["a", "b", "c"]))


async def test_the_last_note_of_a_key_counts_when_it_is_later(
    deadlines: Deadlines, woken: Woken
) -> None:
    deadlines.note("key", SOON)
    deadlines.note("key", LATE)

    await stays(woken.nothing, during=3 * SOON)
    assert len(deadlines) == 1


async def test_the_last_note_of_a_key_counts_when_it_is_earlier(
    deadlines: Deadlines, woken: Woken
) -> None:
    deadlines.note("key", LATE)
    deadlines.note("key", SOON)

    await eventually(lambda: woken.has(["key"]))


async def test_what_is_forgotten_is_not_waited_for(deadlines: Deadlines, woken: Woken) -> None:
    deadlines.note("key", SOON)
    deadlines.forget("key")
    deadlines.forget("never noted")

    await stays(woken.nothing, during=3 * SOON)
    assert len(deadlines) == 0


async def test_who_looks_may_note_a_later_deadline(woken: Woken) -> None:
    async def look(keys: list[str]) -> None:
        await woken(keys)
        if len(woken.calls) < 3:
            queue.note("key", SOON)

    queue = Deadlines(look)
    queue.note("key", SOON)

    await eventually(lambda: woken.has(["key"], ["key"], ["key"]))
    queue.close()


async def test_a_look_that_fails_is_logged_and_the_next_one_comes(
    deadlines: Deadlines, woken: Woken, caplog: pytest.LogCaptureFixture
) -> None:
    woken.error = LookupError("on purpose")
    deadlines.note("first", SOON)
    deadlines.note("second", 2 * SOON)

    with caplog.at_level(logging.ERROR):
        await eventually(lambda: woken.has(["first"], ["second"]))

    assert "whose time has come failed" in caplog.text


async def test_after_the_close_nothing_comes(woken: Woken) -> None:
    deadlines = Deadlines(woken)
    deadlines.note("key", SOON)
    deadlines.close()

    await stays(woken.nothing, during=3 * SOON)


async def test_notes_that_are_replaced_again_and_again_take_no_room(
    deadlines: Deadlines, woken: Woken
) -> None:
    for number in range(10_000):
        deadlines.note(f"key {number % 10}", LATE + number)

    assert len(deadlines) == 10
    assert len(deadlines._heap) < 200
    deadlines.note("soon", SOON)
    await eventually(lambda: woken.has(["soon"]))


async def test_a_slow_look_delays_no_other(woken: Woken) -> None:
    gate = asyncio.Event()

    async def look(keys: list[str]) -> None:
        if keys == ["slow"]:
            await gate.wait()
        await woken(keys)

    queue = Deadlines(look)
    queue.note("slow", SOON)
    queue.note("quick", 2 * SOON)

    await eventually(lambda: woken.has(["quick"]))
    gate.set()
    await eventually(lambda: woken.has(["quick"], ["slow"]))
    queue.close()
