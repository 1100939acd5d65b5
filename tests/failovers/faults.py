"""The failovers, by name: the servers of each, and what is done to them."""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis

from tests.support.cluster import Cluster, ClusterServer, redis_cluster
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.support.sentinel import SERVICE, Watched, watched_servers

MOVED_WITHIN = 30.0
_TRIES = 4
_GIVEN_UP_WITHIN = 8.0
"""More than the `failover-timeout` of the Sentinels."""


@dataclass(frozen=True)
class Servers:
    """Running servers: their URL, and the fault that is done to them."""

    url: str
    fail: Callable[[random.Random], Awaitable[float | None]]


Fault = Callable[[Any, random.Random], Awaitable[float | None]]
"""Returns when there was a master for all again, if traffic alone does not show it."""


async def planned(watched: Watched, rng: random.Random) -> None:
    """SENTINEL FAILOVER: the old master lives. Who is too busy may give it up, and is asked again."""
    old, sentinel = watched.master, rng.choice(watched.sentinels)
    for _ in range(_TRIES):
        with suppress(redis.ResponseError):  # one is under way
            sentinel.command("SENTINEL", "FAILOVER", SERVICE)
        with suppress(AssertionError):
            return await _moved(watched, old.port, within=_GIVEN_UP_WITHIN)
    raise AssertionError("no Sentinel has failed over")


async def killed(watched: Watched, rng: random.Random) -> None:
    """The master is killed."""
    old = watched.master
    old.kill()
    await _moved(watched, old.port)


async def stopped(watched: Watched, rng: random.Random) -> None:
    """The master hangs until another was promoted, and then goes on."""
    old = watched.master
    old.pause()
    await _moved(watched, old.port)
    await asyncio.sleep(rng.random())
    old.resume()


async def replicas_missing(watched: Watched, rng: random.Random) -> None:
    """All replicas are killed, and come back."""
    replicas = watched.replicas
    for replica in replicas:
        replica.kill()
    await asyncio.sleep(1 + rng.random())
    for replica in replicas:
        await asyncio.to_thread(replica.start)


async def replicas_hung(watched: Watched, rng: random.Random) -> None:
    """All replicas hang, too short to be noticed, and the master is killed: what they lack is lost."""
    old, replicas = watched.master, watched.replicas
    for replica in replicas:
        replica.pause()
    await asyncio.sleep(rng.random() * 0.8)
    old.kill()
    for replica in replicas:
        replica.resume()
    await _moved(watched, old.port)


async def one_replica_missing(watched: Watched, rng: random.Random) -> None:
    """One replica is killed; then a failover is planned, and the replica comes back."""
    lost = rng.choice(watched.replicas)
    lost.kill()
    await asyncio.sleep(3.0)
    await planned(watched, rng)
    await asyncio.to_thread(lost.start)


async def sentinels_missing(watched: Watched, rng: random.Random) -> None:
    """Two of three Sentinels hang or are gone, so that nobody is promoted."""
    hung, gone = rng.sample(watched.sentinels, 2)
    hung.pause()
    gone.kill()
    await asyncio.sleep(2 + rng.random())
    hung.resume()


async def by_the_script(watched: Watched, rng: random.Random) -> None:
    """A planned one by deploy/failover.py."""
    script = ROOT / "deploy" / "failover.py"
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), watched.url)
    assert await process.wait() == 0


async def _moved(watched: Watched, old: int, *, within: float = MOVED_WITHIN) -> None:
    def all_say_so() -> bool:
        return all(each.master_port() != old for each in watched.sentinels)

    await eventually(all_say_so, within=within, every=0.05)


async def cluster_killed(cluster: Cluster, rng: random.Random) -> float:
    """A master is killed, its replica takes over, and what was killed comes back as its replica."""
    old = rng.choice(cluster.masters_now)
    old.kill()
    await eventually(lambda: _covered(cluster), within=MOVED_WITHIN, every=0.05)
    over = time.monotonic()
    await asyncio.to_thread(old.start)
    return over


async def cluster_planned(cluster: Cluster, rng: random.Random) -> None:
    """CLUSTER FAILOVER at the replica of a master."""
    replicas = [each for each in cluster.servers if not each.is_master]
    replica = rng.choice(replicas)
    replica.command("CLUSTER", "FAILOVER")
    await eventually(lambda: replica.is_master, within=MOVED_WITHIN, every=0.05)


async def cluster_stopped(cluster: Cluster, rng: random.Random) -> float:
    """A master hangs until its replica has taken over, and then goes on."""
    old = rng.choice(cluster.masters_now)
    old.pause()
    others = [each for each in cluster.servers if each is not old]
    await eventually(lambda: _covered(cluster, others), within=MOVED_WITHIN, every=0.05)
    over = time.monotonic()
    old.resume()
    return over


async def resharded(cluster: Cluster, rng: random.Random) -> None:
    """The slots of many keys move to another master, one after another."""
    target = rng.choice(cluster.masters_now)
    for key in await asyncio.to_thread(a_key_of_each_slot, cluster, target):
        await asyncio.to_thread(cluster.begin_to_move, key, target)
        await asyncio.to_thread(cluster.end_move, key, target)


async def half_migrated(cluster: Cluster, rng: random.Random) -> None:
    """The slots of many keys are in the midst of a move for a while."""
    target = rng.choice(cluster.masters_now)
    keys = await asyncio.to_thread(a_key_of_each_slot, cluster, target)
    for key in keys:
        await asyncio.to_thread(cluster.begin_to_move, key, target)
    await asyncio.sleep(1 + rng.random())
    for key in keys:
        await asyncio.to_thread(cluster.end_move, key, target)


def a_key_of_each_slot(cluster: Cluster, target: ClusterServer) -> list[str]:
    """Return one key for each slot that other masters have keys in."""
    others = [server for server in cluster.masters_now if server is not target]
    keys = [key for server in others for key in server.command("KEYS", "mooring:*")]
    by_slot = {str(target.command("CLUSTER", "KEYSLOT", key)): key for key in keys}
    return list(by_slot.values())


def _covered(cluster: Cluster, asked: list[ClusterServer] | None = None) -> bool:
    servers = [each for each in asked or cluster.servers if each.alive]
    masters = [each for each in servers if each.is_master]
    return len(masters) == len(cluster.masters) and all(each.sees_all for each in servers)


@contextmanager
def _sentinel(fault: Fault, options: str = "wait_replicas=1") -> Iterator[Servers]:
    with watched_servers(replicas=2) as watched:
        yield Servers(f"{watched.url}?{options}", partial(fault, watched))


@contextmanager
def _cluster(fault: Fault) -> Iterator[Servers]:
    with redis_cluster(masters=3, replicas=1) as cluster:
        yield Servers(f"{cluster.url}?wait_replicas=1", partial(fault, cluster))


@contextmanager
def _cluster_without_replicas(fault: Fault) -> Iterator[Servers]:
    with redis_cluster(masters=3) as cluster:
        yield Servers(cluster.url, partial(fault, cluster))


KINDS: dict[str, Callable[[], Any]] = {
    "sentinel-planned": partial(_sentinel, planned),
    "sentinel-kill": partial(_sentinel, killed),
    "sentinel-stop": partial(_sentinel, stopped),
    "sentinel-replicas-missing": partial(_sentinel, replicas_missing),
    "sentinel-replica-missing-planned": partial(_sentinel, one_replica_missing),
    "sentinel-sentinels-missing": partial(_sentinel, sentinels_missing),
    "sentinel-planned-without-wait": partial(_sentinel, planned, "wait_replicas=0"),
    "sentinel-script-without-wait": partial(_sentinel, by_the_script, "wait_replicas=0"),
    "cluster-kill": partial(_cluster, cluster_killed),
    "cluster-planned": partial(_cluster, cluster_planned),
    "cluster-stop": partial(_cluster, cluster_stopped),
    "cluster-reshard": partial(_cluster_without_replicas, resharded),
    "cluster-half-migrated": partial(_cluster_without_replicas, half_migrated),
}

MAY_LOSE = {"sentinel-planned-without-wait"}
"""What docs/operations.md says that it loses writes."""
