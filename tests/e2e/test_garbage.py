"""What has ended is freed at once: no circle of references keeps it until the garbage collector runs.

A node holds most objects for as long as a socket lives, so that they are of the oldest generation when it
closes, which is collected next to never. What waits for that is memory that grows by the hour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.http import cookie_header, http_client
from tests.support.metrics import counted
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import service
from tests.support.stores import StoreSettings

_NUMBER = 30
_ENDED = '42["session ended"'
Client = Callable[[str], Awaitable[None]]


async def _request(url: str) -> None:
    async with http_client(url) as http:
        assert (await http.post("/incr")).json() == 1


async def _logout(url: str) -> None:
    async with http_client(url) as http:
        await http.post("/incr")
        assert (await http.post("/logout")).is_success


async def _websocket(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        for number in range(5):
            await raw.emit("incr", ack=number)
            await raw.receive_until(f"43{number}")


async def _polling(url: str) -> None:
    async with raw_polling(url) as raw:
        await raw.join()
        await raw.emit("incr", ack=1)
        await raw.receive_until("431")


async def _logged_out_websocket(url: str) -> None:
    async with http_client(url) as http, AsyncExitStack() as stack:
        await http.post("/incr")
        raw = await stack.enter_async_context(raw_websocket(url, cookie=cookie_header(http)))
        await raw.join()
        assert (await http.post("/logout")).is_success
        await raw.receive_until(_ENDED)


# uvicorn's own protocols have circles: with fast paths, whatever the run says.
@pytest.mark.no_fast_path
@pytest.mark.parametrize("client", [_request, _logout, _websocket, _polling, _logged_out_websocket])
async def test_nothing_that_has_ended_waits_for_the_garbage_collector(
    any_store: StoreSettings, client: Client
) -> None:
    app = "tests.support.garbage_app:app"
    async with (
        service(app=app, fast_paths="auto", **any_store) as node,
        http_client(node.url) as http,
    ):
        await client(node.url)
        await http.post("/watch")

        await asyncio.gather(*(client(node.url) for _ in range(_NUMBER)))

        await eventually(lambda: _has_no_socket(http))
        found = (await http.get("/garbage")).json()
    assert found < _NUMBER, f"{found / _NUMBER:.1f} objects of each"


async def _has_no_socket(http: httpx.AsyncClient) -> bool:
    return await counted(http, "mooring_sockets") == 0
