"""Commands to a Redis Cluster: one link a node, and the library's map of which slot is where."""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import AskError, MovedError, RedisError

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
        self._reading = asyncio.Lock()

    def call(self, *arguments: Argument) -> Reply:
        """Send a command; see RedisLink.call."""
        many = arguments[0] == "MGET"
        return asyncio.ensure_future(self._many(arguments) if many else self._call(arguments))

    def reconnect(self) -> None:
        """Read the map anew before the next command: a master was demoted."""
        self._known = False

    async def lost(self) -> None:
        """Return when any of the connections that are there now is lost."""
        waits = [asyncio.ensure_future(link.lost()) for link in self._links.values()]
        if waits:
            _done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in pending:
                wait.cancel()

    async def aclose(self) -> None:
        """Close all connections; what is under way fails."""
        for link in self._links.values():
            await link.aclose()
        await self._cluster.aclose()

    async def _many(self, arguments: tuple[Argument, ...]) -> Any:
        """Read keys of many slots; those of one node share a write."""
        return await asyncio.gather(*(self._call(("GET", key)) for key in arguments[1:]))

    async def _call(self, arguments: tuple[Argument, ...]) -> Any:
        link = await self._owner(arguments)
        for _ in range(_REDIRECTIONS):
            try:
                return await link.call(*arguments)
            except MovedError:
                self._known = False
                link = await self._owner(arguments)
            except AskError as error:
                link = self._link((str(error.host), int(error.port)))
                link.call("ASKING").add_done_callback(_retrieve)
            except StoreUnavailableError:
                self._known = False
                raise
        raise StoreUnavailableError("the cluster sends a command in circles")

    async def _owner(self, arguments: tuple[Argument, ...]) -> RedisLink:
        if not self._known:
            await self._read_map()
        try:
            node = self._cluster.get_node_from_key(_key(arguments))
        except RedisError as error:
            raise StoreUnavailableError(f"the cluster has no node for a slot: {error}") from error
        if node is None:
            raise StoreUnavailableError("the cluster has no node for a slot")
        return self._link((str(node.host), int(node.port)))

    async def _read_map(self) -> None:
        async with self._reading:
            if self._known:
                return
            try:
                async with asyncio.timeout(self._timeout):
                    await self._cluster.initialize()
                    await self._cluster.nodes_manager.initialize()
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                raise StoreUnavailableError(f"the cluster is away: {error}") from error
            self._known = True

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
        case ("PUBSUB", "NUMSUB", channel, *_):
            return str(channel)
        case ("XREAD", *_, key, _after):
            return str(key)
        case (_, key, *_):
            return str(key)
    return ""
