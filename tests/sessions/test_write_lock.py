"""One writer at a time has the lock of a session, in the order in which they came."""

import asyncio

import pytest

from app.sessions.errors import StoreUnavailableError
from app.sessions.write_lock import FailFast, WriteLock


@pytest.fixture
async def lock() -> WriteLock:
    """A lock that nobody holds."""
    return WriteLock(FailFast())


async def test_it_is_taken_at_once_if_it_is_free_and_by_one_alone(lock: WriteLock) -> None:
    assert lock.take()
    assert not lock.take()
    lock.release()
    assert lock.take()


async def test_those_who_wait_have_it_in_order_and_nobody_comes_in_between(lock: WriteLock) -> None:
    had: list[int] = []

    async def write(number: int) -> None:
        async with lock:
            had.append(number)
            assert not lock.take()
            await asyncio.sleep(0)

    assert lock.take()
    writers = [asyncio.create_task(write(number)) for number in range(5)]
    await asyncio.sleep(0)
    lock.release()
    assert not lock.take()  # it is the first one's, who has not run yet
    await asyncio.gather(*writers)
    assert had == [0, 1, 2, 3, 4]
    assert lock.take()


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "as it is given the lock"])
async def test_one_that_is_cancelled_keeps_it_from_nobody(lock: WriteLock, given: bool) -> None:
    assert lock.take()
    cancelled, next_one = (asyncio.create_task(lock.wait()) for _ in range(2))
    await asyncio.sleep(0)
    if given:
        lock.release()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    if not given:
        assert not next_one.done()
        lock.release()
    await next_one
    lock.release()
    assert lock.take()


async def test_one_that_waited_behind_a_call_that_timed_out_fails_and_lets_the_next_one_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_fast = FailFast()
    lock = WriteLock(fail_fast)
    assert lock.take()
    late = asyncio.create_task(lock.wait())
    await asyncio.sleep(0)
    monkeypatch.setattr(fail_fast, "_timed_out_at", asyncio.get_running_loop().time() + 10)
    lock.release()
    with pytest.raises(StoreUnavailableError):
        await late
    assert lock.take()
