"""An ASGI server for one exchange in process: raw messages, header fields in their order and case."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope

Fields = list[tuple[bytes, bytes]]


@dataclass
class Exchange:
    """What an app sent for one request or WebSocket, and what it raised to the server."""

    scope: Scope
    messages: list[Message] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def start(self) -> Message:
        """The message with the status and the header fields."""
        return self.messages[0]

    @property
    def status(self) -> int:
        """The status of the response."""
        status: int = self.start["status"]
        return status

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(each.get("body", b"") for each in self.messages[1:])

    def values(self, name: str) -> list[str]:
        """All values of a header field, by its name in lower case."""
        fields: Fields = self.start.get("headers", [])
        return [value.decode() for key, value in fields if key.lower() == name.encode()]


def http_scope(method: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> Scope:
    """The scope of a request without a body."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test"), *((k.encode(), v.encode()) for k, v in headers)],
        "client": ("203.0.113.7", 4711),
        "server": ("test", 80),
    }


async def request(
    app: ASGIApp, method: str, path: str, headers: Iterable[tuple[str, str]] = (), **more: Any
) -> Exchange:
    """Send a request; `more` goes into its scope."""
    scope = {**http_scope(method, path, headers), **more}
    return await exchange(app, scope, [{"type": "http.request", "body": b"", "more_body": False}])


async def websocket(
    app: ASGIApp, path: str, texts: Iterable[str] = (), headers: Iterable[tuple[str, str]] = ()
) -> Exchange:
    """Open a WebSocket, send some texts, and close it."""
    scope: Scope = {
        **http_scope("GET", path, headers),
        "type": "websocket",
        "scheme": "ws",
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    del scope["method"]
    messages: list[Message] = [{"type": "websocket.connect"}]
    messages += [{"type": "websocket.receive", "text": each} for each in texts]
    return await exchange(app, scope, [*messages, {"type": "websocket.disconnect", "code": 1000}])


async def exchange(app: ASGIApp, scope: Scope, incoming: list[Message]) -> Exchange:
    """Serve one scope; a client that has sent everything stays until it has the whole response."""
    done, complete = Exchange(scope), asyncio.Event()
    waiting = list(incoming)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await complete.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        done.messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            complete.set()

    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - it is what a test may ask for
        done.error = error
    return done
