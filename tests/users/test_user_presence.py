"""`on_user_online` and `on_user_offline`: once each over all nodes, also where a node is killed."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.browsers import JsClients
from tests.support.eventually import eventually, stays
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings
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


async def test_one_who_comes_and_goes_is_told_of_once_and_nobody_of_strangers(
    js: JsClients, start: StartNode, told: Told
) -> None:
    node, user = await start(), name()
    sockets = [await _socket(js, node, user) for _ in range(2)]
    await js.connect(node.url)
    await told.wait_for(user, ["online"])
    assert await _online(node, user)

    await sockets[0].close()
    await stays(lambda: told.of(user) == ["online"], during=0.2)
    await sockets[1].close()

    await told.wait_for(user, ["online", "offline"])
    assert not await _online(node, user)
    assert "error" not in node.log()


async def test_a_sign_in_once_more_is_no_coming_and_going(
    js: JsClients, start: StartNode, told: Told
) -> None:
    node, user = await start(), name()
    browser = await js.browser(node.url)
    await browser.post_json("/login", {"user": user})
    socket = await browser.connect(within=SLOW)
    await told.wait_for(user, ["online"])

    mark = socket.mark
    await browser.post_json("/login", {"user": user})
    await socket.wait_for("connect", after=mark, within=SLOW)

    await stays(lambda: told.of(user) == ["online"], during=1.3)


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_over_all_nodes_it_is_told_once(js: JsClients, start: StartNode, told: Told) -> None:
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
