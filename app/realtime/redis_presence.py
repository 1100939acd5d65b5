"""Which nodes have sockets of a session, a room, a user or a namespace, and how many, on a Redis server."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from ..aio.tasks import cancel, is_running
from ..redis.client import RedisClient
from ..redis.errors import RedisReplyError
from ..redis.probe import probe
from .bus.base import BusUnavailableError
from .bus.redis import execute
from .bus.redis_append import MARK
from .presence import Presence
from .recovery.state import node_of
from .redis_counts import RedisCounts
from .redis_keys import RedisKeys

CHECK_SECONDS = 10.0
"""How often a node checks for others that have died. Two checks in a row must find it so."""

_RETRY_SECONDS = 1.0
_RENEW_SECONDS = 3.0
_CLAIM_SECONDS = 60
_SETTLE_SECONDS = 1.0
_IN_DOUBT_SECONDS = 30.0
"""What was written within this time before a connection was lost is written again: a server that took over
may not have it."""
_FLUSH_TIMEOUT_SECONDS = 0.5
"""How long a node that stops tries to write that it has no sockets."""

_KEYS_AT_ONCE = 200
_MAX_DIGITS = 9

_NEEDED = (
    *("DEL KEY", "HSET KEY n 1", "PEXPIRE KEY 1000", "HGETALL KEY", "HDEL KEY n"),
    *("DEL KEY", "SADD KEY n", "SMEMBERS KEY", "SRANDMEMBER KEY 1", "SREM KEY n", "DEL KEY"),
)


class RedisPresence(Presence):
    """A hash a key with a field a node; a node is alive while it subscribes to its own channel.

    So nothing is written while nothing changes, and a node that is killed stops counting
    immediately: the server sees its connection end. A count is written when it changes, and again
    until the write succeeds, or when the server has lost it. What a killed node has written is
    removed by the others, with its stream of the bus: a set of the nodes, and a set of each one's keys,
    say what that is. A field that begins with MARK is the bus': a node that has been sent to a room.

    Args:
        client: used for reading and writing counts; not closed by this.
        listener: used for the subscription; closed by `aclose`.
        node: this node's id.
        lifetime: seconds after which a hash that no node cleared expires.
        prefix: see RedisKeys.
        check_seconds: how often to check for nodes that have died.
    """

    def __init__(
        self,
        client: RedisClient,
        listener: RedisClient,
        *,
        node: str,
        lifetime: float,
        prefix: str = "mooring",
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._client = client
        self._listener = listener
        self._node = node
        self._keys = RedisKeys(prefix)
        self._writes = RedisCounts(client, node=node, lifetime=lifetime, keys=self._keys)
        self._check_seconds = check_seconds
        self._counts: dict[str, int] = {}
        self._changed: dict[str, int | None] = {}
        self._unsettled: dict[str, asyncio.Future[None] | None] = {}
        self._unknown: set[str] = set()
        self._in_doubt: deque[tuple[float, tuple[str, ...]]] = deque()
        self._refused = ""
        self._writer: asyncio.Task[None] | None = None
        self._subscriber: asyncio.Task[None] | None = None
        self._cleaner: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._subscriber = asyncio.create_task(self._subscribe(), name="presence")
        self._cleaner = asyncio.create_task(self._remove_dead_nodes(), name="presence of others")

    async def aclose(self) -> None:
        for key in [key for key, sockets in self._counts.items() if not sockets]:
            if not self.stays:
                self.publish_count(key, None)
        if is_running(self._writer):
            await asyncio.wait([self._writer], timeout=_FLUSH_TIMEOUT_SECONDS)
        if is_running(self._subscriber) and not self._counts:
            with suppress(BusUnavailableError):
                await execute(self._client, "SREM", self._keys.nodes, self._node)
        await cancel(self._subscriber, self._cleaner, self._writer)
        await self._listener.aclose()

    def publish_count(self, key: str, sockets: int | None) -> None:
        if sockets is None:
            self._unsettled.pop(key, None)
            self._unknown.discard(key)
            if self._counts.pop(key, None) is None and key not in self._changed:
                return
        elif self._counts.get(key) == sockets and key not in self._unsettled:
            return
        else:
            if key not in self._counts:
                self._unknown.add(key)
            if sockets > self._counts.get(key, -1):
                self._unsettled.setdefault(key, None)
            self._counts[key] = sockets
        self._write_soon({key: sockets})

    async def settle(self, key: str) -> None:
        if key not in self._unsettled:
            return
        waiting = self._unsettled[key]
        if waiting is None or waiting.get_loop().is_closed():
            waiting = self._unsettled[key] = asyncio.get_running_loop().create_future()
        settled, _ = await asyncio.wait([waiting], timeout=_SETTLE_SECONDS)
        if not settled and key in self._unknown:
            raise BusUnavailableError("no node could be notified of a socket in time")

    async def count_remote(self, key: str) -> int:
        found = await execute(self._client, "HGETALL", self._keys.sockets(key))
        own, mark = self._node.encode(), MARK.encode()
        counts = {
            node: count
            for node, count in zip(found[::2], found[1::2], strict=True)
            if count != b"0" and node != own and not node.startswith(mark)
        }
        if not counts:
            return 0
        alive = await asyncio.gather(
            *(self.is_alive(node.decode(errors="replace")) for node in counts)
        )
        return sum(
            _number(count)
            for count, is_alive in zip(counts.values(), alive, strict=True)
            if is_alive
        )

    async def ping(self) -> None:
        """Prove the rights: on hashes, on sets, and on this node's channel."""
        channel = self._keys.channel(self._node)
        await asyncio.gather(
            execute(self._client, *probe(f"{self._keys.prefix}:ready", *_NEEDED)),
            execute(self._client, "PUBSUB", "NUMSUB", channel),
        )
        if self._refused:
            raise BusUnavailableError(f"the channel {channel}: {self._refused}")

    async def claim(self, name: str) -> bool:
        key = f"{self._keys.prefix}:claim:{name}"
        return bool(await execute(self._client, "SET", key, self._node, "NX", "EX", _CLAIM_SECONDS))

    async def is_alive(self, node: str) -> bool:
        """Return whether a node is alive; raise BusUnavailableError if that cannot be read."""
        # One command a node: those of one turn share a write, and on a Cluster each has its own server.
        channel = self._keys.channel(node)
        _name, subscribers = await execute(self._client, "PUBSUB", "NUMSUB", channel)
        return bool(subscribers)

    def _write_soon(self, counts: dict[str, int | None]) -> None:
        self._changed |= counts
        if self._changed and not is_running(self._writer):
            self._writer = asyncio.create_task(self._write(), name="presence writer")

    async def _write(self) -> None:
        while self._changed:
            batch, self._changed = self._changed, {}
            try:
                is_known = await self._writes.write(batch)
            except BusUnavailableError:
                self._changed = batch | self._changed
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not is_known:
                self._changed = {**self._counts, **self._changed}
            self._note_written(batch)
            for key, sockets in batch.items():
                if sockets is not None:
                    self._settle(key)

    def _note_written(self, keys: Iterable[str]) -> None:
        now = time.monotonic()
        self._in_doubt.append((now, tuple(keys)))
        while self._in_doubt[0][0] < now - _IN_DOUBT_SECONDS:
            self._in_doubt.popleft()

    def _settle(self, key: str) -> None:
        self._unknown.discard(key)
        if key in self._unsettled and key not in self._changed:
            waiting = self._unsettled.pop(key)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    async def _subscribe(self) -> None:
        """Keep a connection that subscribes to this node's channel.

        The subscription is renewed now and then: an idle connection does not show that its server
        hangs, or that another one has the channel's slot.
        """
        is_new = True
        while True:
            try:
                await execute(self._listener, "SUBSCRIBE", self._keys.channel(self._node))
                self._refused = ""
                if is_new:
                    await self._register()
                is_new = True
                async with asyncio.timeout(_RENEW_SECONDS):
                    await self._listener.lost()
            except TimeoutError:
                is_new = False
            except BusUnavailableError as error:
                self._refused = str(error) if isinstance(error.__cause__, RedisReplyError) else ""
                await asyncio.sleep(_RETRY_SECONDS)

    async def _register(self) -> None:
        """Enter this node among the nodes, and write again what the server may have lost.

        That is all, if it does not know this node.
        """
        lost: Iterable[str] = {key for _, keys in self._in_doubt for key in keys}
        if await execute(self._client, "SADD", self._keys.nodes, self._node):
            lost = [*self._counts, *lost]
        self._write_soon({key: self._counts.get(key) for key in lost} | self._changed)

    async def _remove_dead_nodes(self) -> None:
        """Remove the counts of nodes that were dead at two checks in a row."""
        suspects: set[str] = set()
        while True:
            await asyncio.sleep(self._check_seconds)
            with suppress(BusUnavailableError):
                dead = await self._find_dead()
                for node in dead & suspects:
                    if not await execute(self._client, "EXISTS", self._keys.seen(node)):
                        await self._remove_node(node)
                suspects = dead

    async def _find_dead(self) -> set[str]:
        found = await execute(self._client, "SMEMBERS", self._keys.nodes)
        nodes = [each.decode(errors="replace") for each in found]
        if self._node not in nodes:
            await self._register()
        others = [node for node in nodes if node != self._node]
        alive = await asyncio.gather(*(self.is_alive(node) for node in others))
        return {node for node, is_alive in zip(others, alive, strict=True) if not is_alive}

    async def _remove_node(self, node: str) -> None:
        """Remove what a node has left; its log first: who reads on sees that it has missed something."""
        counted = self._keys.counted(node)
        await execute(self._client, "DEL", self._keys.log(node))
        while found := await execute(self._client, "SRANDMEMBER", counted, _KEYS_AT_ONCE):
            keys = [key.decode(errors="replace") for key in found]
            await asyncio.gather(*(self._forget_sockets(key, node) for key in keys))
            await self._writes.remove(keys, node)
            await execute(self._client, "SREM", counted, *found)  # also what no node has written
        await execute(self._client, "DEL", self._keys.stream(node))
        await execute(self._client, "SREM", self._keys.nodes, node)

    async def _forget_sockets(self, key: str, node: str) -> None:
        """Remove what is kept of a session's sockets that were on a node, for their return."""
        if "-" in key:
            return  # it is no session's
        name = self._keys.recovery(key)
        found = await execute(self._client, "HGETALL", name)
        left = [
            pid
            for pid, entry in zip(found[::2], found[1::2], strict=True)
            if node_of(entry) in (node, None)
        ]
        if left:
            await execute(self._client, "HDEL", name, *left)


def _number(count: bytes) -> int:
    """Return a count as it was written; 0 for what no node writes."""
    return int(count) if count.isdigit() and len(count) <= _MAX_DIGITS else 0
