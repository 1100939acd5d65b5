"""A WebSocket between a test and a node, without a port."""

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

from .node import Node

logger = logging.getLogger(__name__)

LOST = 1006
"""The close code of a connection that has ended without one (RFC 6455, 7.4.1)."""

Message = MutableMapping[str, Any]


class Connection:
    """One WebSocket, as the app sees it through ASGI.

    Args:
        node: that serves it.
        scope: of ASGI.
        receive: is called on the test's event loop with each message of the app, and with one of the type
            `websocket.close` in the end.
    """

    def __init__(
        self, node: Node, scope: dict[str, Any], receive: Callable[[Message], None]
    ) -> None:
        self._node = node
        self._scope = scope
        self._deliver = receive
        self._loop = asyncio.get_running_loop()
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._ended = False
        self._task: asyncio.Task[None] | None = None
        self._to_app({"type": "websocket.connect"})
        node.on_killed.append(self._killed)
        node.loop.call_soon_threadsafe(self._start)

    def send(self, frame: str | bytes) -> None:
        """Send a frame; it goes nowhere if the connection has ended."""
        kind = "text" if isinstance(frame, str) else "bytes"
        if not self._ended:
            self._to_app({"type": "websocket.receive", kind: frame})

    def end(self, code: int = LOST) -> None:
        """End it from this side. The app is notified; nothing of the app's is received any more."""
        if not self._ended:
            self._end()
            self._to_app({"type": "websocket.disconnect", "code": code, "reason": ""})

    def _to_app(self, message: Message) -> None:
        self._node.loop.call_soon_threadsafe(self._incoming.put_nowait, message)

    def _start(self) -> None:
        self._task = self._node.loop.create_task(self._serve(), name="websocket")

    async def _serve(self) -> None:
        try:
            await self._node.app(self._scope, self._incoming.get, self._from_app)
        except Exception:
            logger.exception("the app has failed to serve a WebSocket")
        finally:
            await self._hand_out({"type": "websocket.close", "code": LOST})

    async def _from_app(self, message: Message) -> None:
        if self._ended:
            raise OSError("the connection has ended")
        await self._hand_out(message)

    async def _hand_out(self, message: Message) -> None:
        with suppress(RuntimeError):  # the test is over, and its event loop closed
            self._loop.call_soon_threadsafe(self._receive, message)

    def _receive(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "websocket.close":
            self._end()
            self._incoming_after_close(message)
        self._deliver(message)

    def _incoming_after_close(self, message: Message) -> None:
        code = message.get("code", 1000)
        if self._node.alive:
            self._to_app({"type": "websocket.disconnect", "code": code, "reason": ""})

    def _killed(self) -> None:
        if not self._ended:
            self._end()
            self._deliver({"type": "websocket.close", "code": LOST})

    def _end(self) -> None:
        self._ended = True
        self._node.on_killed.remove(self._killed)
