"""Rounds of trials over three nodes, the last of which is stopped, killed, or left alone."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from app import RedisStore
from tests.support.http import http_client
from tests.support.service import SECRET, Service, service
from tests.support.stores import StoreSettings
from tests.user_ends.check import (
    DEADLINE_SECONDS,
    Outcome,
    check_later,
    check_records,
    check_running,
    check_woken,
)
from tests.user_ends.stores import Servers
from tests.user_ends.trial import RACE_SECONDS, Trial, names

PRODUCT = "tests.users.product:app"
FAULTS = ("none", "stop", "kill")
_LAST = 2
_TIMEOUT = 20.0
_JITTER_SECONDS = 0.01


class World:
    """A store, three nodes, and clients of each."""

    def __init__(self, servers: Servers, nodes: Sequence[Service]) -> None:
        self.servers = servers
        self.nodes = nodes
        self.store = RedisStore.from_url(servers.url)
        self.clients = [self._client(each) for each in nodes]

    @staticmethod
    def _client(node: Service) -> httpx.AsyncClient:
        return http_client(node.url, jarless=True, timeout=_TIMEOUT)

    async def restart(self) -> None:
        """Start the node again that was killed."""
        await asyncio.to_thread(self.nodes[_LAST].start)
        await self.clients[_LAST].aclose()
        self.clients[_LAST] = self._client(self.nodes[_LAST])

    async def aclose(self) -> None:
        """Close the clients."""
        for each in self.clients:
            await each.aclose()
        await self.store.aclose()


@asynccontextmanager
async def world(servers: Servers, *, jitter: float = _JITTER_SECONDS) -> AsyncIterator[World]:
    """Start three nodes on a store, whose calls take a random time longer."""
    async with AsyncExitStack() as stack:
        settings: StoreSettings = {"app": PRODUCT, "log_level": "info", "store_jitter": jitter}
        settings |= {"session_store": "redis", "redis_url": servers.url, "session_secrets": SECRET}
        nodes = [await stack.enter_async_context(service(**settings)) for _ in range(3)]
        made = World(servers, nodes)
        stack.push_async_callback(made.aclose)
        yield made


async def run_round(world: World, fault: str, users: int, seed: int, within: float) -> Outcome:
    """Run trials of many users at once, with one fault amid them."""
    rng = random.Random(seed)
    outcome = Outcome(trials=users)
    world.servers.flush()
    trials = [
        Trial(name, world.nodes, world.clients, random.Random(rng.random()))
        for name in itertools.islice(names(rng), users)
    ]
    await asyncio.gather(*(each.prepare() for each in trials))
    failing = asyncio.ensure_future(_fail(world.nodes[_LAST], fault, rng))
    await asyncio.gather(*(each.race() for each in trials))
    await failing
    await asyncio.gather(*(each.go_on() for each in trials))
    failed = None if fault == "none" else _LAST
    await asyncio.gather(*(check_running(each, failed, outcome, within) for each in trials))
    if fault == "stop":
        await asyncio.sleep(rng.random() * DEADLINE_SECONDS)
        woken_at = time.time()
        world.nodes[_LAST].resume()
        await asyncio.gather(
            *(check_woken(each, _LAST, woken_at, outcome, within) for each in trials)
        )
    if fault == "kill":
        await world.restart()
    await asyncio.gather(*(each.settle() for each in trials))
    await asyncio.gather(*(check_later(each, outcome) for each in trials))
    await check_records(world.servers, world.store, trials, outcome)
    await asyncio.gather(*(each.close() for each in trials))
    return outcome


async def _fail(node: Service, fault: str, rng: random.Random) -> None:
    await asyncio.sleep(rng.random() * RACE_SECONDS)
    if fault == "stop":
        node.pause()
    elif fault == "kill":
        node.kill()
