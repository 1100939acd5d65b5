"""The route of Socket.IO in an app: where it is, and what it leaves to others."""

import json

import pytest
from fastapi import FastAPI, WebSocket
from starlette.routing import NoMatchFound

from app import Mooring
from tests.mooring.test_attach import HANDSHAKE, client_of, settings
from tests.support.asgi import request, websocket

CLIENT = "/socket.io/socket.io.js"


@pytest.mark.parametrize("inner", ["", "/inner"])
async def test_an_app_below_another_serves_the_client_and_its_sockets(inner: str) -> None:
    shop, outer = FastAPI(), FastAPI()
    Mooring(shop, settings())
    outer.mount(f"/shop{inner}", shop)

    async with client_of(outer) as client:
        assert (await client.get(f"/shop{inner}{CLIENT}")).status_code == 200
        assert (await client.get(f"/shop{inner}{HANDSHAKE}")).status_code == 200
        for path in (CLIENT, HANDSHAKE):
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("stripped", [False, True])
async def test_below_a_root_path_the_client_is_served_whether_it_was_stripped_or_not(
    *, stripped: bool
) -> None:
    app = FastAPI()
    Mooring(app, settings())
    path = CLIENT if stripped else f"/api{CLIENT}"

    answer = await request(app, "GET", path, root_path="/api")

    assert answer.status == 200
    assert b"Socket.IO" in answer.body


async def test_a_websocket_at_the_path_of_a_client_file_is_the_apps() -> None:
    app = FastAPI()
    Mooring(app, settings())

    @app.websocket(CLIENT)
    async def own(websocket: WebSocket) -> None:
        await websocket.accept()

    assert (await websocket(app, CLIENT)).start["type"] == "websocket.accept"


async def test_another_socket_path_leaves_the_usual_one_to_the_app() -> None:
    app = FastAPI()
    Mooring(app, settings(socket_path="/live"))

    @app.get(CLIENT)
    async def own() -> str:
        return "own"

    async with client_of(app) as client:
        assert (await client.get(CLIENT)).json() == "own"
        assert (await client.get(HANDSHAKE)).status_code == 404
        assert (await client.get("/live/socket.io.js")).status_code == 200
        assert (await client.get("/live?EIO=4&transport=polling")).status_code == 200


async def test_the_limits_and_times_of_sockets_are_those_of_the_settings() -> None:
    app = FastAPI()
    Mooring(app, settings(max_packet_bytes=2_000, ping_interval=7, ping_timeout=3))

    async with client_of(app) as client:
        opened = json.loads((await client.get(HANDSHAKE)).text[1:])
        assert (opened["pingInterval"], opened["pingTimeout"]) == (7_000, 3_000)
        assert opened["maxPayload"] == 2_000
        path = f"{HANDSHAKE}&sid={opened['sid']}"
        assert (await client.post(path, content="40")).status_code == 200
        assert (await client.post(path, content="4" + 2_000 * "x")).status_code == 413


def test_the_route_has_no_name_that_an_app_could_take_for_its_own() -> None:
    app = FastAPI()
    Mooring(app, settings())
    with pytest.raises(NoMatchFound):
        app.url_path_for("socket.io")
