"""The nodes and the stores of the histories."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.histories.history import IDLE_SECONDS
from tests.histories.links import Link, links_to
from tests.histories.server_clock import MovedClock, moved_clock
from tests.support.cluster import Cluster, redis_cluster
from tests.support.driver import Driver
from tests.support.sentinel import Watched, watched_servers
from tests.support.servers import StoreServer, store_server
from tests.support.service import SECRET, Service, service

PRODUCT = "tests.histories.product:app"
NODES = 3
_ANSWERS_SECONDS = 3.0
RELOAD_SECONDS = 1
STORES = ("memory", "valkey", "redis", "sentinel", "valkey-sentinel", "cluster")


@dataclass
class Store:
    """What the nodes keep sessions in: one server, servers behind Sentinels, a Cluster, or their memory."""

    name: str
    url: str = ""
    server: StoreServer | None = None
    watched: Watched | None = None
    cluster: Cluster | None = None
    clock: MovedClock | None = None


@dataclass
class World:
    """A store, nodes, and ways to them.

    Attributes:
        store: what the nodes share.
        nodes: the nodes.
        links: the link of each node to the server, if there is one server.
        driver: runs clients in JavaScript.
        down: the nodes that a balancer does not send anybody to.
    """

    store: Store
    nodes: list[Service]
    links: list[Link]
    driver: Driver
    down: set[int] = field(default_factory=set)

    @property
    def urls(self) -> list[str]:
        """Return where the nodes are."""
        return [each.url for each in self.nodes]

    def pick(self, rng: random.Random) -> tuple[int, str]:
        """Return a node and its URL, as a balancer does."""
        up = [number for number in range(len(self.nodes)) if number not in self.down]
        number = rng.choice(up)
        return number, self.nodes[number].url

    async def works(self, http: aiohttp.ClientSession) -> bool:
        """Return whether every node can write."""
        for url in self.urls:
            try:
                async with (
                    asyncio.timeout(_ANSWERS_SECONDS),
                    http.post(f"{url}/open", json={"user": None}) as answer,
                ):
                    if answer.status != 200:
                        return False
            except (aiohttp.ClientError, OSError, TimeoutError):
                return False
        return True


@asynccontextmanager
async def world(name: str, driver: Driver) -> AsyncIterator[World]:
    """Start a store and nodes. Their clients notice within three seconds that nothing comes any more."""
    async with AsyncExitStack() as stack:
        store = stack.enter_context(_store(name))
        number = 1 if name == "memory" else NODES
        links = []
        if store.server is not None:
            links = stack.enter_context(links_to(store.server.port, number))
        nodes = []
        for index in range(number):
            url = links[index].url if links else store.url
            nodes.append(await stack.enter_async_context(service(**_settings(name, url))))
        yield World(store, nodes, links, driver)


def _settings(name: str, url: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "app": PRODUCT,
        "log_level": "info",
        "session_secrets": SECRET,
        "session_idle_timeout": IDLE_SECONDS,
        "session_reload_interval": RELOAD_SECONDS,
        "ping_interval": 1,
        "ping_timeout": 2,  # a client in JavaScript on a busy machine takes a second to poll
        "recovery_window": 60,
    }
    if name == "memory":
        return made | {"session_store": "memory"}
    return made | {"session_store": "redis", "redis_url": url}


@contextmanager
def _store(name: str) -> Iterator[Store]:
    match name:
        case "memory":
            yield Store(name)
        case "sentinel" | "valkey-sentinel":
            kind = "redis" if name == "sentinel" else "valkey"
            with watched_servers(replicas=2, kind=kind) as watched:
                yield Store(name, f"{watched.url}?wait_replicas=1", watched=watched)
        case "cluster":
            with redis_cluster(masters=3, replicas=1) as cluster:
                yield Store(name, f"{cluster.url}?wait_replicas=1", cluster=cluster)
        case "valkey":
            with moved_clock() as clock, store_server(name, durable=True, env=clock.env) as server:
                yield Store(name, server.url, server=server, clock=clock)
        case _:
            with store_server(name, durable=True) as server:
                yield Store(name, server.url, server=server)
