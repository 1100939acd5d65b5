"""How many sockets each session has, over all nodes."""

import asyncio
import logging
from abc import ABC, abstractmethod

from app.realtime.asking import ask
from app.sessions import StoreUnavailableError
from app.sessions.redis_link import Commands

logger = logging.getLogger(__name__)

_RETRY = 1.0
_LAST_WORD = 0.5
"""Seconds that a node which stops has to say that it has no sockets."""

_RENEW = 30.0
_PREFIX = "mooring:sockets:"


class Presence(ABC):
    """Makes this node's numbers known, and knows those of the others."""

    @abstractmethod
    def note(self, key: str, sockets: int) -> None:
        """Make known how many sockets of a session are here; returns at once."""

    @abstractmethod
    async def elsewhere(self, key: str) -> int:
        """Count a session's sockets on the other nodes that are alive."""

    def start(self) -> None:
        """Start background tasks; needs a running event loop."""
        return

    async def aclose(self) -> None:
        """Stop them. May be called twice."""
        return


class Alone(Presence):
    """There are no other nodes."""

    def note(self, key: str, sockets: int) -> None:
        """Nobody wants to know."""

    async def elsewhere(self, key: str) -> int:
        return 0


class RedisPresence(Presence):
    """A hash a session with a field a node; a node is alive while it listens on its own channel.

    So nothing has to be written while nothing happens, and a node that is killed stops to count at
    once: the server sees its connection end. A number is written when it changes, and again until
    the write got through. `lifetime`, in seconds, is when a hash that nobody cleared goes away.
    """

    def __init__(
        self, commands: Commands, listener: Commands, *, node: str, lifetime: float
    ) -> None:
        self._commands = commands
        self._listener = listener
        self._node = node
        self._lifetime = int(lifetime * 1000)
        self._changed: dict[str, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listening = asyncio.create_task(self._listen(), name="presence")

    async def aclose(self) -> None:
        if self._writing:  # that there are none any more
            await asyncio.wait([self._writing], timeout=_LAST_WORD)
        tasks = [task for task in (self._listening, self._writing) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._listener.aclose()

    def note(self, key: str, sockets: int) -> None:
        self._changed[key] = sockets
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="presence writer")

    async def elsewhere(self, key: str) -> int:
        found = await ask(self._commands, "HGETALL", _PREFIX + key)
        numbers = dict(zip(found[::2], found[1::2], strict=True))
        numbers.pop(self._node.encode(), None)
        if not numbers:
            return 0
        alive = await asyncio.gather(*(self._is_alive(node.decode()) for node in numbers))
        return sum(
            int(number)
            for number, is_alive in zip(numbers.values(), alive, strict=True)
            if is_alive
        )

    async def _is_alive(self, node: str) -> bool:
        # One at a time: those of one turn share a write, and on a Cluster each has its own server.
        _name, listeners = await ask(self._commands, "PUBSUB", "NUMSUB", _channel(node))
        return bool(listeners)

    async def _write(self) -> None:
        while self._changed:
            batch, self._changed = self._changed, {}
            try:
                await asyncio.gather(*(self._put(*item) for item in batch.items()))
            except StoreUnavailableError:
                self._changed = batch | self._changed
                await asyncio.sleep(_RETRY)

    async def _put(self, key: str, sockets: int) -> None:
        name = _PREFIX + key
        if sockets == 0:
            await ask(self._commands, "HDEL", name, self._node)
            return
        written = ask(self._commands, "HSET", name, self._node, sockets)
        expiring = ask(self._commands, "PEXPIRE", name, self._lifetime)
        await asyncio.gather(written, expiring)

    async def _listen(self) -> None:
        """Keep a connection that listens on this node's channel, whatever happens to it.

        It is asked for anew now and then: an idle connection does not show that its server hangs,
        or that another one has the channel's slot.
        """
        while True:
            try:
                await ask(self._listener, "SUBSCRIBE", _channel(self._node))
                async with asyncio.timeout(_RENEW):
                    await self._listener.lost()
            except TimeoutError:
                continue
            except StoreUnavailableError:
                await asyncio.sleep(_RETRY)


def _channel(node: str) -> str:
    return f"mooring:node:{node}"
