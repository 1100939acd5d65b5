"""uvicorn's HTTP protocol with fewer system calls and timers, and with direct WebSocket upgrades."""

import asyncio
import logging
import re
from collections import deque
from functools import partial
from typing import Any, cast
from weakref import ref

from httptools import HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

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
    timeout, and at most twice that. The base class looks up loggers and asks the system for addresses,
    anew for each connection; here both are at hand.

    Args:
        idle: the idle connections of the server.
        turn_end: sends what was written.
    """

    websocket_class = FastWebSocketProtocol
    response_class = FastResponse
    logger = logging.getLogger("uvicorn.error")
    access_logger = logging.getLogger("uvicorn.access")
    timeout_keep_alive_task = None
    transport: Any = None
    flow: Any = None
    server: Any = None
    client: Any = None
    scheme: Any = None
    scope: Any = None
    headers: Any = None
    cycle: Any = None
    expect_100_continue = False
    _idle_since: float | None = None
    _is_queued = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        idle: IdleConnections,
        turn_end: TurnEnd,
    ) -> None:
        self.config = config
        self.app = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.access_log = self.access_logger.hasHandlers()
        self.parser = HttpRequestParser(self)
        # As the base class has it.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.ws_protocol_class = config.ws_protocol_class
        self.root_path = config.root_path
        self.asgi_version = config.asgi_version
        self.limit_concurrency = config.limit_concurrency
        self.app_state = app_state
        self.timeout_keep_alive = config.timeout_keep_alive
        self.server_state = server_state
        self.connections = server_state.connections
        self.tasks = server_state.tasks
        self.pipeline = deque()
        self._idle = idle
        self._turn_end = turn_end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Begin with a connection."""
        self.transport = CoalescingTransport(transport, self._turn_end)
        self.flow = FlowControl(self.transport)
        self.server = _address(transport.get_extra_info("sockname"))
        peer = transport.get_extra_info("peername")
        self.client = _address(peer) if isinstance(peer, tuple) else None
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self.connections.add(self)
        self._expect_request()

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
        else:
            self._upgrade(scope, accept)
        self.parser = None  # type: ignore[assignment] # it holds this object, and this it

    def _upgrade(self, scope: dict[str, Any], accept: bytes) -> None:
        self._stop_timers()
        self.connections.discard(self)
        protocol = self.websocket_class(self.config, self.server_state, self.app_state, self.loop)
        protocol.upgraded(self.transport, scope, accept)
        self.transport.set_protocol(protocol)

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


def _address(name: Any) -> tuple[str, int | None] | None:
    """Return an address as ASGI has it: host and port, or the path of a Unix socket."""
    if isinstance(name, tuple):
        return name[0], name[1]
    return (name, None) if isinstance(name, str) else None


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
