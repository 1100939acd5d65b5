"""RedisPresence: what a killed node has counted is gone soon, and what a server has lost comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from app.realtime.redis_presence import RedisPresence
from app.redis.url import connect
from tests.support.eventually import eventually, stays
from tests.support.servers import StoreServer

LOOK = 0.1

NewPresence = Callable[[str], RedisPresence]


@pytest.fixture
async def presence(shared_store_server: StoreServer) -> AsyncIterator[NewPresence]:
    """Makes the presence of a node; all are closed in the end."""
    made: list[Any] = []

    def make(node: str) -> RedisPresence:
        client, listener = connect(shared_store_server.url), connect(shared_store_server.url)
        found = RedisPresence(client, listener, node=node, lifetime=3600, look_seconds=LOOK)
        made.extend((found, client))
        found.start()
        return found

    yield make
    for each in made:
        await each.aclose()


def kill(presence: RedisPresence) -> None:
    """End a node as kill -9 does: its connections break, and it says nothing."""
    for task in (presence._subscriber, presence._undertaker, presence._writer):
        if task is not None:
            task.cancel()
    for client in (presence._client, presence._listener):
        client.reconnect()  # type: ignore[attr-defined] # what connect() returns here has it


async def test_what_a_killed_node_has_counted_is_gone_soon(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here, killed = presence("here"), presence("killed")
    for number in range(210):
        killed.publish_count(f"k{number}", 1)
    here.publish_count("k0", 2)
    await eventually(
        lambda: len(shared_store_server.command("KEYS", "mooring:sockets:*")) == 210, within=15.0
    )
    await eventually(lambda: counts(here, "k0", 1), within=15.0)

    kill(killed)

    await eventually(
        lambda: shared_store_server.command("KEYS", "mooring:sockets:*") == ["mooring:sockets:k0"],
        within=15.0,
    )
    assert shared_store_server.command("HGETALL", "mooring:sockets:k0") == {"here": "2"}
    await eventually(lambda: shared_store_server.command("SMEMBERS", "mooring:nodes") == {"here"})
    assert shared_store_server.command("KEYS", "mooring:counted:killed") == []


async def test_a_node_that_lives_is_not_buried(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here, there = presence("here"), presence("there")
    there.publish_count("k", 1)
    await eventually(lambda: counts(here, "k", 1))
    await stays(lambda: counts(here, "k", 1), during=5 * LOOK)


async def counts(presence: RedisPresence, key: str, number: int) -> bool:
    return await presence.count_remote(key) == number


async def test_counts_that_a_server_has_lost_are_written_again(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here, there = presence("here"), presence("there")
    there.publish_count("k", 3)
    await eventually(lambda: counts(here, "k", 3))
    shared_store_server.command(
        "DEL", "mooring:sockets:k", "mooring:nodes", "mooring:counted:there"
    )
    await eventually(lambda: counts(here, "k", 3))


async def test_a_node_that_ends_in_good_order_leaves_nothing(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here = presence("here")
    here.publish_count("k", 1)
    await eventually(lambda: shared_store_server.command("SMEMBERS", "mooring:nodes") == {"here"})
    here.publish_count("k", 0)
    await asyncio.sleep(0)
    await here.aclose()
    assert shared_store_server.keys() == []
