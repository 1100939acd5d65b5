"""Waits of one length: each ends when its time has come and not before, in order, by one timer."""

import asyncio
from unittest.mock import Mock

import pytest

from app.aio.timeout_queue import TimeoutQueue
from tests.support.eventually import eventually

SHORT = 0.1
MANY = 20


class Due:
    """What was due, and after how long."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.after: list[float] = []
        self.add: dict[str, float] = {}
        self.delay = TimeoutQueue(SHORT, self)

    def __call__(self, item: str) -> None:
        self.items.append(item)
        self.after.append(asyncio.get_running_loop().time() - self.add[item])

    def wait_for(self, item: str) -> None:
        """Put an item."""
        self.add[item] = asyncio.get_running_loop().time()
        self.delay.add(item)


@pytest.fixture
def due() -> Due:
    """A delay that notes what is due."""
    return Due()


async def test_each_is_due_after_its_time_and_in_order(due: Due) -> None:
    for item in "abc":
        due.wait_for(item)
        await asyncio.sleep(SHORT / 4)
    await eventually(lambda: due.items == ["a", "b", "c"])
    assert min(due.after) >= SHORT


async def test_after_a_pause_it_waits_again(due: Due) -> None:
    due.wait_for("early")
    await eventually(lambda: due.items == ["early"])
    due.wait_for("late")
    await eventually(lambda: due.items == ["early", "late"])
    assert min(due.after) >= SHORT


async def test_who_is_due_may_be_put_again() -> None:
    rounds: list[int] = []

    def again(count: int) -> None:
        rounds.append(count)
        if count:
            delay.add(count - 1)

    delay = TimeoutQueue(SHORT / 10, again)
    delay.add(3)
    await eventually(lambda: rounds == [3, 2, 1, 0])


async def test_one_that_breaks_holds_up_none_of_the_others() -> None:
    seen: list[str] = []

    def breaks(item: str) -> None:
        seen.append(item)
        if item == "bad":
            raise RuntimeError("broken on purpose")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handler := Mock())
    delay = TimeoutQueue(SHORT / 10, breaks)
    for item in ("bad", "good"):
        delay.add(item)
    await eventually(lambda: seen == ["bad", "good"])
    assert isinstance(handler.call_args.args[1]["exception"], RuntimeError)


async def test_thousands_of_waits_are_one_timer(due: Due, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    timers = Mock(side_effect=loop.call_at)
    monkeypatch.setattr(loop, "call_at", timers)
    for number in range(5_000):
        due.wait_for(str(number))
    assert timers.call_count == 1
    await eventually(lambda: len(due.items) == 5_000)
    assert timers.call_count < 500  # a waiting test has some as well
