"""P15 and what browsers are told not to do."""

import httpx
import pytest

PATHS = [
    "/",
    "/docs",
    "/docs/events",
    "/session",
    "/healthz",
    "/no/such",
    "/socket.io/socket.io.js",
]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].partition("style-src")[0]


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/session"), ("POST", "/incr")])
async def test_what_used_the_session_is_not_cached(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    headers = (await http.request(method, path)).headers

    assert headers["cache-control"] == "no-store"
    assert "Cookie" in headers["vary"]


async def test_errors_say_what_they_are(http: httpx.AsyncClient) -> None:
    answer = await http.get("/no/such")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "not-found"
