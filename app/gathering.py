"""A transport whose writes of one event-loop turn leave as one."""

import asyncio
import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.websockets.handshake import accept_of
from app.websockets.protocol import LightProtocol

_ENOUGH = 65_536
"""Bytes after which nothing is gained by waiting for more."""


class Gathering:
    """Stands before a transport, and is it in all but `write`, `close` and `abort`.

    uvloop sends each write at once. An answer is two of them, head and body, and what a socket is
    told is often more; every one costs as much as a route does.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data at the end of this turn, or at once if there is enough."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _ENOUGH:
            self._flush()

    def close(self) -> None:
        """Close when everything is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Cut the connection; what is not sent is dropped."""
        self._parts.clear()
        self._transport.abort()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            self._transport.write(b"".join(parts))


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport; what a connection is upgraded to inherits it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Begin a connection."""
        gathering = cast("asyncio.Transport", Gathering(transport, asyncio.get_running_loop()))
        super().connection_made(gathering)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol, with the request as it was parsed."""
        scope, accept = self._socket_scope(), accept_of(self.headers)
        if scope is None or accept is None:
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        protocol = LightProtocol(self.config, self.server_state, self.app_state)
        protocol.upgraded(self.transport, scope, accept)
        self.transport.set_protocol(protocol)
        self.parser = None  # type: ignore[assignment] # it holds this object, and this it

    def _socket_scope(self) -> dict[str, Any] | None:
        """Make the ASGI scope of a WebSocket; None if the library is to look at the request first."""
        path, _, query = self.url.partition(b"?")
        cycle: RequestResponseCycle | None = self.cycle
        busy = cycle is not None and not cycle.response_complete
        version, method = self.scope["http_version"], self.scope["method"]
        plain = (version, method, self.root_path) == ("1.1", "GET", "") and _is_plain(path)
        if busy or not plain:
            return None
        return {
            **self.scope,
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "scheme": "wss" if self.scheme == "https" else "ws",
            "path": path.decode("ascii"),
            "raw_path": path,
            "query_string": query,
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }


_is_plain = re.compile(rb"/[\w./~-]*").fullmatch
"""A path with nothing to decode."""
