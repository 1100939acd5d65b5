"""Limits of the size of a request's body."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...asgi.headers import fields_of
from ...asgi.paths import SocketPath
from ...asgi.problems import Problem

BODY_TOO_LARGE = Problem(
    413,
    "body-too-large",
    "The request's body is too large",
    "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll.",
    # The rest of the body is not read, so the connection is of no more use.
    headers={"connection": "close"},
)

_LINGER_SECONDS = 2.0


class BodyTooLargeError(Exception):
    """A body without a declared length exceeded the limit while it was read."""


class BodyLimitMiddleware:
    """Answer 413 before the app has read a body of more than `limit` bytes.

    A declared length is refused at once, and the server reads no further than that; one that is
    not declared (chunked, or HTTP/2) is refused when it gets too long.

    Args:
        limit: bytes, for the app's routes; 0 for no limit.
        socket_limit: bytes, for what polling clients post.
    """

    def __init__(
        self, app: ASGIApp, *, limit: int, socket_limit: int, socket_path: SocketPath
    ) -> None:
        self._app = app
        self._limit = limit
        self._socket_limit = socket_limit
        self._socket_path = socket_path

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        limit = self._socket_limit if self._socket_path.matches(scope) else self._limit
        if not limit:
            return self._app(scope, receive, send)
        fields = fields_of(scope)
        declared = fields.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            return _refuse(scope, receive, send)
        # A body may be longer than its declared length: none, if that is not there.
        may_be_longer = b"transfer-encoding" in fields if _is_http_1(scope) else declared is None
        if may_be_longer:
            return _serve_undeclared(self._app, scope, receive, send, limit)
        return self._app(scope, receive, send)


async def _serve_undeclared(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, limit: int
) -> None:
    """Serve a request whose body may be of any length; 413 whatever the app answers when it is too long.

    FastAPI takes an error while it reads a body for one of the body, and answers 400.
    """
    left, started = limit, False

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise BodyTooLargeError
        return message

    async def unless_refused(message: Message) -> None:
        nonlocal started
        if left >= 0 or started:
            started = True
            await send(message)

    try:
        await app(scope, limited, unless_refused)
    except Exception:
        if left >= 0 or started:
            raise
    if left < 0 and not started:  # whatever the app made of the error: FastAPI makes it a 400
        await _refuse(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, then read on for a while: a connection that is closed on a client which is
    still writing is reset, and the client never sees the answer (RFC 9112, 9.6)."""

    async def unfinished(message: Message) -> None:
        await send({**message, "more_body": True} if "body" in message else message)

    await _problem(scope).respond(scope, unfinished)
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def _problem(scope: Scope) -> Problem:
    """Return the answer. HTTP/2 and later close no connection for one request, nor may they say so."""
    if _is_http_1(scope):
        return BODY_TOO_LARGE
    return replace(BODY_TOO_LARGE, headers={})


def _is_http_1(scope: Scope) -> bool:
    return bool(scope.get("http_version", "1.1").startswith("1"))
