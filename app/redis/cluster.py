"""A Redis Cluster: one pipelined connection a node, and redis-py's map of the slots."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.asyncio.cluster import NodesManager, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from .commands import Argument, Reply, retrieve
from .connection import PipelinedConnection
from .errors import RedirectError, RedisUnavailableError
from .failover_warnings import warn_of_failovers
from .replication import parse_replication

NewConnection = Callable[[str, int], PipelinedConnection]
Address = tuple[str, int]

_MAX_REDIRECTIONS = 5
_CLOSED = "the connection was closed"


class ClusterClient:
    """Sends each command to the node that has its key's slot.

    A node that replies MOVED or ASK has not executed the command, so the command follows it; a node
    that sends no reply may have, so the command fails. After either, the map is read anew.

    Args:
        new_cluster: makes redis-py's client, of which only the map of the slots is used.
        new_connection: makes the connection to a node from its host and port.
        timeout: seconds that a command may take, the map and all redirections included.
        replicas: replicas that must have a write before its reply is delivered.
        warns: log once what a failover might lose.
    """

    def __init__(
        self,
        new_cluster: Callable[[], RedisCluster],
        new_connection: NewConnection,
        *,
        timeout: float,
        replicas: int = 0,
        warns: bool = False,
    ) -> None:
        self._new_cluster = new_cluster
        self._new_connection = new_connection
        self._timeout = timeout
        self._replicas = replicas
        self._warns = warns
        self._cluster = new_cluster()
        self._connections: dict[Address, PipelinedConnection] = {}
        self._nodes: set[Address] = set()
        """Those of the map that was read last."""
        self._times_closed = 0
        """What was called before it was closed is not to open it again."""
        self._map_is_current = False
        self._map_read: asyncio.Task[None] | None = None

    def execute(self, *arguments: Argument) -> Reply:
        """Send a command and return the future of its reply; see RedisClient."""
        kind = self._execute_mget if arguments[0] == "MGET" else self._execute
        return asyncio.ensure_future(kind(arguments, self._times_closed))

    @property
    def is_cluster(self) -> bool:
        """True."""
        return True

    @property
    def connected(self) -> bool:
        """Whether there are connections, and all that were made are there, but those to nodes that left."""
        connections = self._in_use().values()
        return bool(connections) and all(each.connected for each in connections)

    async def lost(self) -> None:
        """Return when any of the current connections is lost."""
        current = [each for each in self._connections.values() if each.connected]
        waits = [asyncio.ensure_future(each.lost()) for each in current]
        try:
            if waits:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def aclose(self) -> None:
        """Close all connections; commands under way fail. May be called twice."""
        self._times_closed += 1
        if self._map_read and not self._map_read.get_loop().is_closed():
            self._map_read.cancel()
            await asyncio.wait([self._map_read])
        for connection in list(self._connections.values()):
            await connection.aclose()

    async def _execute_mget(self, arguments: tuple[Argument, ...], called: int) -> Any:
        """Read keys of many slots; those of one node share a write."""
        return await asyncio.gather(*(self._execute(("GET", key), called) for key in arguments[1:]))

    async def _execute(self, arguments: tuple[Argument, ...], called: int) -> Any:
        """Execute a command that was called when the client had been closed so many times."""
        if arguments[0] == "SUBSCRIBE":
            self._map_is_current = False  # any node accepts any channel; none replies MOVED
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow_redirections(arguments, called)
        except TimeoutError as error:
            self._map_is_current = False
            raise RedisUnavailableError(f"no reply within {self._timeout} s") from error

    async def _follow_redirections(self, arguments: tuple[Argument, ...], called: int) -> Any:
        address = await self._owner(arguments)
        for _ in range(_MAX_REDIRECTIONS):
            if called != self._times_closed:
                raise RedisUnavailableError(_CLOSED)
            try:
                reply = await self._connection(address).execute(*arguments)
            except RedirectError as error:
                address = (error.host or address[0], error.port)
                if error.ask:
                    self._connection(address).execute("ASKING").add_done_callback(retrieve)
                else:
                    self._map_is_current = False
            except RedisUnavailableError:
                self._map_is_current = False
                raise
            else:
                if self._warns and called == self._times_closed:
                    self._warns = False
                    self._warn_of(address)
                return reply
        raise RedisUnavailableError(f"the cluster redirected a command {_MAX_REDIRECTIONS} times")

    def _warn_of(self, address: Address) -> None:
        """Ask a master for its replicas, and log what a failover of it might lose."""

        def warn(reply: Reply) -> None:
            retrieve(reply)
            if not reply.cancelled() and reply.exception() is None:
                warn_of_failovers(parse_replication(reply.result()), self._replicas)

        self._connection(address).execute("INFO", "replication").add_done_callback(warn)

    async def _owner(self, arguments: tuple[Argument, ...]) -> Address:
        if not self._map_is_current:
            await self._read_map_once()
        try:
            node = self._cluster.get_node_from_key(_key(arguments))
        except RedisClusterException as error:
            raise RedisUnavailableError(str(error)) from error
        if node is None:
            raise RedisUnavailableError("the cluster has no node for a slot")
        return str(node.host), int(node.port)

    async def _read_map_once(self) -> None:
        """Read the map, once for all concurrent callers, who share its error as well."""
        if self._map_read is not None and self._map_read.get_loop().is_closed():
            self._map_read, self._cluster = None, self._new_cluster()  # its lock may still be held
        if self._map_read is None:
            self._map_read = asyncio.create_task(self._read_map(), name="cluster map")
            self._map_read.add_done_callback(self._map_was_read)
        reading = self._map_read
        await asyncio.wait([reading])
        if reading.cancelled():
            raise RedisUnavailableError(_CLOSED)
        reading.result()

    async def _read_map(self) -> None:
        nodes = self._cluster.nodes_manager
        try:
            async with asyncio.timeout(self._timeout):
                await nodes.initialize()
            self._map_is_current = True
            self._nodes = {(str(each.host), int(each.port)) for each in self._cluster.get_nodes()}
            self._connections = self._in_use()
        except (RedisError, RedisClusterException, OSError) as error:  # TimeoutError is an OSError
            reason = str(error) or f"no map of the slots within {self._timeout} s"
            raise RedisUnavailableError(reason) from error
        finally:
            # By a task of its own, which no cancel ends: who closes this client may do so meanwhile.
            await asyncio.wait([asyncio.create_task(_close(nodes), name="cluster map, closing")])

    def _in_use(self) -> dict[Address, PipelinedConnection]:
        """Return the connections but those to nodes that have left which nothing uses any more."""
        return {
            address: connection
            for address, connection in self._connections.items()
            if address in self._nodes or not connection.is_unused
        }

    def _map_was_read(self, reading: asyncio.Task[None]) -> None:
        self._map_read = None
        if not reading.cancelled():
            reading.exception()  # retrieved, so that asyncio does not report it

    def _connection(self, address: Address) -> PipelinedConnection:
        if address not in self._connections:
            self._connections[address] = self._new_connection(*address)
        return self._connections[address]


async def _close(nodes: NodesManager) -> None:
    """Close the connections of a map: one that stayed open would belong to this event loop alone."""
    with suppress(RedisError, OSError, RuntimeError):  # uvloop's, for a handle that is closed
        await nodes.aclose()
        await nodes.aclose("startup_nodes")


def _key(arguments: tuple[Argument, ...]) -> str:
    """Return the argument that decides a command's slot; a channel's slot is that of its name."""
    match arguments:
        case ("EVAL" | "EVALSHA", _script, _number, key, *_):
            return str(key)
        case ("PUBSUB", "NUMSUB", channel):
            return str(channel)
        case ("XREAD", *words):
            return str(words[words.index("STREAMS") + 1])
        case (_, key, *_):
            return str(key)
    return ""
