"""LazyEvent: what asyncio.Event promises, without a deque for each."""

import asyncio

import pytest

from app.aio.lazy_event import LazyEvent


@pytest.fixture
async def event() -> LazyEvent:
    """An event that is set."""
    return LazyEvent(asyncio.get_running_loop())


async def test_waiting_for_a_set_event_returns_at_once(event: LazyEvent) -> None:
    event.set()
    await event.wait()


async def test_all_waiters_return_when_it_is_set(event: LazyEvent) -> None:
    event.clear()
    event.clear()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    event.set()
    await asyncio.gather(*waiting)


async def test_a_cancelled_waiter_does_not_affect_the_others(event: LazyEvent) -> None:
    event.clear()
    one, other = (asyncio.create_task(event.wait()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    event.set()
    await other


async def test_waiters_do_not_return_if_it_is_cleared_again_at_once(event: LazyEvent) -> None:
    event.clear()
    waiting = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    event.set()
    event.clear()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    await waiting
