"""Starlette's TestClient: each request without `with` has an event loop of its own, which then closes."""

import gc
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient

from app import Mooring, SessionDep
from tests.mooring.test_attach import counting, settings
from tests.support.stores import StoreSettings


def client_of(app: FastAPI) -> Any:
    """Return a TestClient."""
    return TestClient(app)


@pytest.fixture
def app(any_store: StoreSettings) -> FastAPI:
    """An app that counts, on each store in turn."""
    app = counting(FastAPI())

    @app.websocket("/count")
    async def count(session: SessionDep, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json(await session.transact(_add_one))
        await socket.close()

    Mooring(app, settings(**any_store))
    return app


def _add_one(data: dict[str, int]) -> int:
    data["count"] = data.get("count", 0) + 1
    return data["count"]


def _counts(client: Any, before: int) -> None:
    assert client.post("/count").json() == before + 1
    assert client.post("/count").json() == before + 2
    with client.websocket_connect("/count") as socket:
        assert socket.receive_json() == before + 3
    assert client.get("/peek").json() == before + 3
    assert client.get("/sockets").json() == 0
    assert client.get("/socket.io/?EIO=4&transport=polling").status_code == 200


def test_without_with_twice(app: FastAPI) -> None:
    for _ in range(2):
        client = client_of(app)
        _counts(client, 0)
        _counts(client, 3)
    gc.collect()


def test_with_with_twice_and_without_in_between(app: FastAPI) -> None:
    for _ in range(2):
        with client_of(app) as client:
            _counts(client, 0)
        _counts(client, 3)
        with client:
            _counts(client, 6)
    gc.collect()
