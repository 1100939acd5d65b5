"""RedisPresence: what a killed node has counted is gone soon, and what a server has lost comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from app.realtime.bus.base import BusUnavailableError
from app.realtime.redis_presence import RedisPresence
from app.redis.url import connect
from tests.support.eventually import eventually, stays
from tests.support.servers import StoreServer

CHECK = 0.1

NewPresence = Callable[[str], RedisPresence]


@pytest.fixture
async def presence(shared_store_server: StoreServer) -> AsyncIterator[NewPresence]:
    """Makes the presence of a node; all are closed in the end."""
    made: list[Any] = []

    def make(node: str) -> RedisPresence:
        client, listener = connect(shared_store_server.url), connect(shared_store_server.url)
        found = RedisPresence(client, listener, node=node, lifetime=3600, check_seconds=CHECK)
        made.extend((found, client))
        found.start()
        return found

    yield make
    for each in made:
        await each.aclose()


def kill(presence: RedisPresence) -> None:
    """End a node as kill -9 does: its connections break, and it says nothing."""
    for task in (presence._subscriber, presence._cleaner, presence._writer):
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


async def test_what_no_node_has_written_keeps_none_from_removing_what_a_killed_one_has(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    for name in ("mooring:nodes", "mooring:counted:killed"):
        shared_store_server.command("SADD", name, b"\xff")
    presence("here")
    killed = presence("killed")
    killed.publish_count("k", 1)
    await eventually(lambda: shared_store_server.command("EXISTS", "mooring:sockets:k"))

    kill(killed)

    await eventually(lambda: not shared_store_server.command("EXISTS", "mooring:sockets:k"))
    await eventually(lambda: not shared_store_server.command("EXISTS", "mooring:counted:killed"))


async def test_a_node_that_lives_is_not_removed(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here, there = presence("here"), presence("there")
    there.publish_count("k", 1)
    await eventually(lambda: counts(here, "k", 1))
    await stays(lambda: counts(here, "k", 1), during=5 * CHECK)


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


async def test_settling_waits_until_others_can_know(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here = presence("here")
    for number in range(50):
        here.publish_count(f"k{number}", number % 2)
        await here.settle(f"k{number}")
        name = f"mooring:sockets:k{number}"
        assert shared_store_server.command("HGETALL", name) == {"here": str(number % 2)}
    here.publish_count("k1", None)
    here.publish_count("k1", 2)
    await here.settle("k1")
    await eventually(
        lambda: shared_store_server.command("HGETALL", "mooring:sockets:k1") == {"here": "2"}
    )
    await here.settle("of nobody")


async def test_settling_fails_within_a_second_where_nothing_can_be_written(
    own_store_server: StoreServer,
) -> None:
    client, listener = connect(own_store_server.url), connect(own_store_server.url)
    here = RedisPresence(client, listener, node="here", lifetime=60)
    own_store_server.kill()
    here.publish_count("k", 1)
    with pytest.raises(BusUnavailableError):
        await here.settle("k")
    await here.aclose()
    await client.aclose()


async def test_a_node_that_needs_messages_but_has_no_socket_counts_nothing(
    presence: NewPresence,
) -> None:
    here, there = presence("here"), presence("there")
    there.publish_count("k", 0)
    await there.settle("k")
    assert await here.count_remote("k") == 0


async def test_a_node_that_was_sent_to_a_room_counts_nothing(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    shared_store_server.command("HSET", "mooring:sockets:k", "+there", 1_700_000_000_000)
    assert await presence("here").count_remote("k") == 0


async def test_the_stream_of_a_killed_node_goes_with_its_counts(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    presence("here")
    killed = presence("killed")
    killed.publish_count("k", 1)
    await killed.settle("k")
    stream = "mooring:{mooring:bus}:killed"
    shared_store_server.command("XADD", stream, "*", "o", "killed")
    await eventually(lambda: shared_store_server.command("SCARD", "mooring:nodes") == 2)
    kill(killed)
    await eventually(lambda: shared_store_server.command("EXISTS", stream) == 0, within=15.0)
    assert shared_store_server.command("EXISTS", "mooring:sockets:k") == 0


async def test_what_a_new_master_lacks_of_the_last_writes_is_written_again(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    here = presence("here")
    here.publish_count("k", 3)
    await here.settle("k")
    await eventually(lambda: shared_store_server.command("SCARD", "mooring:nodes") == 1)
    shared_store_server.command("DEL", "mooring:sockets:k")  # as if it had been promoted before
    here._listener.reconnect()  # type: ignore[attr-defined] # what connect() returns here has it
    await eventually(
        lambda: shared_store_server.command("HGETALL", "mooring:sockets:k") == {"here": "3"},
        within=15.0,
    )


async def test_a_full_memory_keeps_no_node_from_being_found(
    own_store_server: StoreServer,
) -> None:
    client, listener = connect(own_store_server.url), connect(own_store_server.url)
    here = RedisPresence(client, listener, node="here", lifetime=60)
    own_store_server.command("CONFIG", "SET", "maxmemory", 1)
    here.publish_count("k", 2)
    await here.settle("k")
    assert own_store_server.command("HGETALL", "mooring:sockets:k") == {"here": "2"}
    assert own_store_server.command("SMEMBERS", "mooring:counted:here") == {"k"}
    await here.aclose()
    await client.aclose()


async def test_what_no_node_clears_expires(
    presence: NewPresence, shared_store_server: StoreServer
) -> None:
    """Where all nodes are killed at once there is none to bury them."""
    node = presence("here")
    node.publish_count("k0", 1)
    names = ["mooring:sockets:k0", "mooring:counted:here"]
    await eventually(lambda: shared_store_server.command("EXISTS", *names) == len(names), every=0.0)
    for name in names:  # at once: it may be killed before it writes again
        assert 3590 < shared_store_server.command("TTL", name) <= 3600, name


async def test_a_count_that_changed_while_a_write_failed_is_what_is_written(
    own_store_server: StoreServer,
) -> None:
    client, listener = connect(own_store_server.url), connect(own_store_server.url)
    here = RedisPresence(client, listener, node="here", lifetime=60)
    await client.execute("PING")
    own_store_server.pause()
    here.publish_count("k", 1)
    await eventually(lambda: not here._changed, every=0.0)
    here.publish_count("k", 2)
    await eventually(lambda: here._changed.get("k") and here._unsettled)
    with pytest.raises(BusUnavailableError):
        await here.settle("k")

    own_store_server.resume()
    await eventually(
        lambda: own_store_server.command("HGETALL", "mooring:sockets:k") == {"here": "2"}
    )
    await stays(
        lambda: own_store_server.command("HGETALL", "mooring:sockets:k") == {"here": "2"},
        during=0.3,
    )
    await here.aclose()
    await client.aclose()
