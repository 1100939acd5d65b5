"""A WebSocket route that has used a session ends with it, on whichever node that ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest
from starlette.types import Message
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.http.session_websocket import SessionWebSocket
from app.sessions import EndReason, MemoryStore, Policy, RequestSession, SessionManager
from app.sessions.watch import SessionWatch
from tests.mooring.test_attach import settings
from tests.support.http import http_client
from tests.support.kit import Kit
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings
from tests.users.conftest import PRODUCT
from tests.users.factory import new_product
from tests.users.test_sign_in import name

SHARED = [each for each in STORES if each != "memory"]
CLOSES_WITHIN = 10.0
"""Seconds. After the reload interval anything would close it."""


def _websocket(node: Service, client: httpx.AsyncClient) -> connect:
    cookie = {"cookie": f"session={client.cookies['session']}"}
    return connect(node.url.replace("http", "ws") + "/ws", additional_headers=cookie)


async def _close_code(websocket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(CLOSES_WITHIN):
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


async def test_it_ends_at_the_deadline() -> None:
    brief = settings(session_idle_timeout=60, session_reload_interval=600)
    async with Kit(new_product(brief).app) as test:
        ann = test.browser()
        await ann.post("/login", json={"user": "ann"})
        websocket = await ann.websocket("/ws")
        assert await websocket.receive() == "ann"
        await test.clock.advance(45)
        websocket.send("still there")
        assert await websocket.receive() == "still there"
        await test.clock.advance(20)
        assert await websocket.closed() == 1001


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_it_ends_at_the_deadline_that_a_server_keeps(any_store: StoreSettings) -> None:
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


class _Stop:
    """A stop of the process, until it has looked."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.asked = asyncio.Event()

    def check(self) -> bool:
        return not self.over.is_set()

    async def wait(self) -> bool:
        self.asked.set()
        await self.over.wait()
        return True


@pytest.mark.parametrize("way", ["receive", "send"])
async def test_after_a_stop_of_its_node_nothing_is_handled_or_sent_before_it_has_checked(
    way: str,
) -> None:
    manager = SessionManager(MemoryStore(), Policy(idle=600, absolute=3600))
    request_session = RequestSession(manager, None)
    session = await request_session.get_or_create()
    watch = SessionWatch(manager, interval=3600)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.receive", "text": "of before"}

    async def send(message: Message) -> None:
        sent.append(message)

    websocket = SessionWebSocket(watch, request_session, receive, send)
    await websocket.send({"type": "websocket.accept"})
    watch.stop = stop = _Stop()
    await manager.store.end(session.key, EndReason.REVOKED, keep=60)
    late: Coroutine[Any, Any, Any] = (
        websocket.receive()
        if way == "receive"
        else websocket.send({"type": "websocket.send", "text": "late"})
    )
    task = asyncio.ensure_future(late)
    await stop.asked.wait()
    await watch.check_all()
    stop.over.set()

    if way == "receive":
        assert (await task)["type"] == "websocket.disconnect"
    else:
        with pytest.raises(OSError, match="ended"):
            await task
    await websocket.over()
    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
