"""WebSocket handshakes of every form: what HTTP allows is served, what it does not is refused."""

import asyncio
import json

import pytest

from tests.support.eventually import PATIENCE
from tests.support.http import PROBLEM
from tests.support.service import Service

PLAIN = {
    "Host": "here",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # the RFC's
    "Sec-WebSocket-Version": "13",
}
OPEN_PACKET = b'0{"sid":'


@pytest.fixture
def store_name() -> str:
    """One store: handshakes have nothing to do with it."""
    return "memory"


async def ask(
    node: Service,
    changed: dict[str, str | None] | None = None,
    *,
    path: str = "/socket.io/?EIO=4&transport=websocket",
    version: str = "1.1",
    until: bytes = OPEN_PACKET,
    rest: bytes = b"",
) -> bytes:
    """Send a handshake, and give what is answered up to some bytes, or to the end."""
    headers = {
        name: value for name, value in (PLAIN | (changed or {})).items() if value is not None
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        writer.write(f"GET {path} HTTP/{version}\r\n{lines}\r\n".encode("latin-1") + rest)
        async with asyncio.timeout(PATIENCE):
            answer = b""
            while until not in answer and (more := await reader.read(65_536)):
                answer += more
            return answer
    finally:
        writer.close()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "Upgrade, keep-alive"},
        {"Upgrade": "WebSocket"},
        {"Sec-WebSocket-Protocol": "chat"},
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
        {"Content-Length": "0"},
        {"X-Odd": "caf\xe9"},
        {"Cookie": "x" * 9_000},
        {f"X-{number}": "1" for number in range(130)},
    ],
    ids=lambda changed: ", ".join(list(changed)[:1]) or "plain",
)
async def test_a_handshake_that_is_right_is_served(
    node: Service, changed: dict[str, str | None]
) -> None:
    answer = await ask(node, changed)
    head, _, frames = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 101 ")
    assert b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in lines
    for once in (b"upgrade: websocket", b"connection: upgrade"):
        assert lines.count(once) == 1
    assert not any(line.startswith(b"sec-websocket-extensions") for line in lines)
    assert len([line for line in lines if line.startswith(b"set-cookie: session=")]) == 1
    assert OPEN_PACKET in frames


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, 400),
        ({"Sec-WebSocket-Version": None}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Key": None, "Sec-WebSocket-Version": None}, 400),
        ({"Sec-WebSocket-Protocol": "chat", "Cookie": "x" * 70_000}, 431),
    ],
    ids=lambda each: ", ".join(each) if isinstance(each, dict) else "",
)
async def test_a_handshake_that_is_wrong_is_refused_with_a_problem(
    node: Service, changed: dict[str, str | None], status: int
) -> None:
    answer = await ask(node, changed)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert f"content-type: {PROBLEM}".encode() in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("bad-handshake", status)
    # RFC 6455, 4.4: a client of another version learns which one is spoken here.
    assert (b"sec-websocket-version: 13" in head.lower()) == (status != 431)


async def test_an_encoded_path_is_what_it_says(node: Service) -> None:
    answer = await ask(node, path="/%73ocket.io/?EIO=4&transport=websocket")
    assert OPEN_PACKET in answer


async def test_a_handshake_for_nothing_is_not_found(node: Service) -> None:
    answer = await ask(node, path="/nothing")
    assert not answer.startswith(b"HTTP/1.1 101 ")
