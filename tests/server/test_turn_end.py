"""What is left to do at the end of a turn is done once, in order, whatever else fails."""

import asyncio
from typing import Any

from app.aio.turn_end import TurnEnd


async def test_works_of_one_turn_are_done_in_order_at_its_end() -> None:
    done: list[int] = []
    turn_end = TurnEnd()
    for number in range(3):
        turn_end.add(lambda number=number: done.append(number))  # type: ignore[misc] # it is a closure
    assert done == []
    await asyncio.sleep(0)
    assert done == [0, 1, 2]
    await asyncio.sleep(0)
    assert done == [0, 1, 2]


async def test_what_is_added_meanwhile_is_done_in_the_next_turn() -> None:
    done: list[str] = []
    turn_end = TurnEnd()

    def work() -> None:
        done.append("first")
        turn_end.add(lambda: done.append("second"))

    turn_end.add(work)
    await asyncio.sleep(0)
    assert done == ["first"]
    await asyncio.sleep(0)
    assert done == ["first", "second"]


async def test_work_that_fails_is_reported_and_the_others_are_done() -> None:
    done: list[str] = []
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: reported.append(about))
    turn_end = TurnEnd()

    def fail() -> None:
        raise ValueError("a fault")

    turn_end.add(fail)
    turn_end.add(lambda: done.append("the other"))
    await asyncio.sleep(0)
    assert done == ["the other"]
    assert [str(about["exception"]) for about in reported] == ["a fault"]
