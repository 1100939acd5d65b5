"""No request body is larger than we can use."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.fields import first
from app.problems import Problem

TOO_LARGE = Problem(
    413,
    "body-too-large",
    "The request's body is too large",
    "Nothing that this service takes is as large as that.",
    # The rest of the body is not read, so the connection is of no more use.
    headers={"connection": "close"},
)


_LINGER = 2.0
"""Seconds."""


class BodyTooLargeError(Exception):
    """A body without a declared length went over the limit while it was read."""


class BodyLimit:
    """Answers 413 before the app has read a body of more than `limit` bytes.

    A declared length is refused at once, and the server reads no further than that; one that is
    not declared (chunked) when it gets too long.
    """

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _declared(scope) > self._limit:
            await _refuse(scope, receive, send)
        elif first(scope, b"transfer-encoding") is None:
            await self._app(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        left, started = self._limit, False

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited, noted)
        except BodyTooLargeError:
            if not started:
                await _refuse(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, then read on for a while: a connection that is closed on a client which is
    still writing is reset, and takes the answer with it (RFC 9112, 9.6)."""

    async def unfinished(message: Message) -> None:
        await send({**message, "more_body": True} if "body" in message else message)

    await TOO_LARGE.answer(scope, unfinished)
    try:
        async with asyncio.timeout(_LINGER):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def _declared(scope: Scope) -> int:
    value = first(scope, b"content-length")
    return int(value) if value is not None and value.isdigit() else 0
