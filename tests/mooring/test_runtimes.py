"""Each event loop has a runtime of its own, which ends with it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

from app.http.request_id import REQUEST
from app.runtime import Runtime, Runtimes


class Part:
    """What stands for a runtime here: it knows its loop, and whether it was closed."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = self.forgotten = False
        self.request = REQUEST.get()

    def forget(self) -> None:
        self.forgotten = True

    async def aclose(self) -> None:
        self.closed = True


def runtimes() -> tuple[Runtimes, list[Part]]:
    """Return runtimes, and the list of all that they make."""
    made: list[Part] = []

    def make() -> Runtime:
        made.append(Part())
        return cast("Runtime", made[-1])

    return Runtimes(make), made


async def test_one_loop_has_one() -> None:
    parts, made = runtimes()
    assert parts.current() is parts.current()
    assert len(made) == 1


async def test_it_is_no_part_of_the_request_that_came_first() -> None:
    parts, _ = runtimes()
    REQUEST.set("first")
    assert cast("Part", parts.current()).request is None


def test_the_next_loop_has_another_whether_the_one_before_was_closed_or_not() -> None:
    parts, made = runtimes()

    async def use() -> None:
        assert parts.current().loop is asyncio.get_running_loop()

    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        for loop in (first, second, first, second):
            loop.run_until_complete(use())
        assert len(made) == 2
    finally:
        first.close()
        second.close()
    asyncio.run(use())
    assert len(made) == 3


def test_loops_at_once_have_one_each_and_close_their_own() -> None:
    parts, made = runtimes()
    both = Barrier(2)

    async def use() -> bool:
        mine: Any = parts.current()
        both.wait(5)
        same = parts.current() is mine
        both.wait(5)
        if mine is made[0]:
            await parts.aclose()
        both.wait(5)
        return same and mine.closed is (mine is made[0])

    with ThreadPoolExecutor(2) as threads:
        results = [threads.submit(asyncio.run, use()) for _ in range(2)]
        assert [each.result() for each in results] == [True, True]
    assert len(made) == 2


async def test_after_its_end_another_use_makes_a_new_one() -> None:
    parts, made = runtimes()
    parts.current()
    await parts.aclose()
    assert made[0].closed
    assert cast("Any", parts.current()) is made[1]
    await parts.aclose()
    await parts.aclose()
    assert [each.closed for each in made] == [True, True]


def test_those_of_closed_loops_are_not_held() -> None:
    parts, made = runtimes()

    async def use() -> int:
        parts.current()
        return len(parts._all)

    assert [asyncio.run(use()) for _ in range(4)] == [1] * 4
    assert [each.forgotten for each in made] == [True, True, True, False]
