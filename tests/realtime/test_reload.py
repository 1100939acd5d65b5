"""The reload task: each session once an interval, many at a time, whoever comes and goes meanwhile."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from app.realtime.moorings import slot_of
from app.realtime.reload import CHUNK, ReloadTask
from app.sessions import StoreUnavailableError
from tests.support.eventually import eventually

INTERVAL = 0.4
SLACK = 0.2


class Moored:
    """The keys of this node, and when each was reloaded."""

    def __init__(self, number: int = 0) -> None:
        self.keys = [f"key {n}" for n in range(number)]
        self.reloaded: defaultdict[str, list[float]] = defaultdict(list)
        self.chunks: list[int] = []
        self.error: Exception | None = None

    def keys_in(self, slot: int) -> list[str]:
        """Those whose turn it is."""
        return [key for key in self.keys if slot_of(key) == slot]

    async def reload(self, keys: Sequence[str]) -> None:
        self.chunks.append(len(keys))
        for key in keys:
            self.reloaded[key].append(time.monotonic())
        if self.error:
            raise self.error

    def times(self, number: int) -> bool:
        """Whether every key was reloaded so often."""
        return all(len(self.reloaded[key]) >= number for key in self.keys)


@asynccontextmanager
async def _running(moored: Moored) -> AsyncIterator[ReloadTask]:
    task = ReloadTask(moored.keys_in, moored.reload, interval=INTERVAL)
    task.start()
    yield task
    await task.aclose()


async def test_every_session_is_reloaded_once_an_interval() -> None:
    moored = Moored(100)
    async with _running(moored):
        await eventually(lambda: moored.times(3), within=5 * INTERVAL)

    for times in moored.reloaded.values():
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert all(abs(gap - INTERVAL) < SLACK for gap in gaps)


async def test_a_session_that_comes_at_any_moment_is_reloaded_within_an_interval() -> None:
    moored = Moored()
    came: dict[str, float] = {}
    async with _running(moored):
        for number in range(10):
            key = f"newcomer {number}"
            came[key] = time.monotonic()
            moored.keys.append(key)
            await asyncio.sleep(INTERVAL / 7)
        await eventually(lambda: moored.times(1), within=2 * INTERVAL)

    waited = {key: moored.reloaded[key][0] - at for key, at in came.items()}
    assert max(waited.values()) <= INTERVAL + SLACK


async def test_the_reloads_are_spread_over_the_interval() -> None:
    moored = Moored(200)
    async with _running(moored):
        await eventually(lambda: moored.times(1), within=3 * INTERVAL)

    first = sorted(times[0] for times in moored.reloaded.values())
    assert first[-1] - first[0] > INTERVAL / 2


async def test_many_sessions_are_reloaded_so_many_at_a_time() -> None:
    moored = Moored(20_000)
    async with _running(moored):
        await eventually(lambda: moored.times(1), within=10 * INTERVAL)

    assert max(moored.chunks) == CHUNK
    assert min(moored.chunks) > 0


async def test_who_has_left_is_not_reloaded() -> None:
    moored = Moored(5)
    async with _running(moored):
        await eventually(lambda: moored.times(1), within=3 * INTERVAL)
        left = moored.keys.pop()
        before = len(moored.reloaded[left])
        await eventually(lambda: moored.times(3), within=5 * INTERVAL)

    assert len(moored.reloaded[left]) == before


@pytest.mark.parametrize("error", [StoreUnavailableError("out of reach"), LookupError("a bug")])
async def test_a_reload_that_fails_is_logged_and_repeated_after_an_interval(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    moored = Moored(3)
    moored.error = error
    with caplog.at_level(logging.WARNING):
        async with _running(moored):
            await eventually(lambda: moored.times(2), within=4 * INTERVAL)

    assert "sessions were not reloaded" in caplog.text


async def test_it_may_be_closed_twice_and_without_a_start() -> None:
    moored = Moored(1)
    async with _running(moored) as task:
        await task.aclose()
    await ReloadTask(moored.keys_in, moored.reload, interval=INTERVAL).aclose()
