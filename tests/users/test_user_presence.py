"""`on_user_online` and `on_user_offline`: once each over all nodes, also where a node is killed."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.mooring.test_attach import settings
from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.kit import Kit
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings
from tests.users.factory import new_product
from tests.users.test_sign_in import name

PRODUCT = "tests.users.presence_product:app"
SHARED = [each for each in STORES if each != "memory"]
SLOW = 10.0

StartNode = Callable[[], Awaitable[Service]]


class Told:
    """What all nodes have been told, in a file that they append to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, user: str) -> list[str]:
        """Return what was told of a user."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        told = [json.loads(each) for each in lines]
        return [what for what, who in told if who == user]

    async def wait_for(self, user: str, expected: list[str]) -> None:
        """Wait until that has been told of a user, and nothing else."""
        await eventually(lambda: self.of(user) == expected, within=SLOW)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "told")


@pytest.fixture
async def start(any_store: StoreSettings, told: Told) -> AsyncIterator[StartNode]:
    """Starts nodes of the product."""
    async with AsyncExitStack() as stack:

        async def start_one() -> Service:
            node = service(app=PRODUCT, told=told.path, **any_store)
            return await stack.enter_async_context(node)

        yield start_one


async def _socket(js: JsClients, node: Service, user: str) -> JsClient:
    """Return a socket of a new session of a user."""
    async with http_client(node.url) as client:
        await client.post("/login", json={"user": user})
        browser = await js.browser(node.url, cookie=f"session={client.cookies['session']}")
    return await browser.connect(options={"reconnection": False}, within=SLOW)


async def _online(node: Service, user: str) -> bool:
    async with http_client(node.url) as client:
        return bool((await client.get(f"/online/{user}")).json())


def _product(told: list[str]) -> FastAPI:
    """Return the product, which notes in a list who has come and who has gone."""
    mooring = new_product(settings())

    @mooring.on_user_online
    async def online(user: str) -> None:
        told.append(f"{user} online")

    @mooring.on_user_offline
    def offline(user: str) -> None:
        told.append(f"{user} offline")

    return mooring.app


async def test_one_who_comes_and_goes_is_reported_once_and_no_strangers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[str] = []
    async with Kit(_product(told)) as test:
        ann = test.browser()
        await ann.post("/login", json={"user": "ann"})
        sockets = [await ann.connect() for _ in range(2)]
        await test.browser().connect()
        await test.settle()
        assert told == ["ann online"]
        assert (await ann.get("/online/ann")).json()

        sockets[0].disconnect()
        await test.clock.advance(5)
        assert told == ["ann online"]
        sockets[1].disconnect()
        await test.clock.advance(5)

        await eventually(lambda: told == ["ann online", "ann offline"])  # by a thread
        assert not (await ann.get("/online/ann")).json()
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_a_sign_in_once_more_is_no_coming_and_going() -> None:
    told: list[str] = []
    async with Kit(_product(told)) as test:
        ann = test.browser()
        await ann.post("/login", json={"user": "ann"})
        socket = await ann.connect()

        await ann.post("/login", json={"user": "ann"})
        assert await socket.disconnected() == "transport close"
        await socket.reconnect()

        await test.clock.advance(5)
        assert told == ["ann online"]


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_over_all_nodes_it_is_reported_once(
    js: JsClients, start: StartNode, told: Told
) -> None:
    nodes = [await start() for _ in range(2)]
    users = [name() for _ in range(5)]
    sockets = [await _socket(js, node, user) for user in users for node in nodes]
    for user in users:
        await told.wait_for(user, ["online"])

    for each in sockets:
        await each.close()

    for user in users:
        await told.wait_for(user, ["online", "offline"])


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_it_is_right_again_after_a_node_was_killed(
    js: JsClients, start: StartNode, told: Told
) -> None:
    here, killed = await start(), await start()
    gone, elsewhere = name(), name()
    for user, node in ((gone, killed), (elsewhere, killed), (elsewhere, here)):
        await _socket(js, node, user)
    for user in (gone, elsewhere):
        await told.wait_for(user, ["online"])

    killed.kill()

    await told.wait_for(gone, ["online", "offline"])
    assert told.of(elsewhere) == ["online"]
    assert not await _online(here, gone)
    assert await _online(here, elsewhere)
