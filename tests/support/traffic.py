"""Traffic that goes on through an outage, and the account of what became of each write.

async with Traffic(browser, sockets) as traffic:
    ...
traffic.check(count)
"""

import asyncio
import time
from asyncio import Task
from collections.abc import Awaitable, Callable
from typing import Any, Self

from tests.support.browsers import JsBrowser
from tests.support.eventually import PATIENCE, eventually
from tests.support.http import PROBLEM
from tests.support.js_client import JsClient

ANSWER_WITHIN = 2.0
"""Seconds: what is promised for an outage."""

_PAUSE = 0.02

Write = Callable[[], Awaitable[int | None]]


class Traffic:
    """Increments of one session: one at a time by HTTP, and one at a time on each socket.

    Nobody else may increment it meanwhile. An answer that is none of those which are promised fails
    the test: a count, or that the store is away.
    """

    def __init__(self, browser: JsBrowser, sockets: list[JsClient]) -> None:
        self.acknowledged: list[int] = []
        self.in_doubt = 0
        """Writes that were refused; one that was under way as the outage began may have happened."""
        self.slowest = 0.0
        self._browser = browser
        self._sockets = sockets
        self._stopping = asyncio.Event()
        self._writers: list[Task[None]] = []

    async def __aenter__(self) -> Self:
        writes = [self._post, *map(self._emitting, self._sockets)]
        self._writers = [asyncio.create_task(self._go_on(write)) for write in writes]
        await self.flows()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._stopping.set()
        await asyncio.gather(*self._writers)

    async def flows(self, *, within: float = PATIENCE) -> None:
        """Return when each of the writers has had a write acknowledged from now on."""
        self._fail_if_broken()
        expected = len(self.acknowledged) + 3 * len(self._writers)
        await eventually(lambda: self._has(len(self.acknowledged), expected), within=within)

    async def goes_on(self, *, within: float = PATIENCE) -> None:
        """Return when some write is acknowledged from now on."""
        expected = len(self.acknowledged) + len(self._writers) // 2
        await eventually(lambda: self._has(len(self.acknowledged), expected), within=within)

    async def stops(self, *, within: float = PATIENCE) -> None:
        """Return when writes are refused from now on."""
        expected = self.in_doubt + len(self._writers)
        await eventually(lambda: self._has(self.in_doubt, expected), within=within)

    def check(self, count: int) -> None:
        """Check that no acknowledged write was lost, and that no write was done twice."""
        self._fail_if_broken()
        writes = len(self.acknowledged)
        assert len(set(self.acknowledged)) == writes
        assert max(self.acknowledged) <= count
        assert writes <= count <= writes + self.in_doubt

    async def _go_on(self, write: Write) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            count = await write()
            took = time.monotonic() - began
            self.slowest = max(self.slowest, took)
            assert took < ANSWER_WITHIN, f"{write} was answered after {took:.1f} s"
            if count is None:
                self.in_doubt += 1
            else:
                self.acknowledged.append(count)
            await asyncio.sleep(_PAUSE)

    async def _post(self) -> int | None:
        answer = await self._browser.fetch("POST", "/incr")
        if answer.status == 200:
            return int(answer.json())
        check_away(answer.status, dict(answer.headers), answer.json())
        return None

    def _emitting(self, socket: JsClient) -> Write:
        async def emit() -> int | None:
            return count_or_away(await socket.emit("incr"))

        return emit

    def _has(self, number: int, expected: int) -> bool:
        self._fail_if_broken()
        return number >= expected

    def _fail_if_broken(self) -> None:
        for writer in self._writers:
            if writer.done() and not writer.cancelled():
                writer.result()


def count_or_away(ack: Any) -> int | None:
    """The count of an ack, None for one that says that the store is away; fails for any other."""
    if isinstance(ack, int):
        return ack
    assert ack["error"]["type"] == "store-unavailable", ack
    return None


def check_away(status: int, headers: dict[str, str], body: Any) -> None:
    """Fail if a response is not the one which says that the store is away."""
    assert (status, body["type"]) == (503, "store-unavailable")
    assert headers["content-type"].startswith(PROBLEM)
    assert int(headers["retry-after"]) >= 1
