"""The server with an app that has no Mooring, with its own protocols and with uvicorn's."""

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.eventually import PATIENCE, eventually
from tests.support.service import Service, service

APP = "tests.support.plain_app:app"


@pytest.fixture(params=["on", "off"])
def fast_paths(request: pytest.FixtureRequest) -> str:
    """With fast paths and without."""
    mode: str = request.param
    return mode


@pytest.fixture
async def node(fast_paths: str) -> AsyncIterator[Service]:
    """A node that serves the app."""
    async with service(app=APP, fast_paths=fast_paths, traceback_ok=True) as node:
        yield node


def _socket_url(node: Service, path: str) -> str:
    return node.url.replace("http", "ws") + path


async def test_an_exception_is_answered_and_the_connection_stays_open(node: Service) -> None:
    async with httpx.AsyncClient(base_url=node.url, verify=False) as client:
        for _ in range(2):
            answer = await client.get("/break")
            assert answer.status_code == 500
        assert (await client.get("/healthz")).json() == "alive"
    assert node.log().count("LookupError: a handler that breaks on purpose") == 2


async def test_a_handshake_that_fails_is_answered_too(node: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(_socket_url(node, "/break")):
            pass
    assert refused.value.response.status_code == 500
    assert node.log().count("LookupError: a handshake that breaks on purpose") == 1


async def test_sockets_of_the_app_s_own_are_served_up_to_the_limit(fast_paths: str) -> None:
    async with (
        service(app=APP, fast_paths=fast_paths, max_packet_bytes=2_000) as node,
        connect(_socket_url(node, "/echo"), compression=None) as socket,
    ):
        for text in ("one", "x" * 2_000):
            await socket.send(text)
            assert await socket.recv() == text
        await socket.send("x" * 2_001)
        await asyncio.wait_for(socket.wait_closed(), timeout=10)
        assert socket.close_code == 1009


async def test_deflate_is_never_agreed_on(node: Service) -> None:
    async with connect(_socket_url(node, "/echo"), compression="deflate") as socket:
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_it_ends_on_a_signal_although_a_socket_is_open(
    sent: signal.Signals, node: Service
) -> None:
    async with connect(_socket_url(node, "/echo")) as socket:
        node.signal(sent)
        await eventually(lambda: not node.alive)
        await asyncio.wait_for(socket.wait_closed(), timeout=PATIENCE)
        assert socket.close_code == 1012
    assert node.stop() == 0


async def test_a_handshake_that_cannot_be_read_is_answered_and_keeps_nothing_from_ending(
    node: Service,
) -> None:
    headers = {"Cookie": "x" * 70_000, "Sec-WebSocket-Protocol": "chat"}
    with pytest.raises(InvalidStatus) as refused:
        async with connect(_socket_url(node, "/echo"), additional_headers=headers):
            pass
    assert refused.value.response.status_code == 431
    assert node.stop() == 0
    assert "AssertionError" not in node.log()


@pytest.mark.parametrize("asked", ["/where/me", "/api/where/me"], ids=["stripped", "not stripped"])
async def test_links_are_below_the_root_path(asked: str, fast_paths: str) -> None:
    async with service(app=APP, fast_paths=fast_paths, root_path="/api") as node:
        async with httpx.AsyncClient(base_url=node.url, verify=False) as client:
            seen = (await client.get(asked)).json()
            schema = (await client.get("/api/openapi.json")).json()
            page = (await client.get("/docs")).text
        async with connect(_socket_url(node, f"{asked.removesuffix('where/me')}echo")) as socket:
            await socket.send("through the proxy")
            assert await socket.recv() == "through the proxy"

    assert seen == {
        "name": "me",
        "url": f"{node.url}/api/where/me",
        "own": f"{node.url}/api/healthz",
    }
    assert schema["servers"] == [{"url": "/api"}]
    assert "'/api/openapi.json'" in page
