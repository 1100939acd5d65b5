"""Tests that run with no other beside them, in whichever of several processes they are.

What a promise says in seconds is measured there, on a machine that does nothing else. All other tests
hold a lock that they share; a test marked `alone` waits until it has that lock to itself.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

_held: list[TextIO] = []
"""The lock of the test before, which was alone, as this one is."""


@contextmanager
def turn(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Hold the lock that a test needs, and keep it for a next test that is to be alone, too."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    lock = (
        _held.pop() if _held else _locked(item, fcntl.LOCK_EX if _is_alone(item) else fcntl.LOCK_SH)
    )
    try:
        yield
    finally:
        if _is_alone(item) and _is_alone(nextitem):
            _held.append(lock)
        else:
            lock.close()


def _locked(item: pytest.Item, how: int) -> TextIO:
    """Return the locked file. A second one is held meanwhile, so that nobody overtakes who waits."""
    assert item.config.cache is not None
    folder = item.config.cache.mkdir("alone")
    lock = (folder / "lock").open("w")
    with (folder / "queue").open("w") as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        fcntl.flock(lock, how)
    return lock


def _is_alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None
