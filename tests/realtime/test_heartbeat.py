"""The heartbeat: a client that has vanished is disconnected, one that answers stays connected."""

import time

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually, stays
from tests.support.extended_app import PING_INTERVAL, PING_TIMEOUT
from tests.support.http import http_client
from tests.support.raw import raw_polling, raw_websocket
from tests.support.service import Service

LATE = 5.0


@pytest.fixture
def store_name() -> str:
    """One store: the heartbeat has nothing to do with it."""
    return "memory"


async def test_the_handshake_tells_the_client_the_heartbeat(extended: Service) -> None:
    async with raw_websocket(extended.url) as websocket, raw_polling(extended.url) as polling:
        for opened in (websocket.opened, polling.opened):
            assert opened["pingInterval"] == PING_INTERVAL * 1000
            assert opened["pingTimeout"] == PING_TIMEOUT * 1000


@pytest.mark.slow  # it waits for seconds
async def test_a_websocket_that_answers_no_ping_is_closed(extended: Service) -> None:
    async with raw_websocket(extended.url) as websocket:
        await websocket.join()
        joined = time.monotonic()

        await eventually(lambda: websocket.close_code, within=PING_INTERVAL + PING_TIMEOUT + LATE)

        assert time.monotonic() - joined >= PING_TIMEOUT


@pytest.mark.slow  # it waits for seconds
async def test_a_polling_client_that_answers_no_ping_is_closed(extended: Service) -> None:
    async with raw_polling(extended.url) as polling:
        await polling.join()
        joined = time.monotonic()
        assert (await polling.poll()).text == "2"

        assert (await polling.poll()).text == "1"

        assert PING_TIMEOUT <= time.monotonic() - joined <= PING_INTERVAL + PING_TIMEOUT + LATE
        assert (await polling.poll()).status_code == 400


@pytest.mark.slow  # it waits for seconds
async def test_a_polling_client_that_polls_no_more_is_forgotten(extended: Service) -> None:
    async with http_client(extended.url) as observer:
        async with raw_polling(extended.url, leave=False) as polling:
            await polling.join()
            cookie = f"session={polling.client.cookies['session']}"

        async def alone() -> bool:
            reloaded_version = await observer.get("/session", headers={"cookie": cookie})
            sockets: int = reloaded_version.json()["sockets"]
            return sockets == 0

        await eventually(alone, within=PING_INTERVAL + PING_TIMEOUT + LATE)


@pytest.mark.slow  # it waits for seconds
async def test_a_client_that_answers_stays(js: JsClients, extended: Service) -> None:
    sockets = [await js.connect(extended.url, transport) for transport in Transport]

    await stays(
        lambda: not any(socket.named("disconnect") for socket in sockets),
        during=PING_INTERVAL + PING_TIMEOUT + 0.5,
    )

    assert [await socket.emit("incr") for socket in sockets] == [1, 1, 1]
