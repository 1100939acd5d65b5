"""From polling to WebSocket: each step may be the last, and the session may end at any of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support.raw import (
    RawPolling,
    RawWebSocket,
    raw_polling,
    raw_websocket,
    refused_websocket,
)
from tests.support.service import Service

FAREWELL = '42["session ended",{"reason":"logout"}]'
DISCONNECT = "41"
NOOP = "6"
CLOSE = "1"
AT_ONCE = 5.0
"""Far less than the ten seconds after which an upgrade is given up."""


@pytest.fixture
def store_name() -> str:
    """One store: connections have nothing to do with it."""
    return "memory"


@pytest.fixture
async def polling(node: Service) -> AsyncIterator[RawPolling]:
    """A polling connection that has joined."""
    async with raw_polling(node.url) as connection:
        await connection.join()
        yield connection


@asynccontextmanager
async def _second_connection(node: Service, polling: RawPolling) -> AsyncIterator[RawWebSocket]:
    """The WebSocket that is to take over, before anything was sent on it."""
    async with raw_websocket(node.url, **_as_client(polling)) as websocket:
        yield websocket


def _as_client(polling: RawPolling) -> dict[str, Any]:
    cookie = f"session={polling.client.cookies['session']}"
    return {"cookie": cookie, "query": f"&sid={polling.opened['sid']}"}


async def _probe(websocket: RawWebSocket) -> None:
    await websocket.send("2probe")
    assert await websocket.receive() == "3probe"


async def _counts(polling: RawPolling, expected: int) -> None:
    await polling.emit("incr", ack=1)
    assert await polling.receive_until("43") == f"431[{expected}]"


async def _log_out(polling: RawPolling) -> None:
    answer: httpx.Response = await polling.client.post("/logout")
    assert answer.status_code == 204


async def test_a_complete_upgrade_moves_all_packets_to_the_websocket(
    node: Service, polling: RawPolling
) -> None:
    async with _second_connection(node, polling) as websocket:
        waiting = asyncio.create_task(polling.poll())
        await _probe(websocket)
        assert (await waiting).text == NOOP
        await websocket.send("5")
        await websocket.emit("incr", ack=1)

        assert await websocket.receive_until("42") == '42["current count",1]'
        assert await websocket.receive() == "431[1]"
        assert (await polling.poll()).status_code == 400
        assert (await polling.post("3")).status_code == 400


async def test_what_is_sent_during_an_upgrade_is_not_lost(
    node: Service, polling: RawPolling
) -> None:
    async with _second_connection(node, polling) as websocket:
        await _probe(websocket)
        assert (await polling.poll()).text == NOOP
        assert (await polling.client.post("/incr")).json() == 1
        await websocket.send("5")

        assert await websocket.receive_until("42") == '42["current count",1]'


@pytest.mark.parametrize("last", [None, "2probe", "an upgrade without a probe", "1"])
async def test_after_an_upgrade_that_fails_at_any_step_polling_goes_on(
    node: Service, polling: RawPolling, last: str | None
) -> None:
    async with _second_connection(node, polling) as websocket:
        if last is not None:
            await websocket.send(last)
    # The connection is closed; what the client does next is to poll on.
    await _counts(polling, 1)
    async with _second_connection(node, polling) as websocket:
        await _probe(websocket)
        await websocket.send("5")
        await websocket.emit("incr", ack=2)
        assert await websocket.receive_until("43") == "432[2]"


async def test_an_upgrade_that_goes_on_with_anything_else_is_closed(
    node: Service, polling: RawPolling
) -> None:
    for wrong in ("4", "x", '42["incr"]'):
        async with _second_connection(node, polling) as websocket:
            await _probe(websocket)
            await websocket.send(wrong)
            assert await websocket.frames_until_closed(within=AT_ONCE) == []
    await _counts(polling, 1)


@pytest.mark.parametrize("probed", [False, True])
async def test_of_two_upgrades_at_once_the_first_gets_through(
    node: Service, polling: RawPolling, probed: bool
) -> None:
    async with _second_connection(node, polling) as one:
        if probed:
            await _probe(one)
        async with _second_connection(node, polling) as other:
            assert await other.frames_until_closed(within=AT_ONCE) == []
        if not probed:
            await _probe(one)
        await one.send("5")
        await one.emit("incr", ack=1)
        assert await one.receive_until("43") == "431[1]"


async def test_an_upgraded_socket_is_not_upgraded_again(node: Service, polling: RawPolling) -> None:
    async with _second_connection(node, polling) as websocket:
        await _probe(websocket)
        await websocket.send("5")
        await websocket.emit("incr", ack=1)
        await websocket.receive_until("43")

        refused = await refused_websocket(node.url, **_as_client(polling))

        assert refused.status_code in (400, 403)
        await websocket.emit("incr", ack=2)
        assert await websocket.receive_until("43") == "432[2]"


async def test_a_logout_before_the_probe_is_told_by_polling(
    node: Service, polling: RawPolling
) -> None:
    async with _second_connection(node, polling) as websocket:
        await _log_out(polling)

        assert (await polling.poll()).text.split("\x1e") == [FAREWELL, DISCONNECT]
        assert (await polling.poll()).text == CLOSE
        assert await websocket.frames_until_closed(within=AT_ONCE) == []


async def test_a_logout_between_probe_and_upgrade_is_told_on_the_websocket(
    node: Service, polling: RawPolling
) -> None:
    async with _second_connection(node, polling) as websocket:
        await _probe(websocket)
        assert (await polling.poll()).text == NOOP
        await _log_out(polling)
        await websocket.send("5")

        frames = await websocket.frames_until_closed(within=AT_ONCE)

        assert [frame for frame in frames if frame != NOOP] == [FAREWELL, DISCONNECT]


async def test_a_logout_closes_an_upgrade_that_never_ends(
    node: Service, polling: RawPolling
) -> None:
    async with _second_connection(node, polling) as websocket:
        await _probe(websocket)
        await _log_out(polling)

        assert await websocket.frames_until_closed(within=AT_ONCE) == []
        assert (await polling.poll()).status_code in (400, 403)


async def test_a_logout_after_the_upgrade_is_told_on_the_websocket(
    node: Service, polling: RawPolling
) -> None:
    async with _second_connection(node, polling) as websocket:
        await _probe(websocket)
        await websocket.send("5")
        await _log_out(polling)

        frames = await websocket.frames_until_closed(within=AT_ONCE)

        assert [frame for frame in frames if frame != NOOP] == [FAREWELL, DISCONNECT]
