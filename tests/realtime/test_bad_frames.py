"""Bytes that no client sends: the socket that sent them is closed, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.eventually import PATIENCE
from tests.support.raw import RawPolling, RawWebSocket, raw_polling, raw_websocket
from tests.support.service import Service

NO_ENGINE_PACKET = {
    "an unknown type": "9",
    "a letter": "x",
    "a ping": "2",
    "a probe where there is nothing to upgrade": "2probe",
    "brackets without end": "[" * 100_000,
}
NO_SOCKET_PACKET = {
    "an empty message": "4",
    "an unknown type": "49",
    "a letter": "4é",
    "an event without data": "42",
    "an event with an empty list": "42[]",
    "an event that is an object": "42{}",
    "an event that is half a list": '42["incr"',
    "an event whose name is null": "42[null]",
    "a reserved name: connect": '42["connect"]',
    "a reserved name: disconnect": '42["disconnect"]',
    "a reserved name: connect_error": '42["connect_error"]',
    "a reserved name: disconnecting": '42["disconnecting"]',
    "brackets without end": "42" + "[" * 100_000,
    "digits without end": "42" + "1" * 5000 + '["incr"]',
    "an ack that is an object": "431{}",
    "an error": '44{"message":"no"}',
    "a connect with a list": "40[1]",
    "a disconnect with data": "41[1]",
    "attachments without end": '451000000-["incr"]',
    "attachments on a plain event": '421-["incr"]',
    "an attachment that nothing announced": "bAAAA",
    "an attachment that is no base64": "b!!!!",
}
OUT_OF_ORDER = {
    "an event for another namespace": '42/other,["incr"]',
    "an ack for another namespace": "43/other,1[]",
    "a goodbye to another namespace": "41/other,",
    "a second connect": "40",
}
HARMLESS = {
    "an open packet": "0{}",
    "a noop": "6",
    "a noop upgrade": "5",
    "an event whose name is a number": "42[1]",
    "an ack without a number": "43[]",
    "an ack that nobody waits for": '43999["late"]',
    "a pong that nobody asked for": "3",
    "a connect to a namespace that does not exist": "40/other,",
}

CLOSES = NO_SOCKET_PACKET | OUT_OF_ORDER
MALFORMED = NO_ENGINE_PACKET | CLOSES
BINARY = {"an attachment that nothing announced": b"\0\1", "an empty one": b""}


@pytest.fixture
def store_name() -> str:
    """One store: none of these bytes get as far as that."""
    return "memory"


@pytest.fixture
async def bystander(node: Service) -> AsyncIterator[RawWebSocket]:
    """Another socket, which must not notice anything."""
    async with raw_websocket(node.url) as socket:
        await socket.join()
        yield socket
        await socket.emit("incr", ack=1)
        assert await socket.receive() == '42["current count",1]'
        assert await socket.receive() == "431[1]"


@pytest.fixture
async def websocket(node: Service, bystander: RawWebSocket) -> AsyncIterator[RawWebSocket]:
    """A WebSocket that has joined."""
    async with raw_websocket(node.url) as socket:
        await socket.join()
        yield socket


@pytest.fixture
async def polling(node: Service, bystander: RawWebSocket) -> AsyncIterator[RawPolling]:
    """A polling connection that has joined."""
    async with raw_polling(node.url) as connection:
        await connection.join()
        yield connection


@pytest.mark.parametrize("kind", [*MALFORMED, *BINARY])
async def test_a_malformed_frame_closes_its_websocket_at_once(
    websocket: RawWebSocket, http: httpx.AsyncClient, kind: str
) -> None:
    await websocket.send((MALFORMED | BINARY)[kind])
    with suppress(ConnectionClosed):
        await websocket.emit("incr", ack=1)

    assert await websocket.frames_until_closed() == []
    await _nothing_has_happened(http, websocket.set_cookies[0].pair)


@pytest.mark.parametrize("kind", NO_ENGINE_PACKET)
async def test_a_post_that_is_no_engine_packet_is_refused_and_closes_the_connection(
    polling: RawPolling, http: httpx.AsyncClient, kind: str
) -> None:
    assert (await polling.post(NO_ENGINE_PACKET[kind], '421["incr"]')).status_code == 400

    assert (await polling.poll()).status_code == 400
    assert (await polling.post('421["incr"]')).status_code == 400
    await _nothing_has_happened(http, _cookie_of(polling))


@pytest.mark.parametrize("kind", CLOSES)
async def test_a_post_that_is_no_socket_packet_closes_the_connection(
    polling: RawPolling, http: httpx.AsyncClient, kind: str
) -> None:
    await polling.post(CLOSES[kind], '421["incr"]')

    assert (await polling.poll()).text == "1"
    assert (await polling.poll()).status_code == 400
    await _nothing_has_happened(http, _cookie_of(polling))


async def test_a_post_that_is_no_text_is_refused_and_closes_the_connection(
    polling: RawPolling, http: httpx.AsyncClient
) -> None:
    refused = await polling.client.post(polling.address, content=b"4\xff\xfe")

    assert refused.status_code == 400
    assert (await polling.poll()).status_code == 400
    await _nothing_has_happened(http, _cookie_of(polling))


async def test_a_packet_where_an_attachment_was_promised_closes_its_socket(
    websocket: RawWebSocket, polling: RawPolling, http: httpx.AsyncClient
) -> None:
    promise = '451-["incr",{"_placeholder":true,"num":0}]'

    await websocket.send(promise)
    await websocket.emit("incr", ack=1)
    await polling.post(promise, '421["incr"]')

    assert await websocket.frames_until_closed() == []
    assert (await polling.poll()).text == "1"
    await _nothing_has_happened(http, websocket.set_cookies[0].pair)
    await _nothing_has_happened(http, _cookie_of(polling))


async def test_a_malformed_post_that_races_with_a_poll_leaves_it_not_waiting(
    node: Service, bystander: RawWebSocket
) -> None:
    for _ in range(10):
        async with raw_polling(node.url) as polling, asyncio.timeout(PATIENCE):
            await polling.join()
            poll, post = await asyncio.gather(polling.poll(), polling.post("x"))

            assert post.status_code == 400
            assert poll.text == "1" or poll.status_code == 400


@pytest.mark.parametrize("kind", HARMLESS)
async def test_a_frame_that_means_nothing_is_passed_over(
    websocket: RawWebSocket, polling: RawPolling, kind: str
) -> None:
    await websocket.send(HARMLESS[kind])
    await websocket.emit("incr", ack=1)
    assert await websocket.receive_until("43") == "431[1]"

    assert (await polling.post(HARMLESS[kind])).status_code == 200
    await polling.emit("incr", ack=1)
    assert await polling.receive_until("43") == "431[1]"


async def _nothing_has_happened(http: httpx.AsyncClient, cookie: str) -> None:
    """No event was handled, and the socket is not counted any more."""
    reloaded_version = (await http.get("/session", headers={"cookie": cookie})).json()
    assert (reloaded_version["count"], reloaded_version["sockets"]) == (0, 0)


def _cookie_of(polling: RawPolling) -> str:
    return f"session={polling.client.cookies['session']}"
