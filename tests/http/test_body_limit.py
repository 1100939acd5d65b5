"""The limit of a request's body, where its length is not declared."""

from collections.abc import Iterable

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from app import Mooring, Settings
from tests.support.asgi import Exchange, exchange, http_scope

LIMIT = 100
JSON = ("content-type", "application/json")
CHUNKED = ("transfer-encoding", "chunked")


class Note(BaseModel):
    """A body."""

    text: str


@pytest.fixture(params=[False, True], ids=["plain", "problems"])
def app(request: pytest.FixtureRequest) -> FastAPI:
    """An app that reads bodies in each way that FastAPI has, with its own errors or with ours."""
    app = FastAPI()
    mooring = Mooring(app, Settings(session_store="memory", max_body_bytes=LIMIT))
    if request.param:
        mooring.install_problem_handlers()

    @app.post("/model")
    async def model(note: Note) -> int:
        return len(note.text)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.post("/stream")
    async def stream(request: Request) -> int:
        return sum([len(each) async for each in request.stream()])

    @app.post("/careless")
    async def careless(request: Request) -> str:
        try:
            await request.body()
        except Exception:  # noqa: BLE001 - as people write it
            return "never mind"
        return "read"

    return app


async def post(
    app: FastAPI, path: str, size: int, headers: Iterable[tuple[str, str]], version: str = "1.1"
) -> Exchange:
    """Send a JSON document of a size, in pieces."""
    body = b'{"text":"' + b"x" * (size - 11) + b'"}'
    pieces: list[Message] = [
        {"type": "http.request", "body": body[at : at + 10], "more_body": at + 10 < len(body)}
        for at in range(0, len(body), 10)
    ]
    scope = {**http_scope("POST", path, [JSON, *headers]), "http_version": version}
    return await exchange(app, scope, pieces)


@pytest.mark.parametrize("path", ["/model", "/raw", "/stream", "/careless"])
@pytest.mark.parametrize(("version", "headers"), [("1.1", [CHUNKED]), ("2", []), ("3", [])])
async def test_a_body_without_a_length_is_refused_when_it_gets_too_long(
    app: FastAPI, path: str, version: str, headers: list[tuple[str, str]]
) -> None:
    assert (await post(app, path, LIMIT, headers, version)).status == 200
    refused = await post(app, path, LIMIT + 30, headers, version)
    assert refused.status == 413
    assert refused.values("content-type") == ["application/problem+json"]
    assert b"body-too-large" in refused.body
    assert refused.error is None


@pytest.mark.parametrize("version", ["1.1", "2"])
async def test_a_declared_length_is_refused_before_anything_is_read(
    app: FastAPI, version: str
) -> None:
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        length = ("content-length", str(size))
        assert (await post(app, "/model", size, [length], version)).status == status


async def test_a_response_that_has_started_is_not_replaced(app: FastAPI) -> None:
    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await Request(scope, receive).body()

    app.mount("/early", early)
    answer = await post(app, "/early/x", LIMIT + 1, [CHUNKED])
    assert [each["type"] for each in answer.messages] == ["http.response.start"]
    assert answer.status == 200
    assert answer.error is not None
