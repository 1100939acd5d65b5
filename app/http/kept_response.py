"""Responses that are kept for repeats of their request: what is kept of them, and how they are collected."""

from collections.abc import Iterable
from typing import NamedTuple, Self

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from ..sessions import Attempt, StoreUnavailableError
from .problems import session_problem

MAX_BODY_BYTES = 16 * 1024
"""A larger body is not kept."""

_FIELDS = {
    *(b"cache-control", b"content-disposition", b"content-encoding", b"content-language"),
    *(
        b"content-location",
        b"content-type",
        b"etag",
        b"last-modified",
        b"link",
        b"location",
        b"vary",
    ),
}
"""Header fields that are kept: those that say what the body is. No cookie, no token."""

_COMES_AGAIN = {401, 403, 408, 425, 429}
"""Who gets one of these is to do something, and then to send the same request again."""
_SERVER_ERROR = 500
_WITHOUT_BODY = {204, 205, 304}
_REPLAYED = (b"idempotent-replayed", b"true")

Field = tuple[bytes, bytes]


class KeptResponse(NamedTuple):
    """What is kept of a response."""

    status: int
    fields: list[Field]
    body: bytes

    @classmethod
    def of(cls, start: Message, body: bytes) -> Self:
        """Return what is kept of a response of an app."""
        fields = [(name.lower(), value) for name, value in start.get("headers", ())]
        return cls(start["status"], [each for each in fields if each[0] in _FIELDS], body)

    @classmethod
    def decode(cls, answer: bytes) -> Self:
        """Return what `encode` wrote."""
        head, _, body = answer.partition(b"\n")
        status, fields = orjson.loads(head)
        return cls(
            status, [(name.encode(), value.encode("latin-1")) for name, value in fields], body
        )

    def encode(self) -> bytes:
        """Return it as the bytes that a store keeps."""
        fields = [(name.decode(), value.decode("latin-1")) for name, value in self.fields]
        return orjson.dumps([self.status, fields]) + b"\n" + self.body

    def messages(self) -> tuple[Message, Message]:
        """Return the messages that send it again."""
        length = [] if self.status in _WITHOUT_BODY else [_length(self.body)]
        fields = [*self.fields, *length, _REPLAYED]
        return (
            {"type": "http.response.start", "status": self.status, "headers": fields},
            {"type": "http.response.body", "body": self.body},
        )


class AnsweredBeforeError(HTTPException):
    """The request was answered before: raised past its route.

    Any app makes a response of it, in whose place the session middleware sends the one that is kept.
    """

    def __init__(self, kept: KeptResponse) -> None:
        # Without a detail Starlette 1.0 looks up the phrase of the status, which not every status has.
        super().__init__(kept.status, "answered before")
        self.kept = kept


async def answered_before(_request: Request, error: Exception) -> Response:
    """Return a response for the middleware to replace."""
    assert isinstance(error, AnsweredBeforeError)  # noqa: S101 - for the type checker
    return Response(status_code=error.kept.status)


class ResponseKeeper:
    """Holds a response back until it is kept for repeats of its request, then sends it.

    What is not to be kept is sent at once. If the store does not reply the client gets 503 instead:
    its repeat finds the answer, or is done again.

    Args:
        attempt: what the response is the answer to.
        scope: that of the request.
        send: sends to the client.
    """

    def __init__(self, attempt: Attempt, scope: Scope, send: Send) -> None:
        self._attempt = attempt
        self._scope = scope
        self._client = send
        self._start: Message | None = None
        self._body = b""
        self._passes = False

    async def send(self, message: Message) -> None:
        """Take a message of the response; the first one is its start."""
        if self._passes:
            await self._client(message)
        elif message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] != "http.response.body":
            await self._pass(message)
        else:
            await self._collect(message)

    async def _begin(self, start: Message) -> None:
        self._start = start
        if self._attempt.settled or not _may_be_kept(start):
            await self._pass()
        elif _comes_again(start["status"]):
            await self._attempt.release()
            await self._pass()

    async def _collect(self, message: Message) -> None:
        self._body += message.get("body", b"")
        if len(self._body) > MAX_BODY_BYTES:
            await self._pass({**message, "body": self._body})
        elif not message.get("more_body", False):
            await self._keep()

    async def _keep(self) -> None:
        assert self._start is not None  # noqa: S101 - for the type checker: it comes first
        try:
            await self._attempt.keep(KeptResponse.of(self._start, self._body).encode())
        except StoreUnavailableError as error:
            await session_problem(error).respond(self._scope, self._client, reason=str(error))
        else:
            await self._pass({"type": "http.response.body", "body": self._body})

    async def _pass(self, message: Message | None = None) -> None:
        """Send what was held back, and from here on all at once."""
        self._passes = True
        for each in (self._start, message):
            if each is not None:
                await self._client(each)


def _may_be_kept(start: Message) -> bool:
    """Return False for a stream, whose end nobody can wait for."""
    names = _names(start.get("headers", ()))
    return b"content-length" in names or start["status"] in _WITHOUT_BODY


def _comes_again(status: int) -> bool:
    return status >= _SERVER_ERROR or status in _COMES_AGAIN


def _names(fields: Iterable[Field]) -> set[bytes]:
    return {name.lower() for name, _ in fields}


def _length(body: bytes) -> Field:
    return b"content-length", b"%d" % len(body)
