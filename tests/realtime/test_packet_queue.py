"""A client's queue: each item is got once and in order, also when waiters are cancelled."""

import asyncio
import random

import pytest

from app.aio.packet_queue import PacketQueue


@pytest.fixture
async def queue() -> PacketQueue:
    """An empty one."""
    return PacketQueue(asyncio.get_running_loop())


async def test_what_is_put_is_got_in_order(queue: PacketQueue) -> None:
    for item in (1, None, 3):
        queue.put_nowait(item)
    assert [await queue.get() for _ in range(3)] == [1, None, 3]
    assert queue.empty()


async def test_an_empty_queue_raises(queue: PacketQueue) -> None:
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()
    queue.put_nowait(1)
    assert not queue.empty()
    assert queue.get_nowait() == 1


async def test_waiters_are_served_in_order(queue: PacketQueue) -> None:
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for item in "abc":
        queue.put_nowait(item)
    assert await asyncio.gather(*waiting) == ["a", "b", "c"]


async def test_a_cancelled_waiter_loses_no_item(queue: PacketQueue) -> None:
    one, other = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.put_nowait("item")  # wakes the first
    one.cancel()
    assert await other == "item"
    assert queue.empty()


async def test_a_cancellation_that_races_with_an_item_loses_none(queue: PacketQueue) -> None:
    chance = random.Random(7)
    got: list[int] = []

    async def take() -> None:
        got.append(await queue.get())

    tasks: set[asyncio.Task[None]] = set()
    for item in range(2000):
        tasks.add(asyncio.create_task(take()))
        if chance.random() < 0.7:
            await asyncio.sleep(0)
        queue.put_nowait(item)
        if chance.random() < 0.5:
            chance.choice(sorted(tasks, key=id)).cancel()
        tasks = {task for task in tasks if not task.done()}
    await asyncio.gather(*tasks, return_exceptions=True)
    while not queue.empty():
        got.append(queue.get_nowait())

    assert sorted(got) == list(range(2000))
