"""GrowingGate: what holders have together is bounded, and they never all wait for each other."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.aio.growing_gate import GrowingGate
from tests.support.eventually import PATIENCE

pytestmark = pytest.mark.fast


async def _started(gate: GrowingGate, holder: object, size: int) -> asyncio.Task[None]:
    task = asyncio.create_task(gate.grow("key", holder, size))
    await asyncio.sleep(0)
    return task


async def test_the_oldest_grows_beyond_the_limit_while_the_others_wait() -> None:
    gate = GrowingGate(10, patience=60.0)
    await gate.grow("key", "oldest", 5)
    await gate.grow("key", "other", 5)
    waiting = await _started(gate, "other", 1)
    await gate.grow("key", "oldest", 100)
    assert not waiting.done()
    gate.release("key", "oldest")
    await waiting


async def test_who_holds_something_goes_before_newcomers() -> None:
    gate = GrowingGate(10, patience=60.0)
    await gate.grow("key", "oldest", 5)
    await gate.grow("key", "other", 4)
    newcomer = await _started(gate, "newcomer", 4)
    await gate.grow("key", "other", 1)
    assert not newcomer.done()
    gate.release("key", "other")
    await newcomer


async def test_newcomers_are_let_in_in_order() -> None:
    gate = GrowingGate(10, patience=60.0)
    await gate.grow("key", "oldest", 9)
    first = await _started(gate, "first", 5)
    second = await _started(gate, "second", 1)
    assert (first.done(), second.done()) == (False, False)
    gate.release("key", "oldest")
    await asyncio.gather(first, second)


async def test_one_key_does_not_wait_for_another() -> None:
    gate = GrowingGate(10, patience=60.0)
    await gate.grow("key", "one", 10)
    await gate.grow("other", "two", 10)


async def test_what_is_held_for_ever_keeps_nobody_waiting_for_ever() -> None:
    gate = GrowingGate(10, patience=0.01)
    await gate.grow("key", "one", 10)
    await asyncio.gather(*(gate.grow("key", number, 10) for number in range(3)))


async def test_a_release_ends_the_wait_of_its_holder() -> None:
    gate = GrowingGate(10, patience=60.0)
    await gate.grow("key", "one", 10)
    waiting = await _started(gate, "two", 10)
    gate.release("key", "two")
    await waiting
    gate.release("key", "one")
    assert not gate._keys


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    pieces=st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=4), max_size=12),
    cancelled=st.sets(st.integers(0, 11)),
)
def test_more_than_the_limit_is_held_by_the_oldest_alone_and_all_finish(
    pieces: list[list[int]], cancelled: set[int]
) -> None:
    async def run() -> None:
        gate = GrowingGate(10, patience=60.0)
        held: dict[int, int] = {}

        async def one(holder: int) -> None:
            try:
                for size in pieces[holder]:
                    await gate.grow("key", holder, size)
                    held[holder] = held.get(holder, 0) + size
                    assert sum(held.values()) - held[next(iter(held))] <= 10
                    await asyncio.sleep(0)
            finally:
                held.pop(holder, None)
                gate.release("key", holder)

        tasks = [asyncio.create_task(one(holder)) for holder in range(len(pieces))]
        await asyncio.sleep(0)
        for number in cancelled & set(range(len(tasks))):
            tasks[number].cancel()
        async with asyncio.timeout(PATIENCE):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, asyncio.CancelledError) for each in results)
        assert not gate._keys

    asyncio.run(run())
