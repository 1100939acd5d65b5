"""Commands to a Redis Cluster: one link a node, and the library's map of which slot is where."""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import AskError, MovedError, RedisClusterException, RedisError

from app.sessions.errors import StoreUnavailableError
from app.sessions.redis_link import Argument, RedisLink, Reply

NewLink = Callable[[str, int], RedisLink]
Address = tuple[str, int]

_REDIRECTIONS = 5


class ClusterLink:
    """Sends each command to the node that has its key's slot.

    A node that answers MOVED or ASK has not done the command, so it is sent on; one that gives no
    answer may have done it, so it is not. After either the map is read anew.
    """

    def __init__(self, cluster: RedisCluster, new_link: NewLink, *, timeout: float) -> None:
        self._cluster = cluster
        self._new_link = new_link
        self._timeout = timeout
        self._links: dict[Address, RedisLink] = {}
        self._known = False
        self._reading: asyncio.Task[None] | None = None

    def call(self, *arguments: Argument) -> Reply:
        """Send a command; see RedisLink.call."""
        many = arguments[0] == "MGET"
        return asyncio.ensure_future(self._many(arguments) if many else self._call(arguments))

    @property
    def connected(self) -> bool:
        """Whether all connections that were made are there."""
        return bool(self._links) and all(link.connected for link in self._links.values())

    async def lost(self) -> None:
        """Return when any of the connections that are there now is lost."""
        links = [link for link in self._links.values() if link.connected]
        waits = [asyncio.ensure_future(link.lost()) for link in links]
        try:
            if waits:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def aclose(self) -> None:
        """Close all connections; what is under way fails."""
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        for link in self._links.values():
            await link.aclose()
        await self._cluster.aclose()

    async def _many(self, arguments: tuple[Argument, ...]) -> Any:
        """Read keys of many slots; those of one node share a write."""
        return await asyncio.gather(*(self._call(("GET", key)) for key in arguments[1:]))

    async def _call(self, arguments: tuple[Argument, ...]) -> Any:
        if arguments[0] == "SUBSCRIBE":
            self._known = False  # a node takes it for any channel, and says MOVED to none
        try:
            async with asyncio.timeout(self._timeout):  # for the map and all redirections together
                return await self._follow(arguments)
        except TimeoutError as error:
            self._known = False
            raise StoreUnavailableError("the store is away: the cluster is too slow") from error

    async def _follow(self, arguments: tuple[Argument, ...]) -> Any:
        address = await self._owner(arguments)
        for _ in range(_REDIRECTIONS):
            try:
                return await self._link(address).call(*arguments)
            except AskError as error:  # MovedError is one
                # Without a host it is the one that we asked.
                address = (str(error.host) or address[0], int(error.port))
                if isinstance(error, MovedError):
                    self._known = False
                else:
                    self._link(address).call("ASKING").add_done_callback(_retrieve)
            except StoreUnavailableError:
                self._known = False
                raise
        raise StoreUnavailableError("the store is away: the cluster sends a command in circles")

    async def _owner(self, arguments: tuple[Argument, ...]) -> Address:
        if not self._known:
            await self._read_map_together()
        try:
            node = self._cluster.get_node_from_key(_key(arguments))
        except RedisClusterException as error:
            raise StoreUnavailableError(f"the store is away: {error}") from error
        if node is None:
            raise StoreUnavailableError("the store is away: the cluster has no node for a slot")
        return str(node.host), int(node.port)

    async def _read_map_together(self) -> None:
        """Read the map, once for all who want to know: they get its answer, or its error, at once."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_map(), name="cluster map")
            self._reading.add_done_callback(self._map_was_read)
        await asyncio.shield(self._reading)

    async def _read_map(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._cluster.initialize()
                await self._cluster.nodes_manager.initialize()
            self._known = True
        except (RedisError, RedisClusterException, OSError) as error:  # TimeoutError is an OSError
            raise StoreUnavailableError(f"the store is away: {error}") from error

    def _map_was_read(self, reading: asyncio.Task[None]) -> None:
        self._reading = None
        _retrieve(reading)

    def _link(self, address: Address) -> RedisLink:
        if address not in self._links:
            self._links[address] = self._new_link(*address)
        return self._links[address]


def _retrieve(reply: Reply) -> None:
    """Look at a reply that nobody waits for, so that its error is not reported as lost."""
    _ = reply.cancelled() or reply.exception()


def _key(arguments: tuple[Argument, ...]) -> str:
    """Give the word of a command that decides its slot; a channel goes where its name would."""
    match arguments:
        case ("EVAL" | "EVALSHA", _script, _number, key, *_):
            return str(key)
        case ("PUBSUB", "NUMSUB", channel):
            return str(channel)
        case ("XREAD", *_, key, _after):
            return str(key)
        case (_, key, *_):
            return str(key)
    return ""
