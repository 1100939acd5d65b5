"""What has ended is freed at once: no circle of references keeps it until the garbage collector runs.

A node holds most objects for as long as a socket lives, so that they are of the oldest generation when it
closes, which is collected next to never. What waits for that is memory that grows by the hour.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.support.eventually import eventually
from tests.support.http import cookie_header, http_client
from tests.support.metrics import counted
from tests.support.raw import RawWebSocket, raw_polling, raw_websocket
from tests.support.service import service
from tests.support.stores import StoreSettings

_NUMBER = 30
_SHORT: StoreSettings = {"ping_interval": 2, "ping_timeout": 2}
"""Within which a client is missed that has left without a word."""
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


@asynccontextmanager
async def _logged_out(url: str) -> AsyncIterator[RawWebSocket]:
    async with http_client(url) as http, AsyncExitStack() as stack:
        await http.post("/incr")
        raw = await stack.enter_async_context(raw_websocket(url, cookie=cookie_header(http)))
        await raw.join()
        assert (await http.post("/logout")).is_success
        yield raw


async def _logged_out_websocket(url: str) -> None:
    async with _logged_out(url) as raw:
        await raw.receive_until(_ENDED)


async def _closed_by_the_server(url: str) -> None:
    async with _logged_out(url) as raw:
        await raw.frames_until_closed()


async def _goodbye(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        await raw.send("1")
        await raw.frames_until_closed()


async def _cut(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        raw.cut()


async def _cut_amid_a_frame(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        raw.write(b"\x81\xfe\x01")
        raw.cut()


async def _fragments(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        await raw.ping()
        await raw.fragments("421[", '"incr"', "]")
        await raw.receive_until("431")


async def _cut_after_fragments(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        await raw.fragments("421[", '"incr"', "]")
        await raw.receive_until("431")
        raw.cut()


async def _no_text(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        await raw.send(b"\xff", text=True)
        await raw.frames_until_closed()


async def _refused_handshake(url: str) -> None:
    async with http_client(url) as http:
        upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": "short"}
        answer = await http.get("/socket.io/?EIO=4&transport=websocket", headers=upgrade)
        assert answer.status_code == 400


async def _websocket_route(url: str) -> None:
    async with connect(url.replace("http", "ws", 1) + "/echo", proxy=None) as socket:
        await socket.send("a line")
        assert await socket.recv() == "a line"
        await socket.send("farewell")
        await socket.wait_closed()


async def _cut_websocket_route(url: str) -> None:
    async with connect(url.replace("http", "ws", 1) + "/echo", proxy=None) as socket:
        await socket.send("a line")
        socket.transport.close()


async def _failing_event(url: str) -> None:
    async with raw_websocket(url) as raw:
        await raw.join()
        for number, event in enumerate(("unknown", "incr")):
            await raw.emit(event, *(["too much"] * 3), ack=number)
        await raw.receive_until("431")


async def _unanswered(url: str) -> None:
    async with http_client(url) as http, raw_websocket(url) as raw:
        sid = json.loads((await raw.join())[2:])["sid"]
        assert (await http.post(f"/ask/{sid}")).json() == "no answer"


async def _refused_requests(url: str) -> None:
    async with http_client(url) as http:
        for method, path in (("GET", "/nowhere"), ("PUT", "/incr")):
            assert (await http.request(method, path)).is_error


async def _left_poll(url: str) -> None:
    async with raw_polling(url) as raw:
        await raw.join()
        with suppress(httpx.ReadTimeout):
            await raw.client.get(raw.address, timeout=0.05)


# uvicorn's own protocols have circles: with fast paths, whatever the run says.
@pytest.mark.no_fast_path
@pytest.mark.parametrize(
    "client",
    [
        *(_request, _refused_requests, _logout),
        *(
            _websocket,
            _logged_out_websocket,
            _closed_by_the_server,
            _goodbye,
            _cut,
            _cut_amid_a_frame,
        ),
        *(_fragments, _cut_after_fragments, _no_text, _refused_handshake),
        *(_websocket_route, _cut_websocket_route, _failing_event, _unanswered),
        *(_polling, _left_poll),
    ],
)
async def test_nothing_that_has_ended_waits_for_the_garbage_collector(
    any_store: StoreSettings, client: Client
) -> None:
    app = "tests.support.garbage_app:app"
    async with (
        service(app=app, fast_paths="auto", **(_SHORT | any_store)) as node,
        http_client(node.url) as http,
    ):
        await client(node.url)
        await http.post("/watch")

        await asyncio.gather(*(client(node.url) for _ in range(_NUMBER)))

        await eventually(lambda: _has_no_socket(http))
        found: dict[str, int] = (await http.get("/garbage")).json()
    assert sum(found.values()) < _NUMBER, found


async def _has_no_socket(http: httpx.AsyncClient) -> bool:
    return await counted(http, "mooring_sockets") == 0
