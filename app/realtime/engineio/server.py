"""The Engine.IO server: its sockets, their handlers and their heartbeat."""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any

import orjson
from engineio import packet
from starlette.types import Scope

from ...aio.timeout_queue import TimeoutQueue
from ...asgi.limits import UNSENT_BYTES
from .socket import EngineSocket

logger = logging.getLogger(__name__)

_ID_BYTES = 16

_DOT = "."
_NODE = re.compile(r"[A-Za-z0-9_-]{1,64}")

Handler = Callable[..., Awaitable[Any]]


def can_be_named(node: str) -> bool:
    """Return True if the id of a socket can say which node has it."""
    return _NODE.fullmatch(node) is not None


def digest_of(sid: str) -> str:
    """Return what stands for a socket's id where others than its client may read it."""
    return hashlib.sha256(sid.encode("utf-8", "surrogatepass")).hexdigest()


class EngineServer:
    """Creates Engine.IO sockets and lists them under their ids until they end.

    python-socketio registers its handlers with `on`, as it does with python-engineio's server:
    `connect(sid, scope)`, `message(sid, data)` and `disconnect(sid, reason)`.

    Args:
        ping_interval: seconds between a pong, or the handshake, and the next ping.
        ping_timeout: seconds that a client has to answer a ping.
        max_packet_bytes: size of the largest frame, or POST, that is accepted.
        max_buffered_bytes: how much may be queued for a client that does not read.
        node: names this node in the ids of its sockets.

    Attributes:
        sockets: all of them, by their ids.
        by_digest: the ids of those that poll by what stands for them between nodes; None where there is
            no other node.
    """

    async_mode = "asgi"

    def __init__(
        self,
        *,
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        max_packet_bytes: int = 1_000_000,
        max_buffered_bytes: int = UNSENT_BYTES,
        node: str = "",
    ) -> None:
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.max_packet_bytes = max_packet_bytes
        self.max_buffered_bytes = max_buffered_bytes
        self.sockets: dict[str, EngineSocket] = {}
        self.by_digest: dict[str, str] | None = None
        self._prefix = f"{node}{_DOT}" if node else ""
        self.ping_due = TimeoutQueue(ping_interval, self._ping)
        self.pong_due = TimeoutQueue(ping_timeout, self._check_pong)
        self._handlers: dict[str, Handler] = {}
        self.event_handler: Callable[[str, str, Context], bool] | None = None
        """Handles an event at once, or returns False: then it is handled as a message."""
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, event: str, handler: Handler) -> None:
        """Register the handler of an event; a later one replaces it."""
        self._handlers[event] = handler

    def generate_id(self) -> str:
        """Return a new id of a socket, which begins with the name of its node."""
        return self._prefix + secrets.token_urlsafe(_ID_BYTES)

    def node_elsewhere(self, sid: str) -> str | None:
        """Return the node that an id names, if that is another one."""
        node, dot, _ = sid.partition(_DOT)
        if not dot or sid.startswith(self._prefix or _DOT) or not can_be_named(node):
            return None
        return node

    def find_by_digest(self, digest: str) -> EngineSocket | None:
        """Return the socket that polls, and whose id has this digest."""
        return self.sockets.get((self.by_digest or {}).get(digest, ""))

    def forget(self, sid: str) -> None:
        """Take a socket off the lists. May be called twice."""
        self.sockets.pop(sid, None)
        self.forget_digest(sid)

    def forget_digest(self, sid: str) -> None:
        """Forget the digest of a socket: it is a WebSocket now."""
        if self.by_digest:
            self.by_digest.pop(digest_of(sid), None)

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
        if self.by_digest is not None and upgrades:
            self.by_digest[digest_of(sid)] = sid
        socket.send_nowait(packet.Packet(packet.OPEN, self._opening(sid, upgrades)))
        try:
            await self._handlers["connect"](sid, scope)
        except BaseException:
            socket.discard()
            raise
        socket.schedule_ping()
        return socket

    def may_use(
        self,
        socket: EngineSocket | None,
        names: Callable[[str], bool],
        presented: Callable[[], Hashable],
        *,
        polls: bool,
    ) -> bool:
        """Return True if a request may use the socket that it names; see Owner.

        A socket that is closing may be polled for its last packets with any cookie: the response that
        ended its session has cleared or replaced it.

        Args:
            socket: None if there is none of that id, as may be said to everybody.
            names: whether a cookie of the request names the session of a key.
            presented: returns the fingerprint of its cookies.
            polls: it is a poll.
        """
        if socket is None or socket.owner is None:
            return True
        if not names(socket.owner.key):
            return (socket.closing and polls) or socket.owner.admits_as_opened(presented())
        if socket.owner.admits_cookie():
            return True
        self.run(socket.close(abort=True))
        return False

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
