"""The nemeses, by name: what each does to a world amid its clients, and whom it kept from acting."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import aiohttp

from tests.failovers import faults
from tests.histories.history import Window
from tests.histories.world import World
from tests.support.cluster import Cluster, ClusterServer

Nemesis = Callable[[World, random.Random, aiohttp.ClientSession], Awaitable[list[Window]]]

_HOUR = 3600.0
_LATENCIES = (0.01, 0.05, 0.15)
"""Seconds, each way: as far as to another city, to another continent, and by a network that is overloaded."""
_TICK = 2.0
_SLOTS = 12
_BUS = "mooring:bus"
_JUMPS = (
    *((3.0, 0.0), (-3.0, 0.0), (45.0, 0.0), (-45.0, 0.0), (20.0, -20.0, 0.0)),
    *((300.0, 0.0), (-300.0, 0.0)),
)
"""By how much the clock of a store is wrong, one after another. Those of 300 s end sessions, others none."""


async def nothing(_world: World, _rng: random.Random, _http: aiohttp.ClientSession) -> list[Window]:
    """Nothing fails."""
    return []


async def kill_node(world: World, rng: random.Random, _http: aiohttp.ClientSession) -> list[Window]:
    """A node is killed, and started again."""
    number, began = _any_node(world, rng), time.monotonic()
    world.down.add(number)
    world.nodes[number].kill()
    await _a_while(rng)
    await asyncio.to_thread(world.nodes[number].start)
    world.down.discard(number)
    return [Window(began, time.monotonic(), number)]


async def stop_node(world: World, rng: random.Random, _http: aiohttp.ClientSession) -> list[Window]:
    """A node is stopped, and continued; nobody tells the balancer."""
    number = _any_node(world, rng)
    node = world.nodes[number]
    windows = await _for_a_while(rng, node.pause, node.resume, number)
    return [replace(each, is_stop=True) for each in windows]


async def cut_store_link(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """A node's link to the store is cut."""
    number = _any_node(world, rng)
    link = world.links[number]
    return await _for_a_while(rng, link.cut, link.mend, number)


async def hang_store_link(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """A node's link to the store passes nothing on."""
    number = _any_node(world, rng)
    link = world.links[number]
    return await _for_a_while(rng, link.hold, link.mend, number)


async def slow_store_links(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """Each step of what takes several at the store takes long, and then all links are cut amid the steps."""
    began = time.monotonic()
    for link in world.links:
        link.slow_down(rng.choice(_LATENCIES))
    await _a_while(rng)
    for link in world.links:
        link.cut()
    await asyncio.sleep(rng.random() / 4)
    for link in world.links:
        link.mend()
    return [Window(began, time.monotonic())]


async def kill_store(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """The store is killed, and started again with its data."""
    assert world.store.server is not None
    began = time.monotonic()
    world.store.server.kill()
    await asyncio.sleep(rng.random())
    await asyncio.to_thread(world.store.server.start)
    return [Window(began, time.monotonic())]


async def stop_store(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """The store hangs, and then goes on with what it was sent."""
    server = world.store.server
    assert server is not None
    return await _for_a_while(rng, server.pause, server.resume)


async def fill_memory(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """The store's memory is full: it refuses what would take more, and ends go on in their second."""
    server = world.store.server
    assert server is not None
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.command("CONFIG", "SET", "maxmemory", 1)
    await _a_while(rng)
    server.command("CONFIG", "SET", "maxmemory", 0)
    return []


async def move_clock(world: World, rng: random.Random, http: aiohttp.ClientSession) -> list[Window]:
    """The clock of a node goes wrong by an hour, and right again."""
    url = world.urls[_any_node(world, rng)]
    for seconds in (rng.choice([-_HOUR, _HOUR]), 0.0):
        async with http.post(f"{url}/clock", json={"seconds": seconds}) as answer:
            assert answer.status == 200
        await _a_while(rng)
    return []


async def move_server_clock(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """The clock of the store jumps, ahead or back, and is put right."""
    clock, server, at, windows = world.store.clock, world.store.server, 0.0, []
    assert clock is not None
    assert server is not None
    for to in rng.choice(_JUMPS):
        if to > at:
            windows.append(Window(time.monotonic(), time.monotonic(), ahead=to - at))
        clock.move(to)
        assert abs(server.command("TIME")[0] - time.time() - to) < _TICK
        at = to
        await _a_while(rng)
    return windows


def _failover(fault: str) -> Nemesis:
    async def fail(world: World, rng: random.Random, _http: aiohttp.ClientSession) -> list[Window]:
        began = time.monotonic()
        act = getattr(faults, fault)
        await act(world.store.watched or world.store.cluster, rng)
        return [Window(began, time.monotonic(), is_failover=True)]

    return fail


async def reshard(world: World, rng: random.Random, _http: aiohttp.ClientSession) -> list[Window]:
    """Slots move to another master, one after another; nothing may wait for it, or be lost."""
    cluster = world.store.cluster
    assert cluster is not None
    target = rng.choice(cluster.masters_now)
    for key in await asyncio.to_thread(_slots, cluster, target, rng):
        await asyncio.to_thread(cluster.begin_to_move, key, target)
        await asyncio.to_thread(cluster.end_move, key, target)
    return []


async def half_migrate(
    world: World, rng: random.Random, _http: aiohttp.ClientSession
) -> list[Window]:
    """Slots are in the midst of a move for a while, with some of their keys at either server."""
    cluster = world.store.cluster
    assert cluster is not None
    target = rng.choice(cluster.masters_now)
    keys = await asyncio.to_thread(_slots, cluster, target, rng)
    for key in keys:
        await asyncio.to_thread(cluster.begin_to_move, key, target)
    await _a_while(rng)
    for key in keys:
        await asyncio.to_thread(cluster.end_move, key, target)
    return []


def _slots(cluster: Cluster, target: ClusterServer, rng: random.Random) -> list[str]:
    """Return a key for each of some slots that other masters have keys in: the bus', and any."""
    keys = [key for key in faults.a_key_of_each_slot(cluster, target) if key != _BUS]
    chosen = rng.sample(sorted(keys), min(len(keys), _SLOTS))
    if cluster.owner(_BUS) is not target:
        chosen.insert(rng.randint(0, len(chosen)), _BUS)
    return chosen


_ANY: dict[str, Nemesis] = {
    "none": nothing,
    "links": nothing,
    "stop-node": stop_node,
}
"""`links` cuts connections of clients: the round does it."""

_NODES: dict[str, Nemesis] = {"kill-node": kill_node, "clock": move_clock}

_ONE: dict[str, Nemesis] = {
    "cut-link": cut_store_link,
    "hang-link": hang_store_link,
    "slow-links": slow_store_links,
    "kill-store": kill_store,
    "stop-store": stop_store,
    "full": fill_memory,
}

_SENTINEL = (
    *("planned", "killed", "stopped"),
    *("replicas_missing", "replicas_hung", "sentinels_missing"),
)
_CLUSTER = ("cluster_planned", "cluster_killed", "cluster_stopped")

_FAILOVERS = {each.replace("_", "-"): _failover(each) for each in _SENTINEL}

NEMESES: dict[str, dict[str, Nemesis]] = {
    "memory": _ANY,
    "valkey": _ANY | _NODES | _ONE | {"server-clock": move_server_clock},
    "redis": _ANY | _NODES | _ONE,
    "sentinel": _FAILOVERS,
    "valkey-sentinel": _FAILOVERS,
    "cluster": {each.replace("_", "-"): _failover(each) for each in _CLUSTER}
    | {"cluster-reshard": reshard, "cluster-half-migrated": half_migrate},
}


def _any_node(world: World, rng: random.Random) -> int:
    return rng.randrange(len(world.nodes))


async def _for_a_while(
    rng: random.Random,
    begin: Callable[[], object],
    end: Callable[[], object],
    node: int | None = None,
) -> list[Window]:
    """Break something, and mend it after a while; return when that was, and at which node."""
    began = time.monotonic()
    begin()
    await _a_while(rng)
    end()
    return [Window(began, time.monotonic(), node)]


async def _a_while(rng: random.Random) -> None:
    """Wait for what is sometimes longer than a client waits, and a node's patience."""
    await asyncio.sleep(rng.choice([0.3, 1.0, 2.2]) * (0.5 + rng.random()))
