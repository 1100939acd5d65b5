"""A WebSocket route that has used a session ends with it, on whichever node that ends."""

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.http import http_client
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings
from tests.users.conftest import PRODUCT
from tests.users.test_sign_in import name

SHARED = [each for each in STORES if each != "memory"]


def _websocket(node: Service, client: httpx.AsyncClient) -> connect:
    cookie = {"cookie": f"session={client.cookies['session']}"}
    return connect(node.url.replace("http", "ws") + "/ws", additional_headers=cookie)


async def _close_code(websocket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await websocket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_it_knows_the_user_and_echoes(ann: httpx.AsyncClient, product: Service) -> None:
    user = name()
    await ann.post("/login", json={"user": user})
    async with _websocket(product, ann) as websocket:
        assert await websocket.recv() == user
        for text in ("one", "two"):
            await websocket.send(text)
            assert await websocket.recv() == text


@pytest.mark.parametrize(("act", "code"), [("/logout", 1008), ("/session/rotate", 1001)])
async def test_it_ends_with_its_session(
    ann: httpx.AsyncClient, product: Service, act: str, code: int
) -> None:
    await ann.post("/login", json={"user": name()})
    async with _websocket(product, ann) as websocket:
        await websocket.recv()

        assert (await ann.post(act)).status_code == 204

        assert await _close_code(websocket) == code


async def test_it_ends_when_the_user_is_ended(
    ann: httpx.AsyncClient, other: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    await ann.post("/login", json={"user": user})
    async with _websocket(product, ann) as websocket:
        await websocket.recv()

        assert (await other.post(f"/ban/{user}")).json() == 1

        assert await _close_code(websocket) == 1008


async def test_it_ends_at_the_deadline(any_store: StoreSettings) -> None:
    async with (
        service(app=PRODUCT, session_idle_timeout=1.5, **any_store) as node,
        http_client(node.url) as ann,
    ):
        await ann.post("/login", json={"user": name()})
        async with _websocket(node, ann) as websocket:
            await websocket.recv()
            assert await _close_code(websocket) == 1001


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_it_ends_with_its_session_on_another_node(
    ann: httpx.AsyncClient, product: Service, any_store: StoreSettings
) -> None:
    await ann.post("/login", json={"user": name()})
    async with service(app=PRODUCT, **any_store) as far, _websocket(far, ann) as websocket:
        await websocket.recv()

        assert (await ann.post("/logout")).status_code == 204

        assert await _close_code(websocket) == 1008
