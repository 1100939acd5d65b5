"""An emit reaches the sockets of both nodes, each once and in order."""

from functools import partial

import pytest

from tests.support.browsers import JsBrowser, JsClients
from tests.support.eventually import eventually, stays
from tests.support.js_client import JsClient
from tests.support.nodes import Pair


@pytest.fixture
async def browser(js: JsClients, pair: Pair) -> JsBrowser:
    """A browser with a session on both nodes."""
    return await pair.browser(js)


@pytest.fixture
async def sockets(pair: Pair, browser: JsBrowser) -> list[JsClient]:
    """One of its sockets on each node."""
    return [await browser.connect(url=node.url) for node in pair]


async def test_an_emit_to_a_session_s_room_is_heard_on_both_nodes_once(
    pair: Pair, browser: JsBrowser, sockets: list[JsClient]
) -> None:
    for node, word in zip(pair, ("one", "two"), strict=True):
        await shout(browser, node.url, [word])
    for socket in sockets:
        await eventually(partial(has_heard, socket, {"one", "two"}))
        await stays(partial(has_heard, socket, {"one", "two"}), during=0.2)


async def test_an_emit_of_an_event_handler_is_heard_on_the_other_node(
    sockets: list[JsClient],
) -> None:
    await sockets[0].emit("shout", "to all", False)
    for socket in sockets:
        await eventually(partial(has_heard, socket, {"to all"}))


async def test_an_emit_may_leave_out_its_sender(sockets: list[JsClient]) -> None:
    here, there = sockets
    await here.emit("shout", "to the others", True)
    await eventually(partial(has_heard, there, {"to the others"}))
    assert here.values("shout") == []


async def test_an_emit_to_one_socket_finds_it_on_the_other_node(
    sockets: list[JsClient],
) -> None:
    here, there = sockets
    await here.emit("whisper", there.id, "psst")
    await eventually(partial(has_heard, there, {"psst"}))
    assert here.values("shout") == []


async def test_bytes_are_still_bytes_on_the_other_node(sockets: list[JsClient]) -> None:
    here, there = sockets
    await here.emit("send bytes")
    event = await there.wait_for("bytes")
    assert event.args[0]["raw"] == {"type": "Buffer", "data": [0, 255]}
    assert event.args[0]["plain"] == 1


async def test_two_hundred_emits_of_one_node_are_heard_in_order_on_both(
    pair: Pair, browser: JsBrowser, sockets: list[JsClient]
) -> None:
    await shout(browser, pair.here.url, list(range(200)))
    for socket in sockets:
        await eventually(partial(has_heard_in_order, socket, list(range(200))))


async def test_what_is_for_a_session_is_not_heard_by_another_session(
    js: JsClients, pair: Pair, browser: JsBrowser, sockets: list[JsClient]
) -> None:
    stranger = await (await pair.browser(js)).connect(url=pair.there.url)
    await shout(browser, pair.here.url, ["private"])
    await eventually(partial(has_heard, sockets[1], {"private"}))
    assert stranger.values("shout") == []


async def shout(browser: JsBrowser, url: str, words: list[object]) -> None:
    """Have a node emit words to the room of the browser's session."""
    room = (await browser.fetch("GET", f"{url}/room")).json()
    await browser.post_json(f"{url}/shout/{room}", words)


def has_heard(socket: JsClient, words: set[str]) -> bool:
    """Whether a socket has heard each of these once, and nothing else."""
    return sorted(socket.values("shout")) == sorted(words)


def has_heard_in_order(socket: JsClient, words: list[int]) -> bool:
    """Whether a socket has heard exactly these, in this order."""
    return socket.values("shout") == words
