"""Problem documents (RFC 9457), as both edges answer them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Scope, Send

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
        kind = _RESPONSE[scope["type"]]
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
