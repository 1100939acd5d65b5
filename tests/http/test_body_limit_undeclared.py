"""MAX_BODY_BYTES for bodies that do not say how long they are."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI
from starlette.types import Message

from app import Mooring
from tests.mooring.test_attach import client_of, settings
from tests.support.http import problem

_JSON = {"content-type": "application/json"}


def limited() -> FastAPI:
    """An app with a route that reads JSON, and a limit of 100 bytes."""
    app = FastAPI()
    Mooring(app, settings(max_body_bytes=100))

    @app.post("/echo")
    async def echo(value: Annotated[Any, Body()]) -> Any:
        return value

    return app


@pytest.mark.parametrize("count", [1, 3])
async def test_a_chunked_body_is_refused_while_fastapi_reads_it(count: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'"'
        for _ in range(count):
            yield b"x" * 60
        yield b'"'

    async with client_of(limited()) as client:
        answer = await client.post("/echo", content=chunks(), headers=_JSON)

    if count == 1:
        assert (answer.status_code, answer.json()) == (200, "x" * 60)
    else:
        assert problem(answer) == (413, "body-too-large")
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(("length", "status"), [(60, 200), (120, 413)])
async def test_in_http_2_a_body_needs_no_header_to_be_one(length: int, status: int) -> None:
    """And no connection of it is closed: the header is not even allowed (RFC 9113, 8.2.2)."""
    sent: list[Message] = []
    left = [{"type": "http.request", "body": b'"' + b"x" * length + b'"', "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "2",
        "method": "POST",
        "scheme": "https",
        "path": "/echo",
        "raw_path": b"/echo",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"content-type", b"application/json")],
        "client": ("192.0.2.1", 1),
        "server": ("test", 443),
    }
    await limited()(scope, receive, send)

    assert sent[0]["status"] == status
    assert b"connection" not in dict(sent[0]["headers"])
