"""A flood of first contacts: signed-in and active sessions are served on, and what it leaves goes soon."""

import asyncio
import re

import httpx
import pytest

from tests.support.http import http_client
from tests.support.raw import raw_websocket
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import memory_settings, server_settings

FLOODED_APP = "tests.support.flooded_app"
"""Its memory store holds 200 sessions, and takes a second for the five that newcomers have."""
ACTIVE = 20
FLOOD = 400


async def test_a_flood_on_a_full_memory_store_leaves_active_sessions_alone() -> None:
    async with (
        service(module=FLOODED_APP, **memory_settings()) as node,
        http_client(node.url, jarless=True) as flood,
    ):
        clients = [http_client(node.url) for _ in range(ACTIVE)]
        try:
            for client in clients:
                assert (await client.post("/incr")).json() == 1
            done = asyncio.create_task(_flood(flood))
            counts = [1] * ACTIVE
            while not done.done():
                for index, client in enumerate(clients):
                    rotated = await client.post("/session/rotate")
                    assert rotated.status_code == 204, rotated.text
                    counts[index] += 1
                    assert (await client.post("/incr")).json() == counts[index]
            assert await done > 0, "the store was never full"
        finally:
            for client in clients:
                await client.aclose()
        evicted = re.search(r"^mooring_sessions_evicted_total (\S+)", node.metrics(), re.MULTILINE)
        assert evicted is not None
        assert float(evicted[1]) > 0
        assert node.log().count("the memory store is full") <= 3


async def _flood(client: httpx.AsyncClient) -> int:
    """Open sessions as fast as possible; return how many were refused or made room."""
    opened = 0
    for _ in range(0, FLOOD, 20):
        answers = await asyncio.gather(*(client.get("/session") for _ in range(20)))
        assert {answer.status_code for answer in answers} <= {200, 503}
        opened += len(answers)
    return opened - 200


async def test_on_redis_what_a_flood_leaves_goes_soon_and_what_comes_back_stays(
    valkey: StoreServer,
) -> None:
    async with service(**server_settings(valkey), session_unused_timeout=60) as node:

        def seconds() -> list[int]:
            return sorted(valkey.command("TTL", key) for key in valkey.session_keys())

        async with http_client(node.url) as client:
            await client.get("/session")
            assert seconds() == [pytest.approx(60, abs=5)]
            await client.get("/session")
            assert seconds() == [pytest.approx(1800, abs=10)]
        async with http_client(node.url) as client, raw_websocket(node.url) as socket:
            await socket.join()
            await client.post("/incr")
            assert seconds() == [pytest.approx(1800, abs=10)] * 3
