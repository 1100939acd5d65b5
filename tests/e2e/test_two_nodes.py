"""P1, P7 and P16 over two nodes on one server: what happens on one happens on the other."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.js_client import JsClient
from tests.support.nodes import Pair, pair_on
from tests.support.service import Service


async def test_two_hundred_increments_over_both_edges_and_nodes_are_answered_1_to_200(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    sockets = [
        await browser.connect(transport, url=node.url)
        for node in pair
        for transport in (Transport.WEBSOCKET, Transport.POLLING)
    ]
    bursts = (socket.burst(*[("incr",)] * 25) for socket in sockets)
    posts = (browser.fetch("POST", f"{node.url}/incr") for node in pair for _ in range(50))

    acks, answers = await asyncio.gather(asyncio.gather(*bursts), asyncio.gather(*posts))

    counts = [ack for burst in acks for _index, ack in burst]
    counts += [answer.json() for answer in answers]
    assert sorted(counts) == list(range(1, 201))
    for node in pair:
        assert await count_of(browser, node) == 200


async def test_what_every_socket_of_both_nodes_heard_last_is_the_stored_count(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    sockets = await pair.connect_everywhere(browser)
    chance = random.Random(16)

    for _ in range(8):
        writes: list[Callable[[], Awaitable[object]]] = []
        writes += [partial(socket.send, "incr") for socket in sockets for _ in range(4)]
        writes += [partial(browser.fetch, "POST", f"{n.url}/incr") for n in pair for _ in range(10)]
        chance.shuffle(writes)
        await asyncio.gather(*(write() for write in writes))

        await eventually(partial(all_heard_last, sockets, browser, pair.there))

    for socket in sockets:
        heard = socket.values("current count")
        assert heard == sorted(set(heard))
    assert await count_of(browser, pair.here) == 8 * (len(sockets) * 4 + 20)


async def test_a_write_on_one_node_is_seen_by_the_next_event_on_the_other(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    socket = await browser.connect(url=pair.there.url)
    for count in range(1, 20, 2):
        assert (await browser.fetch("POST", "/incr")).json() == count
        assert await socket.emit("incr") == count + 1


async def test_rotation_on_one_node_closes_the_transports_on_the_other(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    await browser.fetch("POST", "/incr")
    sockets = await pair.connect_everywhere(browser)
    began = time.monotonic()

    assert (await browser.fetch("POST", "/session/rotate")).status == 204

    for socket in sockets:
        disconnected = await socket.wait_for("disconnect", within=2.0)
        assert disconnected.args[0] == "transport close"
        assert disconnected.at - began < 1
        assert socket.values("session ended") == [{"reason": "rotated"}]
        await socket.wait_for("connect", after=disconnected.index)
    for count, socket in enumerate(sockets, start=2):
        assert await socket.emit("incr") == count


async def test_expiry_closes_the_sockets_of_both_nodes_and_each_comes_back_to_a_new_session(
    js: JsClients, pair: Pair
) -> None:
    with pair_on(pair.server, session_idle_timeout=2) as brief:
        browser = await brief.browser(js)
        await browser.fetch("POST", "/incr")
        sockets = await brief.connect_everywhere(browser)
        # The one that pushes the deadline back is not the one that noted it.
        await browser.fetch("GET", f"{brief.there.url}/session")
        sent = time.monotonic()

        for socket in sockets:
            disconnected = await socket.wait_for("disconnect")
            assert disconnected.args[0] == "transport close"
            assert 1.9 < disconnected.at - sent < 3
            assert socket.values("session ended") == [{"reason": "expired"}]
            await socket.wait_for("connect", after=disconnected.index)
        assert min([await socket.emit("incr") for socket in sockets]) == 1


async def test_sockets_are_counted_over_both_nodes(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    sockets = []
    for number, node in enumerate([pair.here, pair.there, pair.there], start=1):
        sockets.append(await browser.connect(url=node.url))
        for asked in pair:
            await eventually(partial(has_sockets, browser, asked, number))
    for number, socket in enumerate(sockets):
        await socket.close()
        for asked in pair:
            await eventually(partial(has_sockets, browser, asked, 2 - number))


async def test_sockets_are_counted_right_again_after_a_node_was_killed(
    js: JsClients, own_pair: Pair
) -> None:
    browser = await own_pair.browser(js)
    for node in (own_pair.here, own_pair.there, own_pair.there):
        await browser.connect(url=node.url)
    await eventually(partial(has_sockets, browser, own_pair.here, 3))

    own_pair.there.kill()

    await eventually(partial(has_sockets, browser, own_pair.here, 1))
    await browser.connect()
    await eventually(partial(has_sockets, browser, own_pair.here, 2))


async def count_of(browser: JsBrowser, node: Service) -> int:
    """The session's count, as a node gives it."""
    return int((await browser.fetch("GET", f"{node.url}/session")).json()["count"])


async def has_sockets(browser: JsBrowser, node: Service, number: int) -> bool:
    """Whether a node says that the session has so many sockets."""
    answer = await browser.fetch("GET", f"{node.url}/session")
    return bool(answer.json()["sockets"] == number)


async def all_heard_last(sockets: list[JsClient], browser: JsBrowser, node: Service) -> bool:
    """Whether the last `current count` of every socket is what is stored."""
    stored = await count_of(browser, node)
    return all(socket.values("current count")[-1:] == [stored] for socket in sockets)
