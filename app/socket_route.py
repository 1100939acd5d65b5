"""The route of the Socket.IO server in an app: the first, so that nothing of the app's hides it."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from .asgi.paths import SocketPath, route_path
from .http.client_files import ClientFiles


class SocketRoute(BaseRoute):
    """Serve Socket.IO, and the browser's client where the Node server has it.

    It stands inside the app's middleware and exception handlers, as every route does.

    Args:
        server: returns the Socket.IO app for the event loop that serves a scope.

    Attributes:
        path: of the server. Code that goes through an app's routes expects one, and a name.
        name: of the route.
    """

    name = "socket.io"

    def __init__(self, socket_path: SocketPath, server: Callable[[Scope], ASGIApp]) -> None:
        self.path = socket_path.path
        self._socket_path = socket_path
        self._server = server
        self._clients = ClientFiles()
        self._files = {f"{socket_path.path}/{name}": name for name in self._clients.names}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path of the Socket.IO server and of its client files."""
        if scope["type"] not in ("http", "websocket"):
            return Match.NONE, {}
        found = self._socket_path.matches(scope)
        found = found or (scope["type"] == "http" and route_path(scope) in self._files)
        return (Match.FULL if found else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        name = self._files.get(route_path(scope))
        if name is None:
            await self._server(scope)(scope, receive, send)
        else:
            response = await self._clients.respond(Request(scope), name)
            await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Raise NoMatchFound: no page links to the route, whose name is for code that lists routes."""
        raise NoMatchFound(name, path_params)
