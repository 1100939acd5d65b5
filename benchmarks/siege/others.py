"""The others: a client that asks for /healthz, and one with a session and a socket of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from benchmarks.siege.wire import Wire, connection, frame, new_session, request, websocket

PAUSE_SECONDS = 0.02
_LOST_SECONDS = 30.0
"""What counts for a request whose connection was closed in place of an answer."""


class Waits:
    """How long a client waited, each time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def p99(self) -> float:
        """What all but one in a hundred would have waited at most.

        They come at one pace, whether the one before was answered or not: who asked while another one
        waited for a second would have waited for the rest of it.
        """
        all_of_them = [
            wait - late * PAUSE_SECONDS
            for wait in self.seconds
            for late in range(1 + int(wait / PAUSE_SECONDS))
        ]
        ordered = sorted(all_of_them)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] if ordered else 0.0

    async def ask(self, client: Callable[[], Awaitable[None]]) -> None:
        """Time one request."""
        start = time.monotonic()
        try:
            await client()
        except (OSError, asyncio.IncompleteReadError):
            self.seconds.append(_LOST_SECONDS)
            raise
        except asyncio.CancelledError:  # the siege is over, and it still waits
            self.seconds.append(time.monotonic() - start)
            raise
        self.seconds.append(time.monotonic() - start)


@asynccontextmanager
async def others(port: int) -> AsyncIterator[tuple[Waits, Waits]]:
    """Have both at work: what /healthz took, and what `incr` took."""
    healthz, incr = Waits(), Waits()
    cookie = await new_session(port)
    tasks = [
        asyncio.create_task(_again(lambda: _healthz(port, healthz))),
        asyncio.create_task(_again(lambda: _incr(port, cookie, incr))),
    ]
    try:
        yield healthz, incr
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(client: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            await client()
        await asyncio.sleep(PAUSE_SECONDS)


async def _healthz(port: int, waits: Waits) -> None:
    async with connection(port) as wire:

        async def ask() -> None:
            await wire.write(request("GET", "/healthz"))
            if not (await wire.read_response()).startswith(b"HTTP/1.1 200"):
                raise ConnectionRefusedError

        while True:
            await waits.ask(ask)
            await asyncio.sleep(PAUSE_SECONDS)


async def _incr(port: int, cookie: str, waits: Waits) -> None:
    async with websocket(port, cookie) as wire:
        number = 0
        while True:
            number += 1
            await waits.ask(lambda ack=number: _ack(wire, ack))  # type: ignore[misc] # bound here
            await asyncio.sleep(PAUSE_SECONDS)


async def _ack(wire: Wire, number: int) -> None:
    await wire.write(frame(b'42%d["incr"]' % number) + frame(b"3"))
    answer = await wire.read_until(b"43%d[" % number)
    if b"error" in answer.partition(b"43%d[" % number)[2][:20]:
        raise ConnectionRefusedError
