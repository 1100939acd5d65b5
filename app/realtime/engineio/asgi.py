"""The Engine.IO server as an ASGI app: handshakes, polls, posts and upgrades."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from engineio import packet
from starlette.types import Receive, Scope, Send

from ...aio.byte_gate import ByteGate
from ...asgi.headers import get_header
from ...asgi.limits import BODY_SECONDS, POSTED_BYTES
from .payload import PacketError
from .query import Query
from .requests import (
    BAD_PAYLOAD,
    OVERLAPPING_POLLS,
    OVERLAPPING_POSTS,
    SLOW_BODY,
    UNKNOWN_SOCKET,
    BadRequestError,
)
from .responses import OK, Response, packets_response
from .server import EngineServer
from .socket import DisconnectReason, EngineSocket
from .websocket import DEFERRED, WEBSOCKET, AsgiWebSocket, WebSocket

HandlePost = Callable[[EngineSocket], Awaitable[None]]


class EngineApp:
    """Serves the requests and WebSockets of an EngineServer.

    The caller parses the query, checks the request (see `check`), and decides who may use the socket
    that it names.
    """

    def __init__(self, server: EngineServer, *, body_seconds: float = BODY_SECONDS) -> None:
        self._server = server
        self._body_seconds = body_seconds
        self._posts = ByteGate(POSTED_BYTES, body_seconds)

    async def __call__(self, query: Query, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        try:
            if scope["type"] == "websocket":
                await self._serve_websocket(query, scope, receive, send)
                return
            response = await self._respond(query, scope, receive)
        except BadRequestError as error:
            await error.problem.respond(scope, send)
            return
        await response.send(scope, send)

    async def _respond(self, query: Query, scope: Scope, receive: Receive) -> Response:
        if query.sid is None:
            return await self._handshake(scope)
        if scope["method"] == "GET":
            return await self.poll(self._find(query.sid), receive)
        return await self.post(self._find(query.sid), partial(self._receive_post, scope, receive))

    async def _handshake(self, scope: Scope) -> Response:
        socket = await self._server.open(scope, upgrades=["websocket"])
        socket.connected = True
        return packets_response(await socket.first_packets())

    async def poll(self, socket: EngineSocket, receive: Receive) -> Response:
        """Answer a poll; raise BadRequestError for one too many.

        Args:
            socket: of the client.
            receive: returns the ASGI events of the poll.
        """
        if socket.polling:
            await socket.close(reason=DisconnectReason.TRANSPORT_ERROR)
            raise BadRequestError(OVERLAPPING_POLLS)
        if socket.upgrading:
            return packets_response([packet.Packet(packet.NOOP)])
        try:
            return packets_response(await socket.poll(receive))
        except TimeoutError:
            await socket.close(abort=True, reason=DisconnectReason.TRANSPORT_ERROR)
            raise BadRequestError(UNKNOWN_SOCKET) from None
        except asyncio.CancelledError:
            await socket.close(abort=True, reason=DisconnectReason.TRANSPORT_ERROR)
            raise

    async def post(self, socket: EngineSocket, handle: HandlePost) -> Response:
        """Answer a post; raise BadRequestError if it is none, or one too many.

        Args:
            socket: of the client.
            handle: receives and handles the body.
        """
        if socket.posting:
            await socket.close(reason=DisconnectReason.TRANSPORT_ERROR)
            raise BadRequestError(OVERLAPPING_POSTS)
        socket.posting = True
        try:
            await handle(socket)
        except PacketError as error:
            await socket.reject(error)
            raise BadRequestError(BAD_PAYLOAD) from error
        except TimeoutError:
            await socket.reject(PacketError("its post has not come whole"))
            raise BadRequestError(SLOW_BODY) from None
        finally:
            socket.posting = False
        return OK

    async def _receive_post(self, scope: Scope, receive: Receive, socket: EngineSocket) -> None:
        async with self.body(scope, receive) as body:
            await socket.receive_payload(body)

    @asynccontextmanager
    async def body(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Hold the body of a post during the block.

        Raises:
            PacketError: it is too large, or incomplete.
            TimeoutError: it is too slow in coming.
        """
        client = scope.get("client")
        declared = _declared_length(scope, self._server.max_packet_bytes)
        async with self._posts.hold(client[0] if client else "", declared):
            async with asyncio.timeout(self._body_seconds):
                body = await _read_body(receive, self._server.max_packet_bytes)
            yield body

    async def _serve_websocket(
        self, query: Query, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Accept a WebSocket, and serve it, if the server allows, after the app has returned.

        Each layer that a handshake passes through keeps its frame until it returns; of a socket that
        stays for hours that would be two thirds of its memory.
        """
        await receive()  # websocket.connect
        socket = await self._find_or_open(query, scope)
        ws: WebSocket = scope.get(WEBSOCKET) or AsgiWebSocket(receive, send)
        try:
            await send(_acceptance(scope))
        except BaseException:
            if query.sid is None:
                await socket.close(abort=True, reason=DisconnectReason.TRANSPORT_CLOSE)
            raise
        deferred = scope.get(DEFERRED)
        if deferred is None:
            await socket.serve_websocket(ws)
        else:
            deferred.append(partial(socket.serve_websocket, ws))

    async def _find_or_open(self, query: Query, scope: Scope) -> EngineSocket:
        if query.sid is None:
            return await self._server.open(scope, upgrades=[])
        return self._find(query.sid)

    def _find(self, sid: str) -> EngineSocket:
        """Return the socket of an id, if its transport is polling."""
        return check_polls(self._server.sockets.get(sid))


def check_polls(socket: EngineSocket | None) -> EngineSocket:
    """Return a socket if it is there, and its transport is polling; else raise BadRequestError."""
    if socket is None or not socket.connected or socket.upgraded:
        raise BadRequestError(UNKNOWN_SOCKET)
    return socket


def _acceptance(scope: Scope) -> dict[str, str]:
    """Return the event that accepts a WebSocket, with the first subprotocol, as `ws` accepts it.

    A client that asks for some closes the connection if it gets none.
    """
    subprotocols = scope.get("subprotocols")
    accept = {"type": "websocket.accept"}
    return accept | {"subprotocol": subprotocols[0]} if subprotocols else accept


def _declared_length(scope: Scope, limit: int) -> int:
    """Return how long a body may be; raise PacketError if that is too much."""
    declared = get_header(scope, b"content-length")
    if declared is None:
        return limit
    if not declared.isdigit() or int(declared) > limit:
        raise PacketError("the payload is too large")
    return int(declared)


async def _read_body(receive: Receive, limit: int) -> bytes:
    """Return a request's body; raise PacketError if it is too large or incomplete."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise PacketError("the client has closed the connection")
        body += message.get("body", b"")
        if len(body) > limit:
            raise PacketError("the payload is too large")
        more = message.get("more_body", False)
    return bytes(body)
