"""What every request in an app with a Mooring has: an id in the log, its place in the metrics, CORS."""

from collections.abc import Awaitable
from time import perf_counter

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...asgi.headers import RESPONSE_STARTS, add_vary, read_fields
from ...asgi.paths import SocketPath
from ...asgi.scope import CROSS_ORIGIN, REQUEST_ID
from .. import metrics
from ..request_id import name_request


class RequestContextMiddleware:
    """Name, count and time requests, and answer for CORS where Mooring does that.

    Args:
        app: the layers below.
        cors: the same behind Mooring's CORS layer, for requests that name their origin; None where
            the app has a CORS layer of its own, or none is wanted.
        socket_path: whose long polls are not timed: their duration says nothing.
    """

    def __init__(self, app: ASGIApp, cors: CORSMiddleware | None, socket_path: SocketPath) -> None:
        self._app = app
        self._cors = cors
        self._socket_path = socket_path

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request or WebSocket."""
        if REQUEST_ID not in scope:
            name_request(scope)
        fields = read_fields(scope)
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        cors = self._cors
        varies = cors is not None and b"origin" not in fields
        response = _Response(scope, send, varies, not self._socket_path.matches(scope))
        if cors is None or varies:
            return self._app(scope, receive, response.send)
        scope[CROSS_ORIGIN] = True
        return cors(scope, receive, response.send)


class _Response:
    """The response to one request."""

    __slots__ = ("_scope", "_send", "_started_at", "_timed", "_varies")

    def __init__(self, scope: Scope, send: Send, varies: bool, timed: bool) -> None:
        self._scope = scope
        self._send = send
        self._varies = varies
        self._timed = timed
        self._started_at = perf_counter()

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] in RESPONSE_STARTS:
            if self._varies:
                # The response to another origin has other fields (CORS protocol and HTTP caches).
                message["headers"] = fields = list(message.get("headers", ()))
                add_vary(fields, b"Origin")
            if self._timed:
                metrics.count(self._scope, message["status"], perf_counter() - self._started_at)
        return self._send(message)
