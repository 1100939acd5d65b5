"""Errors as problem documents (RFC 9457)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Scope, Send

from app.sessions import (
    SessionEndedError,
    SessionError,
    SessionTooLargeError,
    StoreUnavailableError,
)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One problem document. `type` is stable: clients may compare it."""

    status: int
    type: str
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        """Give the document as JSON."""
        members = {"type": self.type, "title": self.title, "status": self.status}
        return orjson.dumps(members | {"detail": self.detail} | dict(self.extra))

    async def answer(self, scope: Scope, send: Send) -> None:
        """Send the document as the whole response, to a request or in place of a WebSocket handshake."""
        kind = _RESPONSE.get(scope["type"], "")
        if kind not in ("http.response", *scope.get("extensions", {})):
            await send({"type": "websocket.close", "code": 1008})
            return
        body = self.body()
        headers = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            **self.headers,
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": f"{kind}.start", "status": self.status, "headers": encoded})
        await send({"type": f"{kind}.body", "body": body})


_RESPONSE = {"http": "http.response", "websocket": "websocket.http.response"}


def session_problem(error: SessionError) -> Problem:
    """Say what an error of the session module means to a client."""
    match error:
        case SessionEndedError():
            return Problem(
                409,
                "session-ended",
                "The session has ended",
                f"The session that this request belongs to has ended ({error.reason}). "
                "A request without its cookie starts a new one.",
                extra={"reason": error.reason},
            )
        case StoreUnavailableError():
            return Problem(
                503,
                "store-unavailable",
                "Sessions are out of reach for a moment",
                "The session store gives no answer. Nothing is lost; try again.",
                headers={"retry-after": str(math.ceil(error.retry_after))},
            )
        case SessionTooLargeError():
            return Problem(413, "session-too-large", "The session is full", str(error))
    return INTERNAL_ERROR


INTERNAL_ERROR = Problem(
    500, "internal-error", "Something broke here", "The error is in our log, not in your request."
)
