"""The Engine.IO server: its sockets, their handlers and their heartbeat."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson
from engineio import packet
from starlette.types import Scope

from ...aio.timeout_queue import TimeoutQueue
from ...asgi.limits import UNSENT_BYTES
from .socket import EngineSocket

logger = logging.getLogger(__name__)

_ID_BYTES = 16

Handler = Callable[..., Awaitable[Any]]


class EngineServer:
    """Creates Engine.IO sockets and lists them under their ids until they end.

    python-socketio registers its handlers with `on`, as it does with python-engineio's server:
    `connect(sid, scope)`, `message(sid, data)` and `disconnect(sid, reason)`.

    Args:
        ping_interval: seconds between a pong, or the handshake, and the next ping.
        ping_timeout: seconds that a client has to answer a ping.
        max_packet_bytes: size of the largest frame, or POST, that is accepted.
        max_buffered_bytes: how much may be queued for a client that does not read.
    """

    async_mode = "asgi"

    def __init__(
        self,
        *,
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        max_packet_bytes: int = 1_000_000,
        max_buffered_bytes: int = UNSENT_BYTES,
    ) -> None:
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.max_packet_bytes = max_packet_bytes
        self.max_buffered_bytes = max_buffered_bytes
        self.sockets: dict[str, EngineSocket] = {}
        self.ping_due = TimeoutQueue(ping_interval, self._ping)
        self.pong_due = TimeoutQueue(ping_timeout, self._check_pong)
        self._handlers: dict[str, Handler] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, event: str, handler: Handler) -> None:
        """Register the handler of an event; a later one replaces it."""
        self._handlers[event] = handler

    def generate_id(self) -> str:
        """Return a new id, for an Engine.IO or a Socket.IO socket."""
        return secrets.token_urlsafe(_ID_BYTES)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def open(self, scope: Scope, *, upgrades: list[str]) -> EngineSocket:
        """Create the socket of a handshake, with its OPEN packet queued."""
        sid = self.generate_id()
        client = scope.get("client")
        socket = self.sockets[sid] = EngineSocket(self, sid, client[0] if client else "")
        socket.send_nowait(packet.Packet(packet.OPEN, self._opening(sid, upgrades)))
        try:
            await self._handlers["connect"](sid, scope)
        except BaseException:
            socket.discard()
            raise
        socket.schedule_ping()
        return socket

    @property
    def message_handler(self) -> Callable[[str, str | bytes], Awaitable[None]]:
        """The handler of messages."""
        return self._handlers["message"]

    async def handle_message(self, sid: str, data: str | bytes) -> None:
        """Run the message handler; log what it raises."""
        try:
            await self._handlers["message"](sid, data)
        except Exception:
            logger.exception("message handler failed")

    async def handle_disconnect(self, sid: str, reason: str) -> None:
        """Run the disconnect handler; log what it raises."""
        try:
            await self._handlers["disconnect"](sid, reason)
        except Exception:
            logger.exception("disconnect handler failed")

    def _opening(self, sid: str, upgrades: list[str]) -> str:
        handshake = {
            "sid": sid,
            "upgrades": upgrades,
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_packet_bytes,
        }
        return orjson.dumps(handshake).decode()

    def _ping(self, sid: str) -> None:
        socket = self.sockets.get(sid)
        if socket is not None:
            socket.ping()

    def _check_pong(self, awaited: tuple[str, int]) -> None:
        sid, ping = awaited
        socket = self.sockets.get(sid)
        if socket is not None:
            socket.check_pong(ping)
