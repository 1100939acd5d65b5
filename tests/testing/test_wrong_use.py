"""TestApp: what a test has written wrongly is refused with what to write."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import EVERYBODY, Mooring
from app.mooring import mooring_of
from app.testing import ClientSocket, FakeClock, TestApp
from tests.testing.product import product


@pytest.fixture
async def test() -> AsyncIterator[TestApp]:
    """One node."""
    async with TestApp(product()) as started:
        yield started


def _failing() -> Any:
    raise LookupError("no token")


def _not_to_be_called(*_arguments: Any) -> Any:
    pytest.fail("it is not to be called")  # raises what is no Exception


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
    with pytest.raises(pytest.fail.Exception, match="not to be called"):
        await test.browser().connect(auth=_not_to_be_called)


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


async def test_a_test_app_that_runs_is_not_started_again(test: TestApp) -> None:
    with pytest.raises(
        RuntimeError, match=r"the one of make_test_app runs already, without async with"
    ):
        async with test:
            pass
    assert (await test.browser().post("/incr")).json() == 1


async def test_a_test_app_that_was_stopped_is_not_started_again_and_gets_no_node() -> None:
    test = TestApp(product())
    with pytest.raises(RuntimeError, match="does not run: write async with"):
        await test.add_node()
    async with test:
        pass
    with pytest.raises(RuntimeError, match="does not run: write async with"):
        await test.add_node()
    with pytest.raises(RuntimeError, match="what has been stopped is not started again"):
        async with test:
            pass
    assert not [each for each in threading.enumerate() if each.name == "mooring node"]


@pytest.mark.parametrize("nodes", [0, -1])
def test_a_test_app_without_nodes_is_refused(nodes: int) -> None:
    with pytest.raises(ValueError, match=f"nodes={nodes} starts none"):
        TestApp(product(), nodes=nodes)


@pytest.mark.parametrize("nodes", ["2", 1.5, None])
def test_nodes_are_a_number(nodes: Any) -> None:
    with pytest.raises(TypeError, match=r"as in nodes=2, not a (str|float|NoneType)"):
        TestApp(product(), nodes=nodes)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
async def test_a_clock_is_moved_by_a_number(seconds: float) -> None:
    with pytest.raises(ValueError, match="is not moved by"):
        await FakeClock().advance(seconds)


def _wrong_answer(_number: int) -> None:
    raise LookupError("nothing of that number")


async def _late_answer(number: int) -> int:
    return number


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (_wrong_answer, LookupError, "nothing of that number"),
        (_late_answer, TypeError, r"answers\['question'\] is a coroutine function"),
        (_not_to_be_called, pytest.fail.Exception, "it is not to be called"),
    ],
)
async def test_an_answer_that_fails_is_raised_by_what_waits_next_or_by_the_end(
    answer: Any, error: type[BaseException], says: str
) -> None:
    with pytest.raises(error, match=says):  # noqa: PT012 - the end raises it, too
        async with TestApp(product()) as test:
            asked = await _ask(test, answer)
            with pytest.raises(error, match=says):
                await asked.expect("never")
            assert await asked.call("incr") == 1
            await _ask(test, answer)


async def _ask(test: TestApp, answer: Any) -> ClientSocket:
    """Have a socket asked for something, and nobody wait for its answer."""
    browser = test.browser()
    socket = await browser.connect()
    socket.answers["question"] = answer
    asking = asyncio.create_task(browser.get(f"/ask/{socket.sid}"))
    await test.settle()
    asking.cancel()
    await asyncio.wait([asking])
    return socket


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
