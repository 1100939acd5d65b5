"""A client that closes its side of the connection and reads on is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.server.server import _fast_protocols, _plain_protocols
from tests.support.eventually import PATIENCE, eventually

HEAD = b"Host: a\r\n"


class App:
    """An app that answers by path, and says what it received."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.go_on = asyncio.Event()
        self.port = 0
        self.server: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.received.append("amid the body")
                return
            body, more = body + message["body"], message["more_body"]
        if scope["path"] == "/slow":
            await self.go_on.wait()
        if scope["path"] in ("/poll", "/poll-answered"):
            self.received.append((await receive())["type"])
            self.received.append((await receive())["type"])
        if scope["path"] != "/poll":
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def serves_nobody(self) -> bool:
        """Whether all connections have gone, and their tasks."""
        state = self.server.server_state
        return not state.connections and not state.tasks


@pytest.fixture(params=["fast", "plain"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """One that is served."""
    app = App()
    protocols = _fast_protocols() if request.param == "fast" else _plain_protocols()
    config = uvicorn.Config(
        app, port=0, interface="asgi3", lifespan="off", log_config=None, **protocols
    )
    app.server = uvicorn.Server(config)
    config.load()
    app.server.lifespan = config.lifespan_class(config)
    await app.server.startup()
    app.port = app.server.servers[0].sockets[0].getsockname()[1]
    yield app
    await app.server.shutdown()


@asynccontextmanager
async def half_closed(app: App, sent: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A client that has sent all that it will."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    try:
        writer.write(sent)
        writer.write_eof()
        yield reader
    finally:
        writer.close()


def post(path: bytes, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (path, HEAD, len(body), body)


async def read_all(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), PATIENCE)


async def test_a_half_closed_connection_is_answered_and_closed(app: App) -> None:
    async with half_closed(app, post(b"/", b"body")) as reader:
        answer = await read_all(reader)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\nbody")
    await eventually(app.serves_nobody)


async def test_so_it_is_when_the_answer_takes_its_time(app: App) -> None:
    async with half_closed(app, post(b"/slow", b"body")) as reader:
        await eventually(lambda: not app.serves_nobody())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        app.go_on.set()
        assert (await read_all(reader)).endswith(b"\r\n\r\nbody")
    await eventually(app.serves_nobody)


async def test_all_of_its_requests_are_answered(app: App) -> None:
    bodies = [b"%d" % number * number for number in range(30)]
    async with half_closed(app, b"".join(post(b"/", body) for body in bodies)) as reader:
        answers = (await read_all(reader)).split(b"HTTP/1.1 200 ")[1:]
    assert [each.partition(b"\r\n\r\n")[2] for each in answers] == bodies
    await eventually(app.serves_nobody)


async def test_an_app_that_waits_for_the_end_is_notified_at_once_and_need_not_answer(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    async with half_closed(app, post(b"/poll", b"")) as reader:
        assert await read_all(reader) == b""
    assert app.received == ["http.disconnect", "http.disconnect"]
    await eventually(app.serves_nobody)
    assert not caplog.records


async def test_what_it_answers_all_the_same_is_sent(app: App) -> None:
    async with half_closed(app, post(b"/poll-answered", b"late")) as reader:
        assert (await read_all(reader)).endswith(b"\r\n\r\nlate")
    assert app.received == ["http.disconnect", "http.disconnect"]
    await eventually(app.serves_nobody)


async def test_a_request_that_has_not_come_whole_is_not_answered(app: App) -> None:
    async with half_closed(app, post(b"/", b"body")[:-1]) as reader:
        assert await read_all(reader) == b""
    await eventually(lambda: app.received == ["amid the body"])
    await eventually(app.serves_nobody)


@pytest.mark.parametrize("cut", [1, 3, 30])
async def test_what_came_whole_is_answered_before_a_request_that_did_not(
    app: App, cut: int
) -> None:
    whole, partly = post(b"/", b"whole"), post(b"/", b"not")
    async with half_closed(app, whole + partly[:-cut]) as reader:
        answer = await read_all(reader)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nwhole")
    await eventually(app.serves_nobody)


async def test_a_client_that_has_gone_leaves_nothing(app: App) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(post(b"/slow", b"body"))
    writer.close()
    await eventually(lambda: bool(app.server.server_state.tasks))
    app.go_on.set()
    await eventually(app.serves_nobody)
    assert await reader.read() == b""
