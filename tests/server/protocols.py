"""uvicorn's WebSocket protocol and FastWebSocketProtocol, on transports that record their calls."""

import asyncio
import base64
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app.server.plain_websocket_protocol import PlainWebSocketProtocol
from app.server.websocket_handshake import accept_of
from app.server.websocket_protocol import FastWebSocketProtocol

MAX_SIZE = 300
HEADERS = [
    (b"host", b"here"),
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-key", base64.b64encode(b"sixteen bytes !!")),
    (b"sec-websocket-version", b"13"),
]


class Connection:
    """A protocol whose app has accepted, and the calls of its transport."""

    def __init__(self, protocol: WebSocketsSansIOProtocol) -> None:
        self.protocol: Any = protocol
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.is_closing.side_effect = lambda: self.closed
        self.transport.get_extra_info.return_value = None
        self.transport.get_write_buffer_size.return_value = 0

    @property
    def closed(self) -> bool:
        """Whether the transport was told to close."""
        return bool(self.transport.close.called)

    def reads(self) -> bool:
        """Whether it reads."""
        calls = [name for name, _, _ in self.transport.method_calls if name.endswith("_reading")]
        return calls[-1:] != ["pause_reading"]

    def written(self) -> bytes:
        """All that was written since it was accepted."""
        return b"".join(call.args[0] for call in self.transport.write.call_args_list)

    def receive(self, pieces: Iterable[bytes]) -> None:
        """Deliver bytes in pieces; a closed transport delivers no more."""
        for piece in pieces:
            if not self.closed:
                self.protocol.data_received(piece)

    def events(self) -> list[Any]:
        """Remove and return the ASGI events that are queued for the app."""
        events = []
        while not self.protocol.queue.empty():
            item = self.protocol.queue.get_nowait()
            events.append(
                {"type": "websocket.receive", "text": item} if isinstance(item, str) else item
            )
        return events


async def library_connection() -> Connection:
    """One of uvicorn's protocol."""
    return await _connection_of(WebSocketsSansIOProtocol, accept=True)


async def plain_connection(*, accept: bool = True) -> Connection:
    """One of PlainWebSocketProtocol."""
    return await _connection_of(PlainWebSocketProtocol, accept=accept)


async def _connection_of(protocol: type[WebSocketsSansIOProtocol], *, accept: bool) -> Connection:
    connection = Connection(protocol(_config(), ServerState(), {}))
    connection.protocol.connection_made(connection.transport)
    lines = b"".join(b"%s: %s\r\n" % header for header in HEADERS)
    connection.protocol.data_received(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    if accept:
        await _accept(connection)
    return connection


async def fast_connection(*, accept: bool = True) -> Connection:
    """One of FastWebSocketProtocol, after a handshake without anything unusual."""
    protocol = FastWebSocketProtocol(_config(), ServerState(), {})
    connection = Connection(protocol)
    accepted = accept_of(HEADERS)
    assert accepted is not None
    protocol.upgraded(
        connection.transport, {"type": "websocket", "path": "/", "query_string": b""}, accepted
    )
    if accept:
        await _accept(connection)
    return connection


async def _accept(connection: Connection) -> None:
    await connection.protocol.receive()
    await connection.protocol.send({"type": "websocket.accept", "headers": []})
    connection.transport.reset_mock()


def _config() -> uvicorn.Config:
    config = uvicorn.Config(
        _app, ws_max_size=MAX_SIZE, ws_per_message_deflate=False, log_config=None
    )
    config.load()
    return config


async def _app(_scope: Any, _receive: Any, _send: Any) -> None:
    with suppress(asyncio.CancelledError):  # when a test is over
        await asyncio.get_running_loop().create_future()
