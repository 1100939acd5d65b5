"""ByteGate: what is held at once is bounded, in order, and nobody waits for ever."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.aio.byte_gate import ByteGate
from tests.support.eventually import eventually

pytestmark = pytest.mark.fast


async def test_what_finds_no_room_waits_in_order() -> None:
    gate = ByteGate(10, patience=60.0)
    order: list[int] = []
    leave = [asyncio.Event() for _ in range(3)]

    async def one(number: int, size: int) -> None:
        async with gate.hold("key", size):
            order.append(number)
            await leave[number].wait()

    tasks = [asyncio.create_task(one(number, size)) for number, size in enumerate((8, 9, 1))]
    await eventually(lambda: order == [0])
    leave[0].set()
    await eventually(lambda: order == [0, 1, 2])
    leave[1].set()
    leave[2].set()
    await asyncio.gather(*tasks)


async def test_what_is_held_for_ever_keeps_nobody_waiting_for_ever() -> None:
    gate = ByteGate(10, patience=0.01)
    await gate.enter("key", 10)
    await gate.enter("key", 10)


async def test_one_key_does_not_wait_for_another() -> None:
    gate = ByteGate(10, patience=60.0)
    await gate.enter("key", 10)
    await gate.enter("other", 10)


async def test_a_wait_that_is_cancelled_holds_nothing() -> None:
    gate = ByteGate(10, patience=60.0)
    await gate.enter("key", 10)
    waiting = asyncio.create_task(gate.enter("key", 10))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.leave("key", 10)
    assert not gate._held
    assert not gate._waiting


@settings(deadline=None, max_examples=50, derandomize=True)
@given(sizes=st.lists(st.integers(0, 15), max_size=20), cancelled=st.sets(st.integers(0, 19)))
def test_never_more_is_held_than_the_limit_but_for_one_that_is_larger(
    sizes: list[int], cancelled: set[int]
) -> None:
    async def run() -> None:
        gate, held = ByteGate(10, patience=60.0), 0

        async def one(size: int) -> None:
            nonlocal held
            async with gate.hold("key", size):
                held += size
                assert held <= 10 or held == size
                try:
                    await asyncio.sleep(0)
                finally:
                    held -= size

        tasks = [asyncio.create_task(one(size)) for size in sizes]
        await asyncio.sleep(0)
        for number in cancelled & set(range(len(tasks))):
            tasks[number].cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, asyncio.CancelledError)
        assert not gate._held
        assert not gate._waiting

    asyncio.run(run())
