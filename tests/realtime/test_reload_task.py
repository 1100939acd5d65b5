"""The reload task: each session once an interval, many at a time, while others come and go."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY

from app.realtime.registry import SLOTS, slot_of
from app.realtime.reload_task import CHUNK, ReloadTask
from app.sessions import StoreUnavailableError
from tests.support.eventually import eventually
from tests.support.own_time import in_own_time

INTERVAL = 0.4


class Sessions:
    """The keys of this node, and when each was reloaded."""

    def __init__(self, number: int = 0) -> None:
        self.keys = [f"key {n}" for n in range(number)]
        self.reloaded: defaultdict[str, list[float]] = defaultdict(list)
        self.chunks: list[int] = []
        self.error: Exception | None = None

    def keys_in(self, slot: int) -> list[str]:
        """The keys in a slot."""
        return [key for key in self.keys if slot_of(key) == slot]

    async def reload(self, keys: Sequence[str]) -> None:
        self.chunks.append(len(keys))
        for key in keys:
            self.reloaded[key].append(_now())
        if self.error:
            raise self.error

    def times(self, number: int) -> bool:
        """Whether every key was reloaded so often."""
        return all(len(self.reloaded[key]) >= number for key in self.keys)


@asynccontextmanager
async def _running(sessions: Sessions) -> AsyncIterator[ReloadTask]:
    task = ReloadTask(sessions.keys_in, sessions.reload, interval=INTERVAL)
    task.start()
    yield task
    await task.aclose()


@in_own_time
async def test_every_session_is_reloaded_once_an_interval() -> None:
    sessions = Sessions(100)
    async with _running(sessions):
        await eventually(lambda: sessions.times(3))

    for times in sessions.reloaded.values():
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert gaps == pytest.approx([INTERVAL] * len(gaps))


@in_own_time
async def test_a_session_that_comes_at_any_moment_is_reloaded_within_an_interval() -> None:
    sessions = Sessions()
    came: dict[str, float] = {}
    async with _running(sessions):
        for number in range(10):
            key = f"newcomer {number}"
            came[key] = _now()
            sessions.keys.append(key)
            await asyncio.sleep(INTERVAL / 7)
        await eventually(lambda: sessions.times(1))

    waited = {key: sessions.reloaded[key][0] - at for key, at in came.items()}
    assert max(waited.values()) <= INTERVAL + 1e-9  # sums of tenths are rounded


@in_own_time
async def test_the_reloads_are_spread_over_the_interval() -> None:
    sessions = Sessions(200)
    async with _running(sessions):
        await eventually(lambda: sessions.times(1))

    first = sorted(times[0] for times in sessions.reloaded.values())
    assert first[-1] - first[0] > INTERVAL / 2


@in_own_time
async def test_many_sessions_are_reloaded_so_many_at_a_time() -> None:
    sessions = Sessions(20_000)
    slots: defaultdict[int, list[str]] = defaultdict(list)
    for key in sessions.keys:
        slots[slot_of(key)].append(key)
    sessions.keys_in = slots.__getitem__  # type: ignore[method-assign, assignment] # the same, once
    async with _running(sessions):
        await eventually(lambda: sessions.times(1))

    assert max(sessions.chunks) == CHUNK
    assert min(sessions.chunks) > 0


@in_own_time
async def test_a_session_that_has_left_is_not_reloaded() -> None:
    sessions = Sessions(5)
    async with _running(sessions):
        await eventually(lambda: sessions.times(1))
        left = sessions.keys.pop()
        before = len(sessions.reloaded[left])
        await eventually(lambda: sessions.times(3))

    assert len(sessions.reloaded[left]) == before


@pytest.mark.parametrize("error", [StoreUnavailableError("out of reach"), LookupError("a bug")])
@in_own_time
async def test_a_reload_that_fails_is_logged_and_repeated_after_an_interval(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = Sessions(3)
    sessions.error = error
    with caplog.at_level(logging.WARNING):
        async with _running(sessions):
            await eventually(lambda: sessions.times(2))

    assert "sessions failed" in caplog.text


@in_own_time
async def test_it_may_be_closed_twice_and_without_a_start() -> None:
    sessions = Sessions(1)
    async with _running(sessions) as task:
        await task.aclose()
    await ReloadTask(sessions.keys_in, sessions.reload, interval=INTERVAL).aclose()


@in_own_time
async def test_what_a_reload_takes_is_measured() -> None:
    names = ("mooring_reload_seconds_sum", "mooring_reload_sessions_total")
    seconds_before, number_before = (_measured(name) for name in names)
    sessions, began = Sessions(1), time.monotonic()
    async with _running(sessions):
        await eventually(lambda: sessions.times(1))
    seconds, number = (_measured(name) for name in names)
    assert 0.0 < seconds - seconds_before < time.monotonic() - began
    assert number - number_before == len(sessions.reloaded["key 0"])


@in_own_time
async def test_a_round_that_is_late_is_measured_and_does_not_shorten_the_next() -> None:
    sessions = Sessions(1000)
    sessions.keys = [next(key for key in sessions.keys if slot_of(key) == SLOTS - 1)]
    ended, lags = list[float](), list[float]()

    async def reload(keys: Sequence[str]) -> None:
        lags.append(_measured("mooring_reload_lag_seconds"))
        await sessions.reload(keys)
        if not ended:
            await asyncio.sleep(1.5 * INTERVAL)
        ended.append(_now())

    task = ReloadTask(sessions.keys_in, reload, interval=INTERVAL)
    task.start()
    await eventually(lambda: len(ended) == 2)
    await task.aclose()
    assert lags[1] >= 1.5 * INTERVAL - 1e-9
    assert ended[1] - ended[0] == pytest.approx(INTERVAL)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _measured(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0
