"""One run: servers, three nodes, traffic, a fault, and what is true afterwards."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

from tests.failovers.faults import KINDS
from tests.failovers.history import History
from tests.failovers.traffic import Traffic
from tests.support.browsers import DriverError, JsClients
from tests.support.service import SECRET, service

NODES = 3
_AFTERWARDS = 1.0
"""Seconds of traffic when all flows again: what was lost is often told late."""


class NotStartedError(Exception):
    """Nothing has failed over: a server, a node, or a client did not start."""


async def run(kind: str, js: JsClients, seed: int) -> History:
    """Return the history of one failover."""
    rng = random.Random(seed)
    async with AsyncExitStack() as stack:
        try:
            servers = stack.enter_context(KINDS[kind]())
            settings = {
                "session_store": "redis",
                "redis_url": servers.url,
                "session_secrets": SECRET,
            }
            nodes = [service(**settings) for _ in range(NODES)]
            for node in nodes:
                await stack.enter_async_context(js.on(node))
            traffic = await stack.enter_async_context(Traffic(js, nodes))
        except (AssertionError, DriverError) as error:
            raise NotStartedError(str(error)) from error
        await asyncio.sleep(rng.random() / 2)
        began = time.monotonic()
        over = await servers.fail(rng)
        await traffic.flows()
        await asyncio.sleep(_AFTERWARDS)
        history = await traffic.finish()
        if over is not None:  # a shard alone was away: others were written all the time
            history.unavailable = (began, over)
        return history
