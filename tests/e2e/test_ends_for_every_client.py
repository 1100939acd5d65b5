"""How sockets of ended sessions are closed, also for clients that read the end in their own way."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from queue import Empty, Queue
from typing import Any

import httpx
import pytest
import socketio

from tests.support.http import cookie_header, http_client
from tests.support.raw import raw_polling, raw_websocket
from tests.support.raw_frames import raw_frames
from tests.support.service import Service, service
from tests.support.stores import StoreSettings

GOING_AWAY, NORMAL = 1001, 1000
CLOSE = "1"
LONELY_SECONDS = 2.0


@pytest.fixture
def store_name() -> str:
    """One store: how transports are closed has nothing to do with it."""
    return "memory"


async def _ended(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path)
    assert answer.status_code == 204


@asynccontextmanager
async def _visitor(node: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(node.url) as client:
        await client.post("/incr")
        yield client


@pytest.mark.parametrize(
    ("path", "code"),
    [("/logout", NORMAL), ("/session/rotate", GOING_AWAY)],
    ids=["final", "not final"],
)
async def test_the_close_code_says_whether_the_client_may_come_back(
    node: Service, path: str, code: int
) -> None:
    async with (
        _visitor(node) as client,
        raw_websocket(node.url, cookie=cookie_header(client)) as socket,
    ):
        await socket.join()
        await _ended(client, path)
        await socket.frames_until_closed(within=1.0)
        assert socket.close_code == code


async def test_an_expired_session_and_a_shutdown_close_with_1001(any_store: StoreSettings) -> None:
    with service(session_idle_timeout=1, **any_store) as node:
        async with raw_websocket(node.url) as socket:
            await socket.join()
            await socket.frames_until_closed()
            assert socket.close_code == GOING_AWAY
        async with raw_websocket(node.url) as socket:
            await socket.join()
            node.terminate()
            await socket.frames_until_closed()
            assert socket.close_code == GOING_AWAY


@pytest.mark.parametrize("path", ["/logout", "/session/rotate"])
async def test_the_connection_of_a_client_that_answers_no_close_is_closed(
    node: Service, path: str
) -> None:
    async with _visitor(node) as client:
        more = f"Cookie: {cookie_header(client)}\r\n"
        async with raw_frames(node.port, more=more) as socket:
            await socket.join()
            await _ended(client, path)
            ended = time.monotonic()
            async with asyncio.timeout(LONELY_SECONDS * 2):
                received = await socket.until_closed()
            assert b"session ended" in received
            assert time.monotonic() - ended < LONELY_SECONDS


async def test_a_polling_client_is_told_in_the_way_that_brings_all_of_them_back(
    node: Service,
) -> None:
    """python-socketio's client takes a CLOSE for final, and reads no payload of more than 16 packets."""
    async with raw_polling(node.url) as polling:
        await polling.join()
        await _ended(polling.client, "/session/rotate")
        assert (await polling.poll()).text == '42["session ended",{"reason":"rotated"}]'
        first, *others = (await polling.poll()).text.split("\x1e")
        assert first == CLOSE
        assert others == ["6"] * 16
        assert (await polling.poll()).status_code == 400


class PythonClient:
    """python-socketio's client, and what it reports."""

    def __init__(self, client: socketio.Client) -> None:
        self._client = client
        self._reports: Queue[tuple[str, Any]] = Queue()
        client.on("connect", lambda: self._reports.put(("connect", None)))
        client.on("disconnect", lambda reason: self._reports.put(("disconnect", reason)))
        client.on("session ended", lambda why: self._reports.put(("session ended", why["reason"])))

    async def next(self) -> tuple[str, Any]:
        """Return what it reports next."""
        return await asyncio.to_thread(self._reports.get, True, 10.0)

    async def is_quiet(self) -> bool:
        """Return True if it reports nothing for a second."""
        try:
            await asyncio.to_thread(self._reports.get, True, 1.0)
        except Empty:
            return True
        return False

    async def emit(self, event: str) -> Any:
        """Emit, and return the ack."""
        return await asyncio.to_thread(self._client.call, event)


@contextmanager
def _python_client(node: Service) -> Iterator[PythonClient]:
    client = socketio.Client(
        reconnection_delay=0.05, reconnection_delay_max=0.2, handle_sigint=False
    )
    try:
        python = PythonClient(client)
        client.connect(node.url, transports=["polling"])
        yield python
    finally:
        client.shutdown()


async def test_the_python_client_comes_back_on_polling_after_its_session_has_expired(
    any_store: StoreSettings,
) -> None:
    with service(session_idle_timeout=2, **any_store) as node, _python_client(node) as client:
        assert await client.next() == ("connect", None)
        assert await client.emit("incr") == 1
        assert await client.next() == ("session ended", "expired")
        assert (await client.next())[0] == "disconnect"
        assert await client.next() == ("connect", None)
        assert await client.emit("incr") == 1
