"""P13: no client is waited for that does not go on with its request, or does not read what it asked for."""

import asyncio
import gc
import socket
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import uvicorn
from prometheus_client import REGISTRY
from starlette.types import Receive, Scope, Send

from app.aio.turn_end import TurnEnd
from app.asgi.limits import PIPELINED_BYTES
from app.server.http_protocol import FastHttpProtocol, IdleConnections
from app.server.one_by_one import _pipelined
from app.server.plain_http_protocol import PlainHttpProtocol
from app.server.plain_websocket_protocol import PlainWebSocketProtocol
from app.server.websocket_protocol import FastWebSocketProtocol
from tests.support.eventually import PATIENCE, eventually

STALL = 0.4
PIECE = b"x" * 65_536
PIECES = 400
"""Of a response, more than the kernel takes for a client that does not read."""

BODY = 300_000
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class _FastWebSocket(FastWebSocketProtocol):
    stall_seconds = STALL


class _FastHttp(FastHttpProtocol):
    stall_seconds = STALL
    websocket_class = _FastWebSocket


class _PlainHttp(PlainHttpProtocol):
    stall_seconds = STALL


class _PlainWebSocket(PlainWebSocketProtocol):
    stall_seconds = STALL


def _protocols(kind: str, *, keep_alive: float = STALL) -> dict[str, Any]:
    if kind == "plain":
        return {"http": _PlainHttp, "ws": _PlainWebSocket, "timeout_keep_alive": keep_alive}
    idle = IdleConnections(keep_alive, lambda each: _close(each()))
    return {"http": partial(_FastHttp, idle=idle, turn_end=TurnEnd()), "ws": _FastWebSocket}


def _close(connection: FastHttpProtocol | None) -> None:
    if connection is not None:
        connection.close_if_idle()


class Server:
    """uvicorn with an app that answers with much, and tells what it got."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[int | None] = []
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._server: Any = None

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send much; or read a body, and None if it has not come."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            with suppress(OSError):
                while True:
                    await send({"type": "websocket.send", "bytes": PIECE})
        elif scope["method"] == "POST":
            await self._read(receive, send)
        elif scope["method"] == "PUT":
            await _answer(send)
        else:
            await self._write(scope, send)

    async def _read(self, receive: Receive, send: Send) -> None:
        size, more = 0, True
        await self.may_read.wait()
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.got.append(None)
                return
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        self.got.append(size)
        await _answer(send)

    async def _write(self, scope: Scope, send: Send) -> None:
        pieces = 1 if scope["path"] == "/whole" else PIECES
        size = str(PIECES * len(PIECE)).encode()
        headers = [(b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = PIECE * (PIECES // pieces)
        for left in reversed(range(pieces)):
            await send({"type": "http.response.body", "body": body, "more_body": left > 0})

    @asynccontextmanager
    async def running(self, **protocols: Any) -> AsyncIterator[None]:
        """Serve."""
        config = uvicorn.Config(
            self.app, port=0, interface="asgi3", lifespan="off", log_config=None, **protocols
        )
        self._server = server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        self.port = server.servers[0].sockets[0].getsockname()[1]
        yield
        await server.shutdown()

    def connections(self) -> list[Any]:
        """Return the protocols of those that there are."""
        return list(self._server.server_state.connections)

    def serves_nobody(self) -> bool:
        """Whether all connections have gone, and their tasks."""
        state = self._server.server_state
        return not state.connections and not state.tasks


async def _answer(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(params=["fast", "plain"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A running one."""
    server = Server()
    async with server.running(**_protocols(request.param)):
        yield server


@asynccontextmanager
async def _connected(
    server: Server,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client, whose kernel takes little before it reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=8_192)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _refused(kind: str) -> float:
    return REGISTRY.get_sample_value("mooring_refusals_total", {"kind": kind}) or 0.0


@pytest.mark.parametrize("path", ["/pieces", "/whole"])
@pytest.mark.parametrize("more", ["", "Connection: close\r\n"], ids=["kept", "closing"])
async def test_a_response_that_nobody_reads_is_dropped(
    server: Server, path: str, more: str
) -> None:
    before = _refused("unread-response")
    async with _connected(server) as (_, writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode())
        await eventually(lambda: not server.serves_nobody())
        await eventually(server.serves_nobody, within=20.0)
    assert _refused("unread-response") == before + 1


async def test_pipelined_requests_whose_responses_nobody_reads_are_dropped(server: Server) -> None:
    async with _connected(server) as (_, writer):
        writer.write(b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        await eventually(lambda: not server.serves_nobody())
        await eventually(server.serves_nobody, within=20.0)


async def test_thousands_of_pipelined_requests_are_served_one_by_one(server: Server) -> None:
    """With bodies, and whatever pieces they come in."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    bodies = [b"", b"ab", b"\r\n\r\n" * 900, b"x" * 3_000] * 250
    sent = b"".join(head % len(body) + body for body in bodies)
    async with _connected(server) as (reader, writer):
        for start in range(0, len(sent), 100_001):
            writer.write(sent[start : start + 100_001])
        for _ in bodies:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    assert server.got == [len(body) for body in bodies]


async def test_an_address_has_so_many_pipelined_requests_waiting_and_no_more(
    server: Server,
) -> None:
    before = _refused("too-many-pipelined-requests")
    requests = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" * 4_000
    server.may_read.clear()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(_connected(server)) for _ in range(80)]
        for _, writer in clients:
            writer.write(requests)
        await eventually(lambda: _refused("too-many-pipelined-requests") > before)
        assert 0 < held() <= PIPELINED_BYTES
        server.may_read.set()
        closed = [await _is_closed_after_an_answer(reader) for reader, _ in clients]
        assert 0 < closed.count(True) < 80
        assert closed.count(True) == _refused("too-many-pipelined-requests") - before
    await eventually(server.serves_nobody)
    assert held() == 0


async def _is_closed_after_an_answer(reader: asyncio.StreamReader) -> bool:
    """Whether the end comes behind the first answer, and not another one."""
    with suppress(ConnectionResetError):  # there were requests that had not been received
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        return await reader.read(1) == b""
    return True


def held() -> int:
    """Bytes of requests that wait, of all addresses."""
    return sum(_pipelined._used.values())


@pytest.mark.slow  # it waits for seconds
async def test_a_slow_reader_gets_all_of_its_response(server: Server) -> None:
    async with _connected(server) as (reader, writer):
        writer.write(b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        left = PIECES * len(PIECE)
        for _ in range(40):  # for four times as long as it may stand still
            left -= len(await reader.readexactly(65_536))
            await asyncio.sleep(STALL / 10)
        assert len(await reader.readexactly(left)) == left


async def test_a_body_that_does_not_come_is_refused(server: Server) -> None:
    before = _refused("slow-body")
    async with _connected(server) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf of it")
        for _ in range(3):  # a byte now and then is not enough
            await asyncio.sleep(STALL / 4)
            writer.write(b"x")
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"type":"slow-body"' in answer
    await eventually(lambda: server.got == [None])
    assert _refused("slow-body") == before + 1


@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
async def test_a_head_that_does_not_come_is_refused(server: Server, before: int) -> None:
    async with _connected(server) as (reader, writer):
        for _ in range(before):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HT")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        await eventually(server.serves_nobody)


async def test_a_body_that_is_not_needed_is_not_waited_for(server: Server) -> None:
    """Nor is a client that goes on with it, byte by byte, after it was answered."""
    async with _connected(server) as (reader, writer):
        writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf of it")
        await reader.readuntil(b"\r\n\r\n")
        closed = asyncio.ensure_future(reader.read())
        for _ in range(100):
            await asyncio.sleep(STALL / 4)
            if closed.done():
                break
            writer.write(b"x")
        assert await closed == b""


async def test_an_answered_client_that_has_sent_its_body_stays_connected(server: Server) -> None:
    before = _refused("slow-body")
    async with _connected(server) as (reader, writer):
        for _ in range(3):
            writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"cd")
        assert await reader.read() == b""  # when it was idle for long enough
    assert _refused("slow-body") == before


async def test_a_connection_without_a_request_is_closed(server: Server) -> None:
    async with _connected(server) as (reader, _):
        assert await reader.read() == b""


@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("lines", [b"\r\n", b"\n", b"\r\n" * 1000], ids=["one", "bare", "many"])
async def test_a_connection_with_empty_lines_in_place_of_a_request_is_closed(
    server: Server, lines: bytes, before: int
) -> None:
    async with _connected(server) as (reader, writer), asyncio.timeout(PATIENCE):
        for _ in range(before):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        writer.write(lines)
        assert await reader.read() == b""


@pytest.mark.parametrize("kind", ["fast", "plain"])
async def test_a_flood_of_empty_lines_takes_no_time_of_others(kind: str) -> None:
    """Before a request and between two, which are served."""
    server = Server()
    asked = b"\r\n" * 2_000_000 + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    async with (
        server.running(**_protocols(kind, keep_alive=PATIENCE)),
        _connected(server) as (reader, writer),
    ):
        began = time.process_time()
        writer.write(2 * asked)
        for _ in range(2):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        assert time.process_time() - began < 0.4  # a tenth of it, or else two seconds


async def test_a_slow_body_that_comes_is_read(server: Server) -> None:
    async with _connected(server) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BODY)
        for _ in range(20):
            writer.write(b"x" * (BODY // 20))
            await asyncio.sleep(STALL / 10)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    assert server.got == [BODY]


@pytest.mark.slow  # it waits for seconds
async def test_a_client_is_not_refused_for_an_app_that_reads_late(server: Server) -> None:
    server.may_read.clear()
    async with _connected(server) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BODY)
        writer.write(b"x" * BODY)
        await asyncio.sleep(3 * STALL)
        server.may_read.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")


@pytest.mark.slow  # it waits for seconds
async def test_bodies_on_one_connection_are_awaited_one_by_one(server: Server) -> None:
    async with _connected(server) as (reader, writer):
        for _ in range(6):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            await asyncio.sleep(STALL / 2)
            writer.write(b"cd")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    assert server.got == [4] * 6


async def test_a_websocket_that_does_not_read_is_dropped(server: Server) -> None:
    before = _refused("slow-client")
    async with _connected(server) as (reader, writer):
        writer.write(_HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        await eventually(server.serves_nobody, within=20.0)
    assert _refused("slow-client") == before + 1


async def test_a_connection_that_becomes_a_websocket_needs_no_garbage_collector() -> None:
    server = Server()
    gc.disable()
    try:
        async with server.running(**_protocols("fast")), _connected(server) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhal")
            await eventually(lambda: [each for each in server.connections() if each._request_timer])
            connection = weakref.ref(server.connections()[0])
            writer.write(b"f")
            assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
            writer.write(_HANDSHAKE)
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            await eventually(lambda: connection() is None)
    finally:
        gc.enable()
