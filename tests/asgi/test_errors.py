"""Requests that are refused for no fault of their session, and what clients get for it."""

import httpx
import pytest
from fastapi import FastAPI

from app.asgi.errors import RequestRefusedError, ServiceUnavailableError
from app.asgi.rate_limit import RateLimitExceededError
from app.http.exception_handlers import install_session_handler
from app.realtime.bus.base import BusUnavailableError
from app.realtime.errors import session_error_ack
from app.sessions import SessionError, StoreUnavailableError

ANSWERS: dict[str, tuple[Exception, int, str, str]] = {
    "store": (StoreUnavailableError("down", retry_after=1.2), 503, "store-unavailable", "2"),
    "draining": (ServiceUnavailableError("stopping"), 503, "store-unavailable", "1"),
    "bus": (BusUnavailableError("down", retry_after=2.5), 503, "store-unavailable", "3"),
    "rate limit": (RateLimitExceededError(0.5), 429, "too-many-requests", "1"),
}


@pytest.mark.parametrize(("error", "status", "kind", "retry_after"), ANSWERS.values(), ids=ANSWERS)
async def test_a_route_that_raises_it_answers_with_its_problem_document(
    error: Exception, status: int, kind: str, retry_after: str
) -> None:
    app = FastAPI()
    install_session_handler(app)

    @app.get("/")
    async def route() -> None:
        raise error

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        response = await client.get("/")
    assert (response.status_code, response.json()["type"]) == (status, kind)
    assert response.headers["retry-after"] == retry_after


def test_none_of_them_is_an_error_of_a_session_or_a_store() -> None:
    for error, *_ in list(ANSWERS.values())[1:]:
        assert isinstance(error, RequestRefusedError)
        assert not isinstance(error, SessionError)


@pytest.mark.parametrize("name", ["store", "draining", "bus"])
def test_an_event_that_raises_it_is_acked_with_the_same_type(name: str) -> None:
    error, _status, kind, _ = ANSWERS[name]
    assert isinstance(error, SessionError | RequestRefusedError)
    ack = session_error_ack(error)
    assert ack is not None
    assert ack["error"]["type"] == kind
