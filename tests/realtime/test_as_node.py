"""What the Node server lets clients do, and what its refusals show them."""

import asyncio

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import PATIENCE
from tests.support.http import http_client
from tests.support.raw_frames import raw_frames
from tests.support.service import Service


@pytest.fixture
def store_name() -> str:
    """One store: the protocol has nothing to do with it."""
    return "memory"


async def test_a_client_may_ask_for_subprotocols(js: JsClients, node: Service) -> None:
    for transport in Transport:
        socket = await js.connect(node.url, transport, options={"protocols": ["x", "y"]})
        assert await socket.emit("incr") == 1


async def test_the_first_subprotocol_is_accepted(node: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: here\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: x, y\r\n\r\n"
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    writer.close()
    assert head.startswith(b"http/1.1 101 ")
    assert b"\r\nsec-websocket-protocol: x\r\n" in head


async def test_a_client_that_asks_for_none_gets_none(node: Service) -> None:
    async with raw_frames(node.port):
        pass
    async with http_client(node.url) as client:
        assert "sec-websocket-protocol" not in (await client.get("/session")).headers


async def test_a_namespace_that_is_not_there_is_named_as_the_reason(
    js: JsClients, node: Service, transport: Transport
) -> None:
    browser = await js.browser(node.url)
    socket = await browser.connect(transport, url=f"{node.url}/other", wait=False)
    refused = await socket.wait_for("connect_error")
    assert refused.args[0] == "Invalid namespace"
    assert not socket.active


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/session", b""),
        ("POST", "/incr", b""),
        ("POST", "/incr", b"{}"),
        ("GET", "/socket.io/?EIO=4&transport=polling", b""),
        ("GET", "/socket.io/socket.io.js", b""),
    ],
)
async def test_an_upgrade_to_something_else_is_ignored(
    node: Service, method: str, path: str, body: bytes
) -> None:
    """JDK's client asks for HTTP/2 with its first request, and goes on without."""
    asks = (
        f"{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    for _ in range(3):
        writer.write(asks.encode() + body)
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            lengths = [
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            await reader.readexactly(lengths[0])
    writer.close()
