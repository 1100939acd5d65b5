"""Two TestClients of one app are two nodes: each has an event loop and a thread of its own."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from app import Backend, Mooring, SessionDep, UserDep, UsersDep
from app.realtime.bus.base import START, MemoryBus
from tests.mooring.test_attach import settings
from tests.mooring.test_test_client import client_of

AT_ONCE_SECONDS = 5.0
"""Far less than the half minute after which a session is read in any case."""
MESSAGES = 500


def product(backend: Backend | None) -> FastAPI:
    """An app with a WebSocket route for who is signed in."""
    app = FastAPI()
    Mooring(app, settings(), backend=backend)

    @app.post("/login")
    async def login(session: SessionDep) -> None:
        await session.sign_in("ann")

    @app.post("/end")
    async def end(users: UsersDep) -> int:
        return await users.end("ann")

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, user: UserDep) -> None:
        await websocket.accept()
        await websocket.send_text(user)
        with suppress(WebSocketDisconnect):
            await websocket.receive_text()

    return app


def one_app() -> list[FastAPI]:
    return [product(None)] * 2


def one_app_with_a_backend() -> list[FastAPI]:
    return [product(Backend())] * 2


def two_apps_on_one_backend() -> list[FastAPI]:
    shared = Backend()
    return [product(shared), product(shared)]


@pytest.fixture(params=[one_app, one_app_with_a_backend, two_apps_on_one_backend])
def clients(request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    """Two clients, both inside their lifespan."""
    with ExitStack() as stack:
        yield [stack.enter_context(client_of(app)) for app in request.param()]


def test_an_end_in_one_closes_the_websocket_routes_of_the_other(clients: list[Any]) -> None:
    here, there = clients
    there.post("/login")
    with there.websocket_connect("/ws") as socket:
        assert socket.receive_text() == "ann"
        began = time.monotonic()
        assert here.post("/end").json() == 1
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 1008
    assert time.monotonic() - began < AT_ONCE_SECONDS


def test_a_bus_in_memory_loses_nothing_between_threads() -> None:
    bus = MemoryBus(wait=AT_ONCE_SECONDS)

    async def publish(name: str) -> None:
        for number in range(MESSAGES):
            await bus.publish(name, number, b"")
            await asyncio.sleep(0)

    async def read() -> dict[str, list[int]]:
        found: dict[str, list[int]] = {"one": [], "other": []}
        offset = START
        while min(map(len, found.values())) < MESSAGES:
            batch = await bus.read(offset)
            assert not batch.gap
            assert offset < batch.offset, "a message was missed for seconds"
            offset = batch.offset
            for entry in batch.entries:
                found[entry.node_id].append(entry.sequence)
        return found

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(asyncio.run, read()) for _ in range(2)]
        writers = [threads.submit(asyncio.run, publish(name)) for name in ("one", "other")]
        for each in writers:
            each.result()
        for reader in readers:
            assert reader.result() == {name: list(range(MESSAGES)) for name in ("one", "other")}
