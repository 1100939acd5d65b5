"""After a nemesis: all servers run and have all data, and every node can write."""

import asyncio

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
        await _heal_watched(world.store.watched, within)
    if world.store.cluster is not None:
        await _heal_cluster(world.store.cluster, within)
    for _ in range(_ROUNDS):
        await eventually(lambda: world.works(http), within=within, every=_EVERY)


async def _heal_watched(watched: Watched, within: float) -> None:
    for sentinel in watched.sentinels:
        await asyncio.to_thread(sentinel.ensure)
    master = watched.master
    for server in watched.servers:
        if not server.alive:
            await asyncio.to_thread(server.start)
        if server is not master and server.command("ROLE")[0] == "master":
            # A Sentinel would do so, ten seconds later.
            server.command("REPLICAOF", "127.0.0.1", master.port)
    await eventually(
        lambda: all(_follows(each, master) for each in watched.replicas),
        within=within,
        every=_EVERY,
    )
    await eventually(
        lambda: all(each.sees_well(len(watched.servers) - 1) for each in watched.sentinels),
        within=within,
        every=_EVERY,
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
            and all(each.command("ROLE")[3] == "connected" for each in replicas)
        )

    await eventually(is_whole, within=within, every=_EVERY)


def _follows(server: StoreServer, master: StoreServer) -> bool:
    try:
        role = server.command("ROLE")
    except redis.RedisError:
        return False
    return bool(role[0] == "slave" and role[2] == master.port and role[3] == "connected")
