"""P13: every input has a limit, every refusal an answer, and nothing is left over."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.metrics import counted
from tests.support.raw import raw_polling, raw_websocket, refused_websocket
from tests.support.service import Service, service
from tests.support.stores import StoreSettings

MALFORMED = [
    *("", "x", "7", "0", "6x", "4", "49", "4\x00", "4" + "[" * 5000, "40[", "44{}", "43[]"),
    *("42", "42{}", "42[]", "42[1]", '42["incr"', '42["connect"]', '42["disconnect"]'),
    *("45999-[]", '45999999999999-["x"]', '451-["x",{"_placeholder":true,"num":0}]' * 2),
]


async def test_a_post_of_twenty_megabytes_to_the_engine_is_refused_at_once(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        start = time.monotonic()
        answer = await polling.client.post(polling.address, content=b"4" * 20_000_000)
        assert problem(answer) == (413, "body-too-large")
        assert time.monotonic() - start < 1.0


async def test_a_body_without_a_length_is_refused_by_the_engine(node: Service) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"4" * 1000

    async with raw_polling(node.url) as polling:
        answer = await polling.client.post(polling.address, content=chunks())
    assert problem(answer) == (411, "length-required")


@pytest.mark.parametrize("frame", MALFORMED)
async def test_a_malformed_frame_closes_its_socket_and_disturbs_no_other(
    node: Service, http: httpx.AsyncClient, frame: str
) -> None:
    async with raw_websocket(node.url) as witness:
        await witness.join()
        async with raw_websocket(node.url) as socket:
            await socket.join()
            await socket.send(frame)
            await _closed_or_ignored(socket)
        async with raw_polling(node.url) as polling:
            await polling.join()
            await polling.post(frame)
        await witness.emit("incr", ack=5)
        assert await witness.receive_until("435") == "435[1]"


async def _closed_or_ignored(socket: object) -> None:
    """A frame that is no packet closes; one that says nothing is ignored. Neither hangs."""
    await socket.emit("incr", ack=9)  # type: ignore[attr-defined]
    try:
        await socket.receive_until("439", within=1.0)  # type: ignore[attr-defined]
    except Exception as error:  # noqa: BLE001 - whichever way the connection says that it is closed
        assert "close" in type(error).__name__.lower()  # noqa: PT017 - not the point of the test


async def test_a_frame_of_more_than_a_megabyte_closes_its_socket(node: Service) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
        await socket.send("42" + "x" * 1_100_000)
        await socket.frames_until_closed(within=1.0)
        assert socket.close_code == 1009


async def test_a_client_that_does_not_read_is_dropped_at_a_few_megabytes(
    any_store: StoreSettings,
) -> None:
    async with service(**any_store) as node, http_client(node.url) as client:
        async with raw_websocket(node.url) as socket:
            await socket.join()
            socket.stop_reading()
            name = "x" * 900_000
            for _ in range(3):
                await asyncio.gather(*(_flood(socket, name) for _ in range(3)))
            assert await counted(client, "mooring_sockets", transport="websocket") <= 1
        await eventually(lambda: _no_sockets(client))


async def _flood(socket: object, name: str) -> None:
    try:
        await socket.send(f'421["{name}"]')  # type: ignore[attr-defined]
    except Exception as error:  # noqa: BLE001 - whichever way the connection says that it is closed
        assert "close" in type(error).__name__.lower()  # noqa: PT017 - not the point of the test


async def _no_sockets(client: httpx.AsyncClient) -> bool:
    sockets = await counted(client, "mooring_sockets")
    return sockets + await counted(client, "mooring_sessions_moored") == 0


async def test_a_session_has_so_many_sockets_and_no_more(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with service(session_max_sockets=2, **any_store) as node:
        browser = await js.browser(node.url)
        await browser.fetch("GET", "/session")
        for _ in range(2):
            await browser.connect()
        cookie = await browser.cookie_header()

        refused = await refused_websocket(node.url, cookie=cookie)

        assert refused.status_code == 429
        async with http_client(node.url, cookie=cookie) as client:
            answer = await client.get("/socket.io/?EIO=4&transport=polling")
        assert problem(answer) == (429, "too-many-sockets")


async def test_an_address_opens_so_many_sessions_a_minute(any_store: StoreSettings) -> None:
    async with service(client_rate=5, **any_store) as node:
        answers = []
        for _ in range(8):
            async with http_client(node.url) as client:
                answers.append(await client.get("/session"))

        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert problem(answers[-1]) == (429, "too-many-requests")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await refused_websocket(node.url)).status_code == 429


async def test_after_all_kinds_of_sockets_nothing_is_left_over(any_store: StoreSettings) -> None:
    async with service(**any_store) as node, http_client(node.url) as client:
        for frame in ("40", "41", *MALFORMED):
            async with raw_websocket(node.url) as socket:
                await socket.send(frame)

        await eventually(lambda: _no_sockets(client), within=5.0)
