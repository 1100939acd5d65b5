"""The list of a user's devices is exact within two seconds of whatever went wrong, on each node that runs."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from app import RedisStore
from app.sessions import Record, Tombstone
from app.sessions.rotation import Predecessor
from app.sessions.sign_in import user_of
from tests.support.cluster import Cluster, redis_cluster
from tests.support.eventually import eventually
from tests.support.sentinel import SERVICE, Watched, watched_servers
from tests.support.servers import STORE_SERVERS, StoreServer, store_server
from tests.user_ends.devices import Devices
from tests.user_ends.run import World, world
from tests.user_ends.stores import Servers, behind_sentinels, of_a_cluster, of_one

USERS = 4
ACTS = 60
"""Of all users together, before the fault and after it."""
OUTAGE_SECONDS = 1.5
SLOW_SECONDS = 5.0
"""In place of the two, on a machine that runs other tests."""
OVER_WITHIN = 30.0

Fault = Callable[[World], Awaitable[None]]
Made = Iterator[tuple[Servers, Fault]]


async def nothing(_server: StoreServer, _world: World) -> None:
    """Sign-ins, rotations and ends race, and nothing fails."""


async def node_killed(_server: StoreServer, world: World) -> None:
    """The last node is killed."""
    world.nodes[-1].kill()


async def outage(server: StoreServer, _world: World) -> None:
    """The server hangs for a while."""
    server.pause()
    await asyncio.sleep(OUTAGE_SECONDS)  # it is the fault
    server.resume()


async def planned(watched: Watched, _world: World) -> None:
    """SENTINEL FAILOVER."""
    old = watched.master
    watched.sentinels[0].command("SENTINEL", "FAILOVER", SERVICE)
    await eventually(lambda: watched.master is not old, within=OVER_WITHIN)


async def master_killed(watched: Watched, _world: World) -> None:
    """The master is killed, and Sentinels promote a replica."""
    old = watched.master
    old.kill()
    await eventually(lambda: watched.master is not old, within=OVER_WITHIN)


async def shard_killed(cluster: Cluster, _world: World) -> None:
    """The master of some slots is killed, its replica takes over, and what was killed is its replica.

    Without one each write to those slots waits for it in vain.
    """
    old = cluster.masters[0]
    others = [each for each in cluster.servers if each is not old]
    old.kill()
    await eventually(lambda: sum(each.is_master for each in others) == 3, within=OVER_WITHIN)
    await asyncio.to_thread(old.start)
    await eventually(lambda: not old.is_master, within=OVER_WITHIN)


@contextmanager
def _on(kind: str, fault: Callable[[StoreServer, World], Awaitable[None]]) -> Made:
    with store_server(kind) as server:
        yield of_one(server), partial(fault, server)


@contextmanager
def _behind_sentinels(fault: Callable[[Watched, World], Awaitable[None]]) -> Made:
    with watched_servers(replicas=2) as watched:
        yield behind_sentinels(watched), partial(fault, watched)


@contextmanager
def _on_a_cluster(fault: Callable[[Cluster, World], Awaitable[None]]) -> Made:
    with redis_cluster(masters=3, replicas=1) as cluster:
        yield of_a_cluster(cluster), partial(fault, cluster)


_MAKERS: dict[str, Callable[[Any], Any]] = {
    **{kind: partial(_on, kind) for kind in STORE_SERVERS},
    "sentinel": _behind_sentinels,
    "cluster": _on_a_cluster,
}
CASES = [
    *itertools.product(STORE_SERVERS, (node_killed, outage)),
    *(pytest.param(each, nothing, marks=pytest.mark.thorough) for each in STORE_SERVERS),
    pytest.param("sentinel", planned, marks=pytest.mark.thorough),
    ("sentinel", master_killed),
    ("cluster", shard_killed),
]


@pytest.mark.parametrize(("store", "fails"), CASES)
async def test_the_list_has_the_sessions_that_live_with_their_sockets_and_no_other(
    store: str, fails: Callable[[Any, World], Awaitable[None]]
) -> None:
    rng = random.Random(f"{store}-{fails.__name__}")
    with _MAKERS[store](fails) as (servers, fault):
        async with world(servers) as made, _busy(made, rng) as users:
            await _so_many_more(users)
            await fault(made)
            await eventually(partial(_all_write, made), within=OVER_WITHIN)
            await _so_many_more(users)
            await _stop(users)

            # Sentinels may fail over twice, and a replica takes seconds to follow another master.
            await eventually(partial(_all_write, made), within=OVER_WITHIN)
            await eventually(partial(_is_exact, made, users), within=SLOW_SECONDS, every=0.1)
            for each in users:
                used = await each.signed_in(0)
                assert used <= set(await _listed(made, 0, each.user))


@asynccontextmanager
async def _busy(made: World, rng: random.Random) -> AsyncIterator[list[Devices]]:
    """Users whose devices do one thing after another, on all nodes."""
    users = [Devices(made, f"user-{rng.getrandbits(64):x}", rng) for _ in range(USERS)]
    tasks = [asyncio.create_task(each.run(range(len(made.nodes)))) for each in users]
    for each, task in zip(users, tasks, strict=True):
        each.running = task
    try:
        yield users
    finally:
        await _stop(users)
        for each in users:
            await each.close()


async def _stop(users: list[Devices]) -> None:
    for each in users:
        each.stop()
    await asyncio.gather(*(each.running for each in users if each.running is not None))


async def _so_many_more(users: list[Devices]) -> None:
    until = sum(each.acts for each in users) + ACTS
    await eventually(lambda: sum(each.acts for each in users) >= until, within=OVER_WITHIN)


async def _all_write(made: World) -> bool:
    """Whether each node that runs writes again."""
    for node, client in zip(made.nodes, made.clients, strict=True):
        if node.alive and not (await client.post("/login", json={"user": "probe"})).is_success:
            return False
    return True


async def _is_exact(made: World, users: list[Devices]) -> bool:
    live = await _live(made.servers, made.store)
    for each in users:
        keys = {key for key, user in live.items() if user == each.user}
        sockets = await each.sockets()
        for number, node in enumerate(made.nodes):
            if node.alive:
                listed = await _listed(made, number, each.user)
                assert set(listed) == keys, f"node {number}"
                assert sum(listed.values()) == sockets, f"node {number}: {listed}"
    return True


async def _listed(made: World, node: int, user: str) -> dict[str, int]:
    answer = await made.clients[node].get(f"/sessions/{user}")
    assert answer.status_code == httpx.codes.OK, answer.text
    listed: dict[str, int] = answer.json()
    return listed


async def _live(servers: Servers, store: RedisStore) -> dict[str, str | None]:
    """Return the user of each session that lives, found in an index or not."""
    keys = [each.partition("{")[2][:-1] for each in servers.keys("mooring:session:*")]
    stored = dict(zip(keys, await store.load_many(keys), strict=True))
    return {
        key: user_of(each.owner)
        for key, each in stored.items()
        if isinstance(each, Record) and _is_complete(key, each, stored)
    }


def _is_complete(key: str, record: Record, stored: dict[str, Any]) -> bool:
    """Whether a session can be used: the new record of a rotation when the old one has ended for it."""
    if record.predecessor is None:
        return True
    old = stored.get(Predecessor.read(key, record.predecessor).key)
    return isinstance(old, Tombstone) and old.successor == key
