"""Many raw clients at once, each with a session of its own and one acknowledged write."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.support.http import cookie_header
from tests.support.raw import SEPARATOR, RawPolling, RawWebSocket, raw_polling, raw_websocket

SHUTDOWN = '42["session ended",{"reason":"shutdown"}]'
CLOSE = "1"

_AT_ONCE = 50


@dataclass(frozen=True)
class Disconnected:
    """When a client was told of the shutdown, and when its transport was closed, by time.monotonic()."""

    told: float
    closed: float


class RawClient:
    """One client."""

    def __init__(self, raw: RawWebSocket | RawPolling, cookie: str) -> None:
        self.raw = raw
        self.cookie = cookie

    async def wait_for_shutdown(self, within: float) -> Disconnected:
        """Wait until the server disconnects; fails if it does not do so in order and in time."""
        await self.raw.receive_until(SHUTDOWN, within)
        told = time.monotonic()
        if isinstance(self.raw, RawWebSocket):
            assert await self.raw.frames_until_closed(within) == []
        else:
            assert (await self.raw.poll()).text.split(SEPARATOR)[0] == CLOSE
        return Disconnected(told, time.monotonic())


@asynccontextmanager
async def many_clients(
    url: str, *, websockets: int, pollers: int
) -> AsyncIterator[list[RawClient]]:
    """Clients that have joined the namespace and counted once."""
    async with AsyncExitStack() as stack:
        clients: list[RawClient] = []
        for number in batches(websockets):
            clients += await asyncio.gather(*(_websocket(stack, url) for _ in range(number)))
        for number in batches(pollers):
            clients += await asyncio.gather(*(_polling(stack, url) for _ in range(number)))
        yield clients


async def counts_of(url: str, clients: list[RawClient]) -> list[int]:
    """What a node says is stored of each client's session."""
    counts: list[int] = []
    async with httpx.AsyncClient(base_url=url, verify=False, trust_env=False) as client:
        for member in clients:
            answer = await client.get("/session", headers={"cookie": member.cookie})
            counts.append(answer.json()["count"])
    return counts


def allow_many_files() -> None:
    """Allow this process and those that it starts as many connections as the system does."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def batches(number: int) -> Iterable[int]:
    """Cut a number into those that may connect at once."""
    return [min(_AT_ONCE, number - start) for start in range(0, number, _AT_ONCE)]


async def _websocket(stack: AsyncExitStack, url: str) -> RawClient:
    raw = await stack.enter_async_context(raw_websocket(url))
    await _count_once(raw)
    return RawClient(raw, raw.set_cookies[0].pair)


async def _polling(stack: AsyncExitStack, url: str) -> RawClient:
    raw = await stack.enter_async_context(raw_polling(url, leave=False))
    await _count_once(raw)
    return RawClient(raw, cookie_header(raw.client))


async def _count_once(raw: RawWebSocket | RawPolling) -> None:
    await raw.join()
    await raw.emit("incr", ack=1)
    assert await raw.receive_until("431", 10.0) == "431[1]"
