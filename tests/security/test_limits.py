"""P13: every input has a limit, and every refusal an answer; test_refusals.py counts what is left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from tests.support.browsers import JsClients
from tests.support.eventually import PATIENCE
from tests.support.http import cookie_header, http_client, problem
from tests.support.raw import raw_polling, raw_websocket, refused_websocket
from tests.support.service import Service, service
from tests.support.stores import StoreSettings


async def test_a_post_of_twenty_megabytes_to_the_engine_is_refused_before_it_comes(
    node: Service,
) -> None:
    async with raw_polling(node.url) as polling:
        reader, writer = await asyncio.open_connection(node.host, node.port)
        names = f"Host: {node.host}:{node.port}\r\nCookie: {cookie_header(polling.client)}\r\n"
        length = "Content-Length: 20000000\r\n\r\n"
        writer.write(f"POST {polling.address} HTTP/1.1\r\n{names}{length}".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"body-too-large"), PATIENCE)
        assert answer.startswith(b"HTTP/1.1 413 ")
        writer.close()


async def test_a_post_without_a_length_is_handled_up_to_the_limit(node: Service) -> None:
    async def chunks(*parts: str) -> AsyncIterator[bytes]:
        for part in parts:
            yield part.encode()

    async with raw_polling(node.url) as polling:
        await polling.join()
        handled = await polling.client.post(
            polling.address, content=chunks('421["in', 'cr"]\x1e422["incr"]')
        )
        assert (handled.status_code, handled.text) == (200, "ok")
        assert await polling.receive_until("43") == "431[1]"
        assert await polling.receive_until("43") == "432[2]"

        refused = await polling.client.post(polling.address, content=chunks(*["4" * 100_000] * 11))
        assert problem(refused) == (413, "body-too-large")


async def test_a_frame_of_more_than_a_megabyte_closes_its_socket(node: Service) -> None:
    async with raw_websocket(node.url) as socket:
        await socket.join()
        with suppress(ConnectionClosed):  # it may be closed before all of it is written
            await socket.send("42" + "x" * 1_100_000)
        await socket.frames_until_closed()
        assert socket.close_code == 1009


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
