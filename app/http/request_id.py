"""A name for each request, in its log lines and its answer."""

import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

_HEADER = b"x-request-id"
_USABLE = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
_FIRST = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


class RequestId:
    """Takes the balancer's X-Request-ID, if it is a plain word, or makes one up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        name = _given(scope) or secrets.token_hex(8)

        async def named(message: Message) -> None:
            if message["type"] in _FIRST:
                message["headers"] = [*message.get("headers", ()), (_HEADER, name.encode())]
            await send(message)

        clear_contextvars()
        bind_contextvars(request=name)
        await self._app(scope, receive, named)


def _given(scope: Scope) -> str | None:
    for header, value in scope["headers"]:
        if header == _HEADER and _USABLE.fullmatch(value):
            given: bytes = value
            return given.decode()
    return None
