"""Engine.IO's answers to HTTP: those of python-engineio, but for what it gets wrong."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import engineio
import httpx
import orjson
import pytest
from engineio import packet, payload
from starlette.types import Message, Receive, Scope, Send

from app.realtime.engineio.asgi import EngineApp
from app.realtime.engineio.payload import MAX_PAYLOAD_PACKETS
from app.realtime.engineio.query import parse_query
from app.realtime.engineio.requests import BadRequestError, check
from app.realtime.engineio.server import EngineServer
from tests.support.http import problem

LIMIT = 5_000
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
TARGETS = [
    "/socket.io/",
    "/socket.io/?EIO=3&transport=polling",
    "/socket.io/?EIO=4&EIO=3&transport=polling",
    "/socket.io/?EIO=4&transport=carrier-pigeon",
    "/socket.io/?EIO=4&transport=websocket",
    "/socket.io/?transport=polling&sid=made-up",
    "/socket.io/?EIO=4&transport=websocket&sid=made-up",
    "/socket.io/?EIO=4&transport=polling&sid=%00%C3%A9%22",
    "/socket.io/?EIO=4&transport=polling&sid=made-up&sid=another",
]
METHODS = ["GET", "POST", "OPTIONS", "PUT", "DELETE"]
LARGE = "x" * 2_000
DECODE: dict[str | None, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    None: bytes,
}


@dataclass
class Engine:
    """A server that sends back each message, and a client of it."""

    http: httpx.AsyncClient
    server: Any

    async def open(self) -> str:
        """Open a socket; return its address."""
        answer = await self.http.get(HANDSHAKE)
        assert answer.status_code == 200
        return f"{HANDSHAKE}&sid={orjson.loads(answer.text[1:])['sid']}"


def _ours() -> tuple[EngineServer, Any]:
    server = EngineServer(max_packet_bytes=LIMIT)
    app = EngineApp(server)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_query(scope["query_string"])
        try:
            check(query, scope)
        except BadRequestError as error:
            await error.problem.respond(scope, send)
        else:
            await app(query, scope, receive, send)

    async def send_back(sid: str, data: str | bytes) -> None:
        server.sockets[sid].send_nowait(packet.Packet(packet.MESSAGE, data))

    async def nothing(*_arguments: object) -> None:
        return

    for event, handler in (("connect", nothing), ("message", send_back), ("disconnect", nothing)):
        server.on(event, handler)
    return server, asgi


def _librarys() -> tuple[Any, Any]:
    server = engineio.AsyncServer(
        async_mode="asgi",
        cors_allowed_origins=[],
        max_http_buffer_size=LIMIT,
        async_handlers=False,
        monitor_clients=False,
    )
    server.on("message", server.send)
    return server, engineio.ASGIApp(server, engineio_path="socket.io")


def _client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    # Compression is a test of its own.
    headers = {"accept-encoding": "identity"}
    return httpx.AsyncClient(transport=transport, base_url="http://engine.test", headers=headers)


@pytest.fixture
async def ours() -> AsyncIterator[Engine]:
    """Ours."""
    server, app = _ours()
    async with _client(app) as http:
        yield Engine(http, server)


@pytest.fixture
async def librarys() -> AsyncIterator[Engine]:
    """python-engineio's."""
    server, app = _librarys()
    async with _client(app) as http:
        yield Engine(http, server)


async def test_what_opens_nothing_is_refused_with_a_problem(ours: Engine) -> None:
    for method, target in itertools.product(METHODS, TARGETS):
        content = "4message" if method == "POST" else None
        answer = await ours.http.request(method, target, content=content)
        assert problem(answer)[0] == 400, (method, target)
    assert ours.server.sockets == {}


async def test_a_conversation_is_answered_as_by_the_library(ours: Engine, librarys: Engine) -> None:
    transcripts = [await _converse(each) for each in (ours, librarys)]
    assert transcripts[0] == transcripts[1]


async def _converse(engine: Engine) -> list[Any]:
    address = await engine.open()
    transcript: list[Any] = []
    for body in (
        b"4one\x1e4two",
        "4é\x1ebAAE=".encode(),
        b'4{"a":[1]}',
        b"3",
        b"",
        b"4" + b"x" * (LIMIT - 1),
    ):
        posted = await engine.http.post(address, content=body)
        transcript.append((posted.status_code, posted.text.lower()))
        if body not in (b"3", b""):
            transcript.append(_essence(await engine.http.get(address)))
    return transcript


def _essence(answer: httpx.Response) -> tuple[int, str, bytes]:
    return answer.status_code, answer.headers["content-type"], answer.content


async def test_the_handshake_says_what_the_library_says(ours: Engine, librarys: Engine) -> None:
    opened = [
        orjson.loads((await each.http.get(HANDSHAKE)).content[1:]) for each in (ours, librarys)
    ]
    ids = [each.pop("sid") for each in opened]
    assert opened[0] == opened[1]
    assert len(ids[0]) == 22


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("deflate;q=0.5,gzip", "deflate"),
        ("gzip;q=0, Deflate ; q=0.1", "deflate"),
        ("gzip; q=0.000", None),
        ("br", None),
        ("identity", None),
    ],
)
async def test_large_answers_are_compressed_as_the_client_prefers(
    ours: Engine, accepted: str, encoding: str | None
) -> None:
    address = await ours.open()
    for message, expected in ((LARGE, encoding), ("short", None)):
        await ours.http.post(address, content=f"4{message}")
        request = ours.http.stream("GET", address, headers={"accept-encoding": accepted})
        async with request as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == expected
        assert int(answer.headers["content-length"]) == len(raw)
        assert DECODE[expected](raw) == f"4{message}".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"4" + b"x" * LIMIT,
        b"\xff",
        b"4\x1e",
        b"\x1e".join([b"3"] * (MAX_PAYLOAD_PACKETS + 1)),
        b"d=4form",
        b"2",
    ],
    ids=["too large", "no text", "an empty packet", "too many", "a form", "a ping"],
)
async def test_a_post_that_is_wrong_closes_its_socket(ours: Engine, body: bytes) -> None:
    address = await ours.open()
    answer = await ours.http.post(address, content=body)
    assert problem(answer) == (400, "bad-payload")
    assert ours.server.sockets == {}


async def test_many_packets_come_in_one_post(ours: Engine) -> None:
    address = await ours.open()
    number = LIMIT // 3
    assert (await ours.http.post(address, content="\x1e".join(["4x"] * number))).text == "ok"
    assert (await ours.http.get(address)).text == "\x1e".join(["4x"] * number)


async def test_a_post_that_is_cut_short_is_not_handled() -> None:
    server, app = _ours()
    async with _client(app) as http:
        address = await Engine(http, server).open()
    query = address.partition("?")[2].encode()
    messages: list[Message] = [
        {"type": "http.request", "body": b"4one\x1e4two", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    [socket] = server.sockets.values()
    scope = {"type": "http", "method": "POST", "query_string": query, "headers": []}
    await app(scope, receive, send)

    assert sent[0]["status"] == 400
    assert server.sockets == {}
    assert [each.encode() for each in await socket.poll(receive)] == ["1"]


async def test_a_post_whose_body_does_not_come_is_closed_after_a_time() -> None:
    server, app = _ours()
    async with _client(app) as http:
        address = await Engine(http, server).open()
    [socket] = server.sockets.values()
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    query = parse_query(address.partition("?")[2].encode())
    scope = {"type": "http", "method": "POST", "headers": []}
    await EngineApp(server, body_seconds=0.01)(query, scope, receive, send)

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert socket.closing
    assert server.sockets == {}


async def test_the_library_is_as_it_was_before() -> None:
    """Importing and using our server leaves python-engineio's classes alone."""
    _ours()
    assert payload.Payload.max_decode_packets == 16
