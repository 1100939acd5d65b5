"""An idle connection is closed in time, and one that is in use is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.server.http_protocol import http_protocol

KEEP_ALIVE = 0.3
LATE = 2.0
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Server:
    """uvicorn with an app that responds when it is allowed to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.port = 0

    async def app(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer 204."""
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve."""
        config = uvicorn.Config(
            self.app,
            port=0,
            http=http_protocol(keep_alive_seconds=KEEP_ALIVE),
            interface="asgi3",
            lifespan="off",
            log_config=None,
        )
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        self.port = server.servers[0].sockets[0].getsockname()[1]
        yield
        await server.shutdown()


class Client:
    """One connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def ask(self, times: int = 1) -> None:
        """Send requests."""
        self._writer.write(times * REQUEST)

    async def is_answered(self, times: int = 1) -> None:
        """Wait for the answers; raises IncompleteReadError if the connection is closed first."""
        for _ in range(times):
            head = await self._reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 204 ")

    async def is_closed(self) -> float:
        """Wait for the end; seconds that it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await self._reader.read() == b""
        return loop.time() - began

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A running one."""
    server = Server()
    async with server.running(), asyncio.timeout(20.0):
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """A connected one."""
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    yield client
    client.close()


async def test_an_idle_connection_is_closed(client: Client) -> None:
    client.ask()
    await client.is_answered()
    assert KEEP_ALIVE / 2 < await client.is_closed() < 2 * KEEP_ALIVE + LATE


async def test_requests_from_time_to_time_keep_it_open(client: Client) -> None:
    for _ in range(8):
        client.ask()
        await client.is_answered()
        await asyncio.sleep(KEEP_ALIVE / 2)
    await client.is_closed()


async def test_a_slow_response_keeps_it_open(server: Server, client: Client) -> None:
    client.ask()
    await client.is_answered()
    server.may_answer.clear()
    client.ask()
    await asyncio.sleep(3 * KEEP_ALIVE)
    server.may_answer.set()
    await client.is_answered()
    await client.is_closed()


async def test_pipelined_requests_are_all_answered(client: Client) -> None:
    client.ask(5)
    await client.is_answered(5)
    await client.is_closed()


async def test_a_connection_that_the_client_closed_disturbs_nobody(
    server: Server, client: Client
) -> None:
    client.ask()
    await client.is_answered()
    client.close()
    await asyncio.sleep(2 * KEEP_ALIVE)
    another = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    another.ask()
    await another.is_answered()
    await another.is_closed()
    another.close()
