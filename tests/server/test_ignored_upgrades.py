"""A request for an upgrade that is not WebSocket's is served as if it asked for none (RFC 9110, 7.8)."""

import asyncio
import random
from itertools import pairwise

import pytest

from tests.support.service import service
from tests.support.stores import memory_settings

ASKS = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n"
)
REQUESTS = 40


def _request(chance: random.Random) -> tuple[bytes, bytes]:
    """A request, framed by its length or in chunks, and its body; JDK's client asks for HTTP/2 so."""
    body = chance.randbytes(chance.choice([0, 1, 2, 100, 3_000, 70_000]))
    asks = chance.choice([ASKS, ASKS.lower(), b""])
    if chance.random() < 0.5:
        framed = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    else:
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        framed = b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunk
    return b"POST /echo HTTP/1.1\r\nHost: here\r\n" + asks + framed, body


def _pieces(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.randrange(len(data)) for _ in range(chance.randrange(5)))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 "), head
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


@pytest.mark.parametrize("seed", range(3))
async def test_bodies_of_requests_that_would_rather_speak_http_2_arrive_whole(seed: int) -> None:
    chance = random.Random(seed)
    async with service(app="tests.support.plain_app:app", **memory_settings()) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        for _ in range(REQUESTS):
            requests = [_request(chance) for _ in range(chance.choice([1, 1, 1, 3]))]
            for piece in _pieces(b"".join(sent for sent, _ in requests), chance):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)  # so that most pieces arrive by themselves
            async with asyncio.timeout(20.0):
                for _, body in requests:
                    assert await _answer(reader) == body
        writer.close()
