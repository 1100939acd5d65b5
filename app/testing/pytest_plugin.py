"""Fixtures for pytest, by the wheel's entry point.

pytest loads this module in every run in an environment that has the wheel, also in those of other projects.
So it imports nothing of the package until a fixture is used, and it has no hook, option or marker: it changes
nothing of what a user has set. The fixtures are plain functions, so that they are the same under
pytest-asyncio, in its strict mode and its auto mode, and under anyio's plugin.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .clock import FakeClock
    from .kit import TestApp


@pytest.fixture
def fake_clock() -> "FakeClock":
    """Return a fastapi_mooring.testing.FakeClock, on which make_test_app starts its nodes."""
    from .clock import FakeClock  # noqa: PLC0415 - see the module's docstring

    return FakeClock()


@pytest.fixture
def make_test_app(fake_clock: "FakeClock") -> Iterator[Callable[..., "TestApp"]]:
    """Return a function that starts an app on nodes in process, and returns its TestApp.

    It takes what fastapi_mooring.testing.TestApp takes. The nodes stop after the test.
    """
    from .started import started  # noqa: PLC0415 - see the module's docstring

    with ExitStack() as stack:

        def make(app: "FastAPI", **options: Any) -> "TestApp":
            return stack.enter_context(started(app, **{"clock": fake_clock} | options))

        yield make
