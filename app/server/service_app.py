"""What the service puts around any ASGI app."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from ..asgi.scope import DRAIN_HOOKS, DrainHook
from ..http.middleware.server_error import ServerErrorMiddleware
from ..realtime.engineio.websocket import DEFERRED, WEBSOCKET, WebSocket

logger = logging.getLogger(__name__)

DRAIN_OVERTIME_SECONDS = 4.0
"""Time that hooks have beyond the one that they are given, for clients' last polls and events."""

FindWebSocket = Callable[[Send], "ReleasableWebSocket | None"]


class ReleasableWebSocket(WebSocket, Protocol):
    """A WebSocket whose connection remembers its handshake until it is released."""

    def release_handshake(self) -> None:
        """Drop all that the connection holds of its handshake."""


class ServiceApp:
    """An ASGI app with what the server does for it.

    - Sockets that the app defers (`DEFERRED`) are served when its layers have returned, so that they
      hold nothing of their handshake.
    - Each Mooring in the app adds a hook in its lifespan, and `drain` calls them all.
    - An exception that leaves the app is logged once, and answered with 500 if nothing was sent.
    - Each request has an id, in its log lines and in the header `X-Request-ID` of its response.
    - Paths are under `root_path`, whether a proxy has stripped it or not.

    Args:
        app: any ASGI app.
        root_path: where a proxy serves it, such as /api; or nothing.
        find_websocket: returns the connection that an ASGI `send` belongs to, if it is one of the
            server's own protocol.
    """

    def __init__(
        self, app: ASGIApp, *, root_path: str = "", find_websocket: FindWebSocket | None = None
    ) -> None:
        self._app = ServerErrorMiddleware(app)
        self._root_path = root_path
        self._find_websocket = find_websocket
        self._drain_hooks: list[DrainHook] = []

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection."""
        if self._root_path and scope["type"] != "lifespan":
            scope = _below(self._root_path, scope)
        scope[DRAIN_HOOKS] = self._drain_hooks
        if scope["type"] == "websocket":
            return self._serve_websocket(scope, receive, send)
        return self._app(scope, receive, send)

    async def drain(
        self, seconds: float, *, overtime_seconds: float = DRAIN_OVERTIME_SECONDS
    ) -> None:
        """Disconnect the sockets of every Mooring in the app.

        Args:
            seconds: time over which sockets are closed.
            overtime_seconds: how much longer hooks may take before they are cancelled.
        """
        draining = [asyncio.ensure_future(hook(seconds)) for hook in self._drain_hooks]
        if not draining:
            return
        done, late = await asyncio.wait(draining, timeout=seconds + overtime_seconds)
        for task in late:
            task.cancel()
            logger.warning("not all sockets were closed in time")
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error("closing sockets failed", exc_info=error)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a handshake, and then, with nothing of it left, the socket itself."""
        deferred: list[Callable[[], Awaitable[None]]] = []
        websocket = self._find_websocket(send) if self._find_websocket is not None else None
        own = {**scope, WEBSOCKET: websocket, DEFERRED: deferred}
        await self._app(own, receive, send)
        if deferred:
            del own, scope
            if websocket is not None:
                websocket.release_handshake()
            await deferred.pop()()


def _below(root_path: str, scope: Scope) -> Scope:
    """Return the scope with the path that was asked for at the proxy.

    ASGI's `path` includes `root_path`, which a proxy may have stripped.
    """
    path: str = scope["path"]
    if path == root_path or path.startswith(f"{root_path}/"):
        return {**scope, "root_path": root_path}
    raw_path = root_path.encode("ascii") + (scope.get("raw_path") or path.encode())
    return {**scope, "root_path": root_path, "path": root_path + path, "raw_path": raw_path}
