"""P3: reads never write."""

import asyncio

import httpx

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually, stays
from tests.support.http import set_cookies, the_set_cookie
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import server_settings

_WRITES = ("set", "del", "hset", "hdel", "pexpire", "pexpireat", "xadd", "eval", "evalsha")


def _writes(server: StoreServer) -> dict[str, int]:
    """How often each command that writes was called so far."""
    stats = server.command("INFO", "commandstats")
    return {
        name: stats[f"cmdstat_{name}"]["calls"] for name in _WRITES if f"cmdstat_{name}" in stats
    }


async def test_an_idle_socket_causes_no_write(
    js: JsClients, shared_store_server: StoreServer, transport: Transport
) -> None:
    settings = server_settings(shared_store_server)
    async with service(session_reload_interval=0.2, **settings) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect(transport)
        await socket.emit("incr")
        before = await eventually(lambda: _settled(shared_store_server))

        await stays(lambda: _writes(shared_store_server) == before, during=1.5)

        assert socket.connected


async def _settled(server: StoreServer) -> dict[str, int] | None:
    """What was written, once that does not change within a moment."""
    first = _writes(server)
    await asyncio.sleep(0.2)
    return first if _writes(server) == first else None


async def test_a_request_that_changes_nothing_sets_no_cookie(http: httpx.AsyncClient) -> None:
    first = await http.get("/session")
    the_set_cookie(first)

    answers = [await http.get("/session") for _ in range(3)]

    assert not any(set_cookies(answer) for answer in answers)
    assert {answer.json()["count"] for answer in answers} == {0}


async def test_what_needs_no_session_opens_none(http: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/asyncapi.json"):
        answer = await http.get(path)
        assert answer.status_code == 200
        assert not set_cookies(answer)
        assert "Cookie" not in answer.headers.get("vary", "")


async def test_an_http_request_extends_the_idle_deadline(http: httpx.AsyncClient) -> None:
    first = (await http.get("/session")).json()["expires_at"]

    await eventually(lambda: _later(http, first))


async def _later(http: httpx.AsyncClient, than: str) -> bool:
    later: bool = (await http.get("/session")).json()["expires_at"] > than
    return later
