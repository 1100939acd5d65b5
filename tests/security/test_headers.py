"""P15, what browsers are told not to do, and what our pages do not do."""

import re

import httpx
import pytest

from tests.support.http import cookie_header
from tests.support.processes import ROOT

PATHS = [
    "/",
    "/docs",
    "/docs/events",
    "/session",
    "/healthz",
    "/no/such",
    "/socket.io/socket.io.js",
]


@pytest.mark.example
@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].partition("style-src")[0]


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/session"), ("POST", "/incr")])
async def test_what_used_the_session_is_not_cached(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    headers = (await http.request(method, path)).headers

    assert headers["cache-control"] == "no-store"
    assert "Cookie" in headers["vary"]


@pytest.mark.example
@pytest.mark.parametrize("path", ["/session", "/healthz", "/no/such", "/openapi.json"])
async def test_an_answer_of_the_api_is_nothing_that_a_browser_would_render_or_run(
    http: httpx.AsyncClient, path: str
) -> None:
    answer = await http.get(path)

    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert "json" in answer.headers["content-type"]


@pytest.mark.example
@pytest.mark.parametrize("path", ["/socket.io/socket.io.js", "/pages/page.js"])
async def test_a_script_is_the_same_for_everybody_and_opens_no_session(
    http: httpx.AsyncClient, path: str
) -> None:
    stranger = await http.get(path)
    await http.post("/incr")
    friend = await http.get(path, headers={"cookie": cookie_header(http)})

    assert stranger.status_code == 200
    assert stranger.content == friend.content
    assert "set-cookie" not in stranger.headers


@pytest.mark.example
def test_our_pages_write_text_and_never_markup_and_take_no_messages_of_other_pages() -> None:
    scripts = [*(ROOT / "app/http/pages").glob("*.js"), *(ROOT / "spa/src").glob("*.ts")]
    unsafe = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|"
        # A BroadcastChannel carries messages of our own origin alone.
        r"(?<!channel\.)addEventListener\(.message.|onmessage|location(\.href)? ="
    )

    assert len(scripts) > 5
    assert [script.name for script in scripts if unsafe.search(script.read_text())] == []


async def test_errors_say_what_they_are(http: httpx.AsyncClient) -> None:
    answer = await http.get("/no/such")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "not-found"
