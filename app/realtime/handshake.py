"""What dependencies of events may read of a connection's handshake."""

from functools import cached_property
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection
from starlette.types import Scope
from starlette.websockets import WebSocket

_KEPT = (
    "app",
    "client",
    "extensions",
    "headers",
    "http_version",
    "path",
    "query_string",
    "raw_path",
    "root_path",
    "server",
)


class Handshake:
    """Headers, cookies, query and client of a handshake, read once for all events of its connection."""

    def __init__(self, scope: Scope) -> None:
        self.scope = {name: scope[name] for name in _KEPT if name in scope}
        self.scope["scheme"] = {"http": "ws", "https": "wss"}.get(
            scope.get("scheme", "ws"), scope.get("scheme", "ws")
        )
        self._state: dict[str, Any] = scope.get("state", {})

    @cached_property
    def headers(self) -> Headers:
        """The header fields."""
        return Headers(scope=self.scope)

    @cached_property
    def query_params(self) -> QueryParams:
        """The query."""
        return QueryParams(self.scope["query_string"])

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies."""
        return HTTPConnection({"type": "http", **self.scope}).cookies

    def new_scope(self) -> dict[str, Any]:
        """Return a scope for one event: what a dependency puts into it is seen by this event alone."""
        return {
            "type": "websocket",
            "subprotocols": [],
            "path_params": {},
            **self.scope,
            "state": dict(self._state),
        }


NO_HANDSHAKE = Handshake(
    {"headers": [], "query_string": b"", "path": "/", "root_path": "", "client": None}
)


class EventConnection(WebSocket):
    """What dependencies of an event get for an HTTPConnection or a WebSocket: its connection's handshake."""

    def __init__(self, handshake: Handshake, **more: Any) -> None:
        HTTPConnection.__init__(self, {**handshake.new_scope(), **more})
        self._handshake = handshake

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self._handshake.headers

    @property
    def query_params(self) -> QueryParams:
        """The query."""
        return self._handshake.query_params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies."""
        return self._handshake.cookies

    @property
    def path_params(self) -> dict[str, Any]:
        """None: an event has no path."""
        return {}

    async def receive(self) -> Any:
        """Raise RuntimeError: packets are the server's."""
        raise RuntimeError("the WebSocket of a Socket.IO connection is not for handlers")

    async def send(self, _message: Any) -> None:
        """Raise RuntimeError: packets are the server's."""
        raise RuntimeError("the WebSocket of a Socket.IO connection is not for handlers")
