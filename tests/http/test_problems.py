"""Every error is a problem document (RFC 9457) with a stable type."""

import httpx
import pytest

from tests.conftest import EXTENDED_APP
from tests.support.http import PROBLEM, http_client, problem, set_cookies
from tests.support.service import Service, service
from tests.support.stores import StoreSettings


def _is_complete(answer: httpx.Response) -> bool:
    body = answer.json()
    return {"type", "title", "status", "detail"} <= body.keys() and answer.headers[
        "cache-control"
    ] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/no/such/path", (404, "not-found")),
        ("GET", "/socket.io/no-such.js", (404, "not-found")),
        ("GET", "/pages/..%2f..%2fsettings.py", (404, "not-found")),
        ("GET", "/incr", (405, "method-not-allowed")),
        ("DELETE", "/incr", (405, "method-not-allowed")),
    ],
)
async def test_what_is_not_there_is_a_problem(
    http: httpx.AsyncClient, method: str, path: str, expected: tuple[int, str]
) -> None:
    answer = await http.request(method, path)

    assert problem(answer) == expected
    assert _is_complete(answer)
    assert not set_cookies(answer)


async def test_arguments_that_do_not_fit_are_named(extended: Service) -> None:
    async with http_client(extended.url) as client:
        answer = await client.post("/write/key?length=long")

        assert problem(answer) == (422, "invalid-request")
        assert _is_complete(answer)
        assert [error["loc"] for error in answer.json()["errors"]] == [["query", "length"]]
        assert "long" not in answer.text, "what a client sent is not repeated"
        assert (await client.get("/data")).json() == {}


async def test_a_session_that_gets_too_large_is_refused_and_keeps_its_data(
    extended: Service,
) -> None:
    async with http_client(extended.url) as client:
        await client.post("/write/small")
        answer = await client.post("/write/large?length=40000")

        assert problem(answer) == (413, "session-too-large")
        assert _is_complete(answer)
        assert (await client.get("/data")).json() == {"small": "x"}


async def test_a_handler_that_breaks_is_answered_500_stores_nothing_and_tells_nothing(
    any_store: StoreSettings,
) -> None:
    broken = service(module=EXTENDED_APP, traceback_ok=True, **any_store)
    async with broken as node, http_client(node.url) as client:
        await client.get("/session")

        answer = await client.post("/write-and-fail/key")

        assert problem(answer) == (500, "internal-error")
        assert _is_complete(answer)
        assert "on purpose" not in answer.text
        assert (await client.get("/data")).json() == {}
        assert node.log().count("RuntimeError: a handler that breaks on purpose") == 1


async def test_an_ended_session_says_why(http: httpx.AsyncClient) -> None:
    await http.get("/session")
    old = f"session={http.cookies['session']}"
    await http.post("/session/rotate")

    answer = await http.get("/session", headers={"cookie": old})

    assert problem(answer) == (409, "session-ended")
    assert answer.json()["reason"] == "rotated"
    assert _is_complete(answer)
    assert answer.headers["content-type"] == PROBLEM
