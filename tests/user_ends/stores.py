"""The stores on which users are ended: one server, servers behind Sentinels, a Cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from tests.support.cluster import Cluster, redis_cluster
from tests.support.sentinel import Watched, watched_servers
from tests.support.servers import StoreServer, store_server


@dataclass(frozen=True)
class Servers:
    """Running servers.

    Attributes:
        url: REDIS_URL of the nodes.
        masters: returns those that have the data now, each a part of it.
    """

    url: str
    masters: Callable[[], Sequence[StoreServer]]

    def flush(self) -> None:
        """Forget all data; fails if there is a session id among them."""
        for each in self.masters():
            each.flush()

    def keys(self, pattern: str) -> list[str]:
        """Return all keys of a pattern."""
        return [key for each in self.masters() for key in each.command("KEYS", pattern)]


def of_one(server: StoreServer) -> Servers:
    """Return one server that has all data."""
    return Servers(server.url, lambda: [server])


def behind_sentinels(watched: Watched) -> Servers:
    """Return servers of which the master has all data."""
    return Servers(f"{watched.url}?wait_replicas=1", lambda: [watched.master])


def of_a_cluster(cluster: Cluster) -> Servers:
    """Return servers of which each master has some data."""

    def masters() -> Sequence[StoreServer]:
        return [each for each in cluster.servers if each.alive and each.is_master]

    return Servers(f"{cluster.url}?wait_replicas=1", masters)


@contextmanager
def _one(kind: str) -> Iterator[Servers]:
    with store_server(kind) as server:
        yield of_one(server)


@contextmanager
def _behind_sentinels() -> Iterator[Servers]:
    with watched_servers(replicas=2) as watched:
        yield behind_sentinels(watched)


@contextmanager
def _cluster() -> Iterator[Servers]:
    with redis_cluster(masters=3, replicas=1) as cluster:
        yield of_a_cluster(cluster)


STORES: dict[str, Callable[[], AbstractContextManager[Servers]]] = {
    "valkey": partial(_one, "valkey"),
    "redis": partial(_one, "redis"),
    "sentinel": _behind_sentinels,
    "cluster": _cluster,
}
