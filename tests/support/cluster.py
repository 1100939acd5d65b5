"""A real Redis Cluster on this machine: masters, and replicas that take over."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from redis.crc import key_slot

from app.sessions.ids import new_session_id, session_key
from tests.support.processes import free_port
from tests.support.servers import StoreServer, redis_binary

SLOTS = 16384

_OPTIONS = [
    *("--cluster-enabled", "yes", "--cluster-node-timeout", "1500"),
    *("--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"),
]


class ClusterServer(StoreServer):
    """One server of a Cluster, with an address of its own on which the servers speak."""

    def __init__(self) -> None:
        self.bus_port = free_port()
        options = [*_OPTIONS, "--cluster-port", str(self.bus_port)]
        super().__init__(redis_binary(), more=options)

    @property
    def id(self) -> str:
        """Its name among the servers."""
        return str(self.command("CLUSTER", "MYID"))

    @property
    def sees_all(self) -> bool:
        """Whether it believes that the Cluster works, all slots covered."""
        return "cluster_state:ok" in self.command("CLUSTER", "INFO")

    @property
    def is_master(self) -> bool:
        """Whether it is a master now."""
        return bool(self.command("ROLE")[0] == "master")


class Cluster:
    """Servers that share the slots; the first `masters` of them are the masters at the start."""

    def __init__(self, servers: Sequence[ClusterServer], masters: int) -> None:
        self.servers = servers
        self.masters = servers[:masters]
        seeds = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        self.url = f"redis+cluster://{seeds}"

    @property
    def masters_now(self) -> list[ClusterServer]:
        """Those that are masters after what failovers there were; all servers have to run."""
        return [each for each in self.servers if each.is_master]

    def owner(self, key: str) -> ClusterServer:
        """The master that has a key's slot, as the first master sees it: replicas hear of a move later."""
        slot = key_slot(key.encode())
        asked = next(server for server in self.servers if server.alive and server.is_master)
        ranges = asked.command("CLUSTER", "SLOTS")
        port = next(master[1] for low, high, master, *_ in ranges if low <= slot <= high)
        return next(server for server in self.servers if server.port == port)

    def key_on(self, server: "ClusterServer") -> str:
        """Return the key of a session whose slot a server has."""
        while self.owner(key := session_key(new_session_id())) is not server:
            pass
        return key

    def begin_to_move(self, key: str, target: ClusterServer) -> None:
        """Open a key's slot for a move, and move the key itself, if it is there: requests get ASK."""
        slot, source = key_slot(key.encode()), self.owner(key)
        self.open_for_move(key, target)
        for name in source.command("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            source.command("MIGRATE", "127.0.0.1", target.port, name, 0, 5000)

    def open_for_move(self, key: str, target: ClusterServer) -> None:
        """Open a key's slot for a move, and move nothing yet: requests for what is there are served."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def end_move(self, key: str, target: ClusterServer) -> None:
        """Give the slot to its new owner: requests to the old one get MOVED."""
        for server in (target, *self.masters_now):
            server.command("CLUSTER", "SETSLOT", key_slot(key.encode()), "NODE", target.id)

    def wait_until_all_see_all(self) -> None:
        """Return when every server believes that the Cluster works."""
        _wait(lambda: all(server.sees_all for server in self.servers))


@contextmanager
def redis_cluster(*, masters: int = 3, replicas: int = 0) -> Iterator[Cluster]:
    """A running Cluster; each master has so many replicas, which have caught up."""
    with ExitStack() as stack:
        servers = [ClusterServer() for _ in range(masters * (1 + replicas))]
        for server in servers:
            stack.callback(server.close)
            server.start()
        cluster = Cluster(servers, masters)
        _give_slots(cluster.masters)
        _introduce(servers)
        cluster.wait_until_all_see_all()
        _replicate(cluster)
        yield cluster


def _give_slots(masters: Sequence[ClusterServer]) -> None:
    bounds = [SLOTS * number // len(masters) for number in range(len(masters) + 1)]
    for epoch, (server, (low, end)) in enumerate(
        zip(masters, itertools.pairwise(bounds), strict=True)
    ):
        server.command("CLUSTER", "SET-CONFIG-EPOCH", epoch + 1)
        server.command("CLUSTER", "ADDSLOTSRANGE", low, end - 1)


def _introduce(servers: Sequence[ClusterServer]) -> None:
    first = servers[0]
    for server in servers[1:]:
        server.command("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
    for server in servers:
        _wait(partial(_knows, server, len(servers)))


def _replicate(cluster: Cluster) -> None:
    masters = cluster.masters
    replicas = cluster.servers[len(masters) :]
    for number, replica in enumerate(replicas):
        replica.command("CLUSTER", "REPLICATE", masters[number % len(masters)].id)
    for replica in replicas:
        _wait(partial(_has_caught_up, replica))


def _knows(server: ClusterServer, number: int) -> bool:
    return len(server.command("CLUSTER", "NODES").splitlines()) == number


def _has_caught_up(replica: ClusterServer) -> bool:
    return bool(replica.command("ROLE")[3] == "connected")


def _wait(condition: Callable[[], bool], *, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the servers of the Cluster did not come together"
        time.sleep(0.02)
