"""Events that one socket of another node is to acknowledge: asked over the bus, by nodes and workers."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from .bodies import Body, read_body
from .bus.messages import CallMessage, ReplyMessage

PROBE_TIMEOUT_SECONDS = 1.0


class RemoteCalls:
    """Calls of sockets that other nodes have.

    Args:
        publish: sends a message to all other nodes; awaited, it returns when the bus has it.
    """

    def __init__(self, publish: Callable[[CallMessage], Awaitable[None]]) -> None:
        self._publish = publish
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def call(self, sid: str, body: Body | None) -> list[Any]:
        """Send an event to a socket, and return its ack; without an event, whether it is connected."""
        name = secrets.token_urlsafe(12)
        waiting = self._waiting[name] = asyncio.get_running_loop().create_future()
        try:
            written = [] if body is None else body.on_the_bus()
            await self._publish(CallMessage(call=name, sid=sid, body=written))
            arguments: list[Any] = await waiting
        finally:
            del self._waiting[name]
        return arguments

    async def is_connected(self, sid: str) -> bool:
        """Return True if a node says within a second that it has a socket, and that it is connected."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                [answer] = await self.call(sid, None)
        except TimeoutError:
            return False
        return bool(answer)

    def receive(self, message: ReplyMessage) -> None:
        """Take the ack that another node sends."""
        waiting = self._waiting.get(message.call)
        if waiting is not None and not waiting.done():
            waiting.set_result(read_body(Body.from_the_bus(message.body)))
