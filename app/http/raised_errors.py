"""Responses of endpoints that were called outside of the app's exception handling, and their errors."""

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

RAISED = "mooring.raised"
"""In a scope: an error, and whether the response had started before it was raised."""

_MARK: Message = {"type": "http.response.start"}


async def send_json(status: int, body: bytes, send: Send) -> None:
    """Send what `Response(body, status, media_type="application/json")` would."""
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Sender:
    """Sends the messages of a response, and remembers that it has started."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        # Before it is sent, as in Starlette: a start that could not be sent is not sent again.
        if message["type"] == "http.response.start":
            self.started = True
        await self._send(message)


async def raise_again(request: Request) -> Any:
    """Raise an error where the endpoint that raised it would have been called by FastAPI."""
    error, started = request.scope.pop(RAISED)
    if not started:
        raise error
    return partial(_raise_late, error)


async def _raise_late(error: Exception, _scope: Scope, _receive: Receive, send: Send) -> None:
    """Raise an error in the place of a response that has started."""
    await send(_MARK)
    raise error


async def send_unmarked(send: Send, message: Message) -> None:
    """Send a message, but for the one with which `raise_again` says that there has been a response."""
    if message is not _MARK:
        await send(message)
