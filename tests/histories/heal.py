"""After a nemesis: all servers run and have all data, and every node can write."""

import asyncio
from typing import Any

import aiohttp
import redis

from tests.histories.world import World
from tests.support.cluster import Cluster
from tests.support.eventually import eventually
from tests.support.sentinel import Watched
from tests.support.servers import StoreServer

_EVERY = 0.05
_ROUNDS = 3


async def heal(world: World, http: aiohttp.ClientSession, *, within: float) -> None:
    """Return when all is well again."""
    if world.store.watched is not None:
        await heal_watched(world.store.watched, within)
    if world.store.cluster is not None:
        await _heal_cluster(world.store.cluster, within)
    for _ in range(_ROUNDS):
        await eventually(lambda: world.works(http), within=within, every=_EVERY)


async def heal_watched(watched: Watched, within: float) -> None:
    """Return when all servers and Sentinels run, and all replicas follow the master."""
    for sentinel in watched.sentinels:
        await asyncio.to_thread(sentinel.ensure)
    for each in watched.servers:
        if not each.alive:
            await asyncio.to_thread(each.start)
    await eventually(lambda: _is_whole(watched), within=within, every=_EVERY)


def _is_whole(watched: Watched) -> bool:
    """Return whether all follow the master that there is now: on a busy machine it moves on meanwhile."""
    master = watched.master
    agreed = all(each.master_port() == master.port for each in watched.sentinels)
    if not agreed or _role(master)[0] != "master":
        return False
    others = [each for each in watched.servers if each is not master]
    for each in others:
        if _role(each)[0] == "master":
            # A Sentinel would do so, ten seconds later.
            each.command("REPLICAOF", "127.0.0.1", master.port)
    return all(_follows(each, master) for each in others) and all(
        each.sees_well(len(others)) for each in watched.sentinels
    )


async def _heal_cluster(cluster: Cluster, within: float) -> None:
    for server in cluster.servers:
        if not server.alive:
            await asyncio.to_thread(server.start)

    def is_whole() -> bool:
        masters = [each for each in cluster.servers if each.is_master]
        replicas = [each for each in cluster.servers if each not in masters]
        return (
            len(masters) == len(cluster.masters)
            and all(each.sees_all for each in cluster.servers)
            and all("connected" in _role(each) for each in replicas)
        )

    await eventually(is_whole, within=within, every=_EVERY)


def _follows(server: StoreServer, master: StoreServer) -> bool:
    role = _role(server)
    return bool(role[0] == "slave" and role[2] == master.port and role[3] == "connected")


def _role(server: StoreServer) -> list[Any]:
    """Return what ROLE says, or that it says nothing yet."""
    try:
        found: list[Any] = server.command("ROLE")
    except redis.RedisError:
        return ["loading"]
    return found
