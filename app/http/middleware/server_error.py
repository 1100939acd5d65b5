"""The outermost layer of the service: an id for each request, and the last handler of an error."""

import logging
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...asgi.headers import RESPONSE_STARTS, has_field
from ..problems import INTERNAL_ERROR
from ..request_id import HEADER, name_request

logger = logging.getLogger(__name__)


class ServerErrorMiddleware:
    """Log what an app raises, and answer 500 if it has sent no response yet.

    Starlette sends a response to such an error and raises it all the same, upon which the server
    closes the connection without a word: the next request of a client that keeps connections open
    is lost. Each response carries the request's id, by which its log lines are found.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        response = _Response(name_request(scope).encode(), send)
        if scope["type"] == "websocket":
            await self._app(scope, receive, response.send)
            return
        try:
            await self._app(scope, receive, response.send)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if not response.started:
                await INTERNAL_ERROR.respond(scope, response.send)


class _Response:
    """The response to one request."""

    __slots__ = ("_name", "_send", "started")

    def __init__(self, name: bytes, send: Send) -> None:
        self._name = name
        self._send = send
        self.started = False

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] in RESPONSE_STARTS:
            self.started = True
            message["headers"] = fields = list(message.get("headers", ()))
            if not has_field(fields, HEADER):  # else an app's own stands alone
                fields.append((HEADER, self._name))
        return self._send(message)
