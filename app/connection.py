"""One client's connection, as uvicorn serves it."""

import asyncio
import re
from functools import partial
from typing import Any, cast
from weakref import ref

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.delay import Delay
from app.gathering import Gathering
from app.websockets.handshake import accept_of
from app.websockets.protocol import LightProtocol

Idle = Delay["ref[Connection]"]
"""Connections that are looked at when they may have been idle for too long; it keeps none of them."""


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with fewer system calls, and without a timer for each answer.

    A connection on which nothing more is asked is closed after at least the time that is set for
    it, and at most twice that. What a connection is upgraded to inherits its transport.
    """

    def __init__(self, *args: Any, idle: Idle, **options: Any) -> None:
        super().__init__(*args, **options)
        self._idle = idle
        self._idle_since: float | None = None
        self._watched = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Begin a connection."""
        gathering = cast("asyncio.Transport", Gathering(transport, asyncio.get_running_loop()))
        super().connection_made(gathering)

    def on_response_complete(self) -> None:
        """Go on with the request that waits, or begin to wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._idle_since = self.loop.time()
            self._watch()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _watch(self) -> None:
        if not self._watched:
            self._watched = True
            self._idle.put(ref(self))

    def close_if_idle(self) -> None:
        """Close the connection if it was idle for all of the time that it may be."""
        self._watched = False
        if self._idle_since is None:
            return
        if self.loop.time() - self._idle_since < self._idle.seconds:
            self._watch()
        elif not self.transport.is_closing():
            self.transport.close()

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
        scope: dict[str, Any] = {
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
        del scope["method"]
        return scope


_is_plain = re.compile(rb"/[\w./~-]*").fullmatch
"""A path with nothing to decode."""


def connections(*, keep_alive: float) -> type[asyncio.Protocol]:
    """Give what makes connections that are closed after so many idle seconds."""
    make = partial(Connection, idle=Idle(keep_alive, _look))
    return cast("type[asyncio.Protocol]", make)  # all that uvicorn does is to call it


def _look(connection: "ref[Connection]") -> None:
    alive = connection()
    if alive is not None:
        alive.close_if_idle()
