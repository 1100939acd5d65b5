"""uvicorn's HTTP protocol with fewer system calls and timers, and with direct WebSocket upgrades."""

import asyncio
import re
from functools import partial
from typing import Any, cast
from weakref import ref

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ..aio.timeout_queue import TimeoutQueue
from ..aio.turn_end import TurnEnd
from .coalescing_transport import CoalescingTransport
from .http_response import FastResponse
from .plain_http_protocol import PlainHttpProtocol
from .websocket_handshake import accept_of
from .websocket_protocol import FastWebSocketProtocol

IdleConnections = TimeoutQueue["ref[FastHttpProtocol]"]
"""Connections to be checked once the keep-alive timeout has passed; it keeps none of them alive."""


class FastHttpProtocol(PlainHttpProtocol):
    """Serve one HTTP connection.

    The writes of one event-loop turn leave as one, and there is one timer for all idle connections in
    place of one for each response: an idle connection is closed after at least the keep-alive
    timeout, and at most twice that.

    Args:
        idle: the idle connections of the server.
        turn_end: sends what was written.
    """

    websocket_class = FastWebSocketProtocol
    response_class = FastResponse

    def __init__(
        self, *args: Any, idle: IdleConnections, turn_end: TurnEnd, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._idle = idle
        self._turn_end = turn_end
        self._idle_since: float | None = None
        self._is_queued = False

    def _wrap(self, transport: asyncio.Transport) -> asyncio.Transport:
        return CoalescingTransport(transport, self._turn_end)

    def _expect_request(self) -> None:
        self._idle_since = self.loop.time()
        self._queue()

    def on_response_complete(self) -> None:
        """Go on with the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch_unread()
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._idle_since = self.loop.time()
            self._queue()
        if self._rest or self._is_half_closed:
            self._after_response()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _queue(self) -> None:
        if not self._is_queued:
            self._is_queued = True
            self._idle.add(ref(self))

    def close_if_idle(self) -> None:
        """Close the connection if it was idle for the whole keep-alive timeout."""
        self._is_queued = False
        if self._idle_since is None:
            return
        if self.loop.time() - self._idle_since < self._idle.seconds:
            self._queue()
        elif not self.transport.is_closing():
            self._close_when_read()

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection to the WebSocket protocol, with the request as it was parsed."""
        scope, accept = self._websocket_scope(), accept_of(self.headers)
        if scope is None or accept is None:
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        protocol = self.websocket_class(self.config, self.server_state, self.app_state)
        protocol.upgraded(self.transport, scope, accept)
        self.transport.set_protocol(protocol)
        self.parser = None  # type: ignore[assignment] # it holds this object, and this it

    def _websocket_scope(self) -> dict[str, Any] | None:
        """Return the ASGI scope of a WebSocket; None if the request is for the library to parse."""
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
"""Match a path in which nothing has to be decoded."""


def http_protocol(*, keep_alive_seconds: float) -> type[asyncio.Protocol]:
    """Return a factory of protocols that close connections after so many idle seconds."""
    idle = IdleConnections(keep_alive_seconds, _close_if_idle)
    make = partial(FastHttpProtocol, idle=idle, turn_end=TurnEnd())
    return cast("type[asyncio.Protocol]", make)  # all that uvicorn does is to call it


def _close_if_idle(connection: "ref[FastHttpProtocol]") -> None:
    alive = connection()
    if alive is not None:
        alive.close_if_idle()
