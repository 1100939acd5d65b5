"""Waiting for a condition instead of sleeping for a guess."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

PATIENCE = 15.0
"""Seconds in which a machine that has much else to do, too, has done what a test waits for.

A test that says less has a promise of so many seconds, or is about them.
"""

_PART_OF_THE_WAIT = 0.1
_LONGEST_PAUSE = 0.1
"""Who has waited for long asks less often: that costs a node as much as what is tested."""


@overload
async def eventually(
    probe: Callable[[], Awaitable[T]], *, within: float = PATIENCE, every: float = 0.01
) -> T: ...


@overload
async def eventually(
    probe: Callable[[], T], *, within: float = PATIENCE, every: float = 0.01
) -> T: ...


async def eventually(
    probe: Callable[[], Any], *, within: float = PATIENCE, every: float = 0.01
) -> Any:
    """Call `probe`, plain or async, until its answer is true, and return that answer.

    Fails the test with the last answer if none is true within so many seconds. An AssertionError
    in the probe counts as not yet, and is what is raised in the end. The longer it has waited the less
    often it asks, at first each `every` seconds, so that it is late by a tenth of the time at most; at 0 it
    goes on to ask all the time.
    """
    began = _now()
    deadline = began + within
    while True:
        late = _now() >= deadline
        try:
            answer = await _answer(probe)
        except AssertionError:
            if late:
                raise
        else:
            if answer:
                return answer
            assert not late, f"not within {within} s; the last answer was {answer!r}"
        await asyncio.sleep(_pause(began, deadline, every))


def _now() -> float:
    """Return the time by the event loop's clock; see in_own_time."""
    return asyncio.get_running_loop().time()


def _pause(began: float, deadline: float, every: float) -> float:
    if not every:
        return 0.0  # what it waits for does not last
    now = _now()
    pause = max(every, min((now - began) * _PART_OF_THE_WAIT, _LONGEST_PAUSE))
    return max(0.0, min(pause, deadline - now))


@overload
async def stays(probe: Callable[[], Awaitable[T]], *, during: float, every: float = 0.02) -> T: ...


@overload
async def stays(probe: Callable[[], T], *, during: float, every: float = 0.02) -> T: ...


async def stays(probe: Callable[[], Any], *, during: float, every: float = 0.02) -> Any:
    """Check that the answer of `probe` is true from now until so many seconds later."""
    deadline = _now() + during
    while True:
        answer = await _answer(probe)
        assert answer, f"no longer so, {deadline - _now():.2f} s early: {answer!r}"
        if _now() >= deadline:
            return answer
        await asyncio.sleep(every)


@overload
async def settled(
    probe: Callable[[], Awaitable[T]], *, quiet: float = 0.5, within: float = PATIENCE
) -> T: ...


@overload
async def settled(probe: Callable[[], T], *, quiet: float = 0.5, within: float = PATIENCE) -> T: ...


async def settled(probe: Callable[[], Any], *, quiet: float = 0.5, within: float = PATIENCE) -> Any:
    """The answer of `probe` that has not changed for so many seconds: what came before is done."""
    deadline = _now() + within
    answer, since = await _answer(probe), _now()
    while _now() < since + quiet:
        await asyncio.sleep(0.02)
        last, answer = answer, await _answer(probe)
        if answer != last:
            since = _now()
            assert since < deadline, f"still changing after {within} s: {answer!r}"
    return answer


async def _answer(probe: Callable[[], Any]) -> Any:
    answer = probe()
    return await answer if inspect.isawaitable(answer) else answer
