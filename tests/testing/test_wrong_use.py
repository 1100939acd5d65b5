"""TestApp: what a test has written wrongly is refused with what to write."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import EVERYBODY, Mooring
from app.mooring import mooring_of
from app.testing import TestApp
from tests.testing.product import product


@pytest.fixture
async def test() -> AsyncIterator[TestApp]:
    """One node."""
    async with TestApp(product()) as started:
        yield started


def _failing() -> Any:
    raise LookupError("no token")


NO_OBJECTS = ["a token", "", ["a token"], 3, 0, True]
NO_JSON = [{"photo": b"x"}, {"photo": {1, 2}}]


@pytest.mark.parametrize("auth", [*NO_OBJECTS, *NO_JSON], ids=repr)
@pytest.mark.parametrize("made", [False, True], ids=["a value", "a function"])
async def test_what_no_client_can_send_as_auth_is_named(
    test: TestApp, auth: Any, made: bool
) -> None:
    says = "JSON has" if auth in NO_JSON else r"takes a dict, .*'token'.*, not an? \w+"
    with pytest.raises(TypeError, match=says):
        await test.browser().connect(auth=(lambda: auth) if made else auth)


async def test_the_error_of_a_function_that_makes_auth_is_raised(test: TestApp) -> None:
    with pytest.raises(LookupError, match="no token"):
        await test.browser().connect(auth=_failing)


async def test_a_socket_whose_auth_was_refused_can_connect_with_another(test: TestApp) -> None:
    socket = await test.browser().connect()
    socket.disconnect()
    with pytest.raises(TypeError, match="takes a dict"):
        await socket.reconnect(auth="a token")
    await socket.reconnect(auth={"token": "a token"})
    assert await socket.call("incr") == 1


@pytest.mark.parametrize("namespace", ["chat", "", "http://testserver/chat"])
async def test_a_namespace_without_a_slash_is_refused(test: TestApp, namespace: str) -> None:
    with pytest.raises(ValueError, match=rf"{namespace!r} is no namespace: .* connect\('/chat'\)"):
        await test.browser().connect(namespace)


async def test_auth_in_the_place_of_the_namespace_is_refused(test: TestApp) -> None:
    auth: Any = {"token": "a token"}
    with pytest.raises(TypeError, match=r"connect\('/chat', auth=…\), not a dict"):
        await test.browser().connect(auth)


async def test_a_node_that_is_not_there_is_named_with_those_that_are(test: TestApp) -> None:
    says = r"there is no node 7: .* has 1, from 0 on; .*nodes=8"
    with pytest.raises(ValueError, match=says):
        await test.browser(node=7).get("/")
    with pytest.raises(ValueError, match=says):
        await test.browser(node=7).connect()
    with pytest.raises(ValueError, match=says):
        await test.browser().connect(node=7)


async def test_a_browser_may_be_there_before_its_node(test: TestApp) -> None:
    browser = test.browser(node=1)
    await test.add_node()
    assert (await browser.post("/incr")).json() == 1


async def test_a_node_is_named_by_its_number(test: TestApp) -> None:
    node: Any = test.nodes[0]
    with pytest.raises(TypeError, match="node= takes its number, as in node=0, not a Node"):
        await test.browser(node=node).connect()


async def test_a_browser_of_an_app_that_is_not_started_says_so() -> None:
    with pytest.raises(ValueError, match=r"no node has been started: .* async with"):
        await TestApp(product()).browser().connect()


def test_a_mooring_in_the_place_of_its_app_is_refused() -> None:
    mooring: Any = Mooring(FastAPI())
    with pytest.raises(TypeError, match=r"takes the FastAPI app, .*mooring\.app.*, not a Mooring"):
        TestApp(mooring)


def test_what_is_no_app_is_refused() -> None:
    name: Any = "shop.main:app"
    with pytest.raises(TypeError, match=r"takes the FastAPI app, not a str"):
        TestApp(name)


async def test_what_is_asked_of_the_app_beside_its_nodes_is_refused(test: TestApp) -> None:
    mooring = mooring_of(test.app)
    socket = await test.browser().connect()

    with pytest.raises(RuntimeError, match=r"mooring\.emitter .* test\.nodes\[0\]\.call"):
        await mooring.emitter.emit("said", "by nobody", to=EVERYBODY)
    with pytest.raises(RuntimeError, match=r"mooring\.users .* test\.nodes\[0\]\.call"):
        await mooring.users.online("ann")
    async with _client_of_httpx(test.app) as client:
        with pytest.raises(RuntimeError, match=r"requests by test\.browser\(\)"):
            await client.post("/incr")

    await test.nodes[0].call(mooring.emitter.emit("said", "by a node", to=EVERYBODY))
    assert await socket.expect("said") == "by a node"


async def test_when_its_nodes_have_gone_the_app_is_used_as_ever() -> None:
    app = product()
    async with TestApp(app, nodes=2) as test:
        test.nodes[1].kill()
    async with app.router.lifespan_context(app), _client_of_httpx(app) as client:
        assert (await client.post("/incr")).json() == 1
        assert await mooring_of(app).emitter.count(EVERYBODY) == 0


def _client_of_httpx(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")
