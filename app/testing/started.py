"""A TestApp that is started and stopped outside of coroutines."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import FastAPI

from .kit import TestApp

Result = TypeVar("Result")


@contextmanager
def started(app: FastAPI, **options: Any) -> Iterator[TestApp]:
    """Start an app on its nodes, and stop them in the end.

    Nodes have threads of their own, so that neither needs the event loop of a test.

    Args:
        app: the FastAPI app.
        **options: as TestApp takes them.

    Raises:
        Exception: what the app's lifespan raises, at either end.
    """
    test = TestApp(app, **options)
    _run(test.__aenter__())
    try:
        yield test
    finally:
        _run(test.__aexit__())


def _run(what: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a thread of its own: in this one an event loop may run, or be a plugin's."""
    with ThreadPoolExecutor(1, thread_name_prefix="mooring test app") as thread:
        return thread.submit(asyncio.run, what).result()
