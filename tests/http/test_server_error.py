"""An error that nobody expected: an answer, a line in the log, and no more."""

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.middleware.server_error import ServerErrorMiddleware
from tests.support.http import problem


def _client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(ServerErrorMiddleware(app)), base_url="http://test"
    )


async def _break(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise LookupError("a secret detail")


async def _break_in_the_middle(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    raise LookupError("a secret detail")


async def test_it_is_answered_by_a_problem_that_tells_nothing_and_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with _client(_break) as client:
        answer = await client.get("/here?token=secret")

    assert problem(answer) == (500, "internal-error")
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert record.getMessage() == "GET /here failed"
    assert record.exc_info is not None


async def test_a_response_that_has_begun_is_left_unfinished_for_the_server_to_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[str] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message["type"])

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    await ServerErrorMiddleware(_break_in_the_middle)(
        {"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send
    )

    assert sent == ["http.response.start", "http.response.body"]
    assert len(caplog.records) == 1


async def test_a_websocket_breaks_as_before() -> None:
    async def nothing(*_: object) -> None:
        return

    with pytest.raises(LookupError):
        await ServerErrorMiddleware(_break)({"type": "websocket"}, nothing, nothing)  # type: ignore[arg-type] # nothing is received or sent
