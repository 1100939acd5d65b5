"""Problem documents (RFC 9457), as HTTP routes and Socket.IO handshakes answer them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope, Send

from .refusals import Refusal, refusal_of, refused

MEDIA_TYPE = "application/problem+json"

_RESPONSE = {"http": "http.response", "websocket": "websocket.http.response"}

_POLICY_VIOLATION = 1008
"""WebSocket close code (RFC 6455, 7.4.1), for servers that can refuse a handshake by nothing else."""

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def status_type(status: int) -> tuple[str, str]:
    """Return the type, and the title, of a problem that is known by its HTTP status alone."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = f"Status {status}"
    return _NOT_SLUG.sub("-", phrase.lower().replace("'", "")).strip("-"), phrase


@dataclass(frozen=True)
class Problem:
    """One problem document. `type` is stable: clients may compare it.

    Attributes:
        refusal: what it is counted and logged as, where its type does not say it.
    """

    status: int
    type: str
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None

    def body(self) -> bytes:
        """Return the document as JSON."""
        members = {"type": self.type, "title": self.title, "status": self.status}
        return orjson.dumps(members | {"detail": self.detail} | dict(self.extra))

    def response_headers(self) -> dict[str, str]:
        """Return the header fields of a response with the document, without its length."""
        return {
            "content-type": MEDIA_TYPE,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **self.headers,
        }

    def response(self) -> Response:
        """Return the document as a response of a route."""
        return Response(self.body(), self.status, self.response_headers())

    def note(self, **about: str | int | None) -> None:
        """Count and log it, see `refused`, unless it is an error of the app's, or of ours."""
        kind = self.refusal or refusal_of(self.type)
        if kind is not None:
            refused(kind, **about)

    async def respond(self, scope: Scope, send: Send, **about: str | int | None) -> None:
        """Send the document as the whole response, to a request or in place of a WebSocket handshake.

        If it is a refusal, it is counted and logged, with what is said about it.
        """
        self.note(**about)
        kind = _RESPONSE[scope["type"]]
        if kind not in ("http.response", *scope.get("extensions", {})):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        body = self.body()
        headers = {**self.response_headers(), "content-length": str(len(body))}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": f"{kind}.start", "status": self.status, "headers": encoded})
        await send({"type": f"{kind}.body", "body": body})
