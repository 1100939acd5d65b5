"""What happens to a session on one node happens to its sockets on the other."""

import asyncio
import time
from functools import partial

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.driver import DriverError
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

TRIALS = 1000
AT_ONCE = 50


async def test_two_hundred_mixed_increments_over_two_nodes_lose_none(
    js: JsClients, nodes: list[Service], transport: Transport
) -> None:
    browser = await _browser(js, nodes)
    sockets = [await browser.connect(transport, url=node.url) for node in nodes for _ in range(2)]
    bursts = [socket.burst(*[("incr",)] * 25) for socket in sockets]
    posts = [browser.fetch("POST", f"{nodes[n % 2].url}/incr") for n in range(100)]

    acks, fetched = await asyncio.gather(asyncio.gather(*bursts), asyncio.gather(*posts))

    counts = [ack for burst in acks for _index, ack in burst]
    counts += [response.json() for response in fetched]
    assert sorted(counts) == list(range(1, 201))
    for socket in sockets:
        await eventually(partial(_heard_last, socket, 200))
        heard = socket.values("current count")
        assert heard == sorted(heard)


async def test_logout_on_one_node_reaches_the_sockets_of_the_other_within_a_second(
    js: JsClients, nodes: list[Service]
) -> None:
    here, there = nodes
    late = []
    for _ in range(TRIALS // AT_ONCE):
        late += await asyncio.gather(*(_log_out(js, here, there) for _ in range(AT_ONCE)))

    assert len(late) == TRIALS
    assert max(late) < 1.0


async def _log_out(js: JsClients, here: Service, there: Service) -> float:
    """Seconds from the logout on one node to the disconnect on the other."""
    browser = await js.browser(there.url)
    socket = await browser.connect(Transport.WEBSOCKET)
    start = time.monotonic()
    await browser.fetch("POST", f"{here.url}/logout")
    disconnected = await socket.wait_for("disconnect")
    assert disconnected.args[0] == "io server disconnect"
    await socket.close()
    return disconnected.at - start


async def test_logout_on_one_node_does_not_miss_a_socket_that_is_just_connecting_to_the_other(
    js: JsClients, nodes: list[Service], transport: Transport
) -> None:
    here, there = nodes
    for _ in range(6):
        browser = await js.browser(there.url)
        await browser.fetch("GET", "/session")
        cookie = await browser.cookie_header()
        socket = await browser.connect(transport, wait=False)
        async with http_client(here.url, cookie=cookie) as other:
            await other.post("/logout")
        await browser.clear_cookies()

        await eventually(partial(_let_go_or_anew, socket), within=5.0)
        await socket.close()


async def test_rotation_on_one_node_closes_the_transports_on_the_other(
    js: JsClients, nodes: list[Service], transport: Transport
) -> None:
    browser = await _browser(js, nodes)
    socket = await browser.connect(transport, url=nodes[1].url)
    await browser.fetch("POST", f"{nodes[0].url}/session/rotate")

    disconnected = await socket.wait_for("disconnect", within=1.0)

    assert disconnected.args[0] == "transport close"
    assert socket.values("session ended") == [{"reason": "rotated"}]
    await socket.wait_for("connect", after=disconnected.index)
    assert await socket.emit("incr") == 1


async def test_sockets_are_counted_over_all_nodes_and_right_again_after_one_was_killed(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    settings = server_settings(shared_store_server)
    async with service(**settings) as one, service(**settings) as other:
        browser = await js.browser(one.url)
        await browser.fetch("GET", "/session")
        for node in (one, one, other):
            await browser.connect(url=node.url)
        for node in (one, other):
            await eventually(partial(_counts, browser, node, 3))

        other.kill()

        await eventually(partial(_counts, browser, one, 2))


async def test_expiry_closes_the_sockets_of_both_nodes(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    settings = server_settings(shared_store_server) | {"session_idle_timeout": 2}
    async with service(**settings) as one, service(**settings) as other:
        browser = await js.browser(one.url)
        await browser.fetch("GET", "/session")
        sockets = [await browser.connect(url=node.url) for node in (one, other)]
        await browser.fetch("GET", f"{other.url}/session")
        last = time.monotonic()

        for socket in sockets:
            disconnected = await socket.wait_for("disconnect")
            assert disconnected.args[0] == "transport close"
            assert 1.95 <= disconnected.at - last <= 3


async def _browser(js: JsClients, nodes: list[Service]) -> JsBrowser:
    """A browser with a session."""
    browser = await js.browser(nodes[0].url)
    await browser.fetch("GET", "/session")
    return browser


async def _counts(browser: JsBrowser, node: Service, sockets: int) -> bool:
    answer = await browser.fetch("GET", f"{node.url}/session")
    return bool(answer.json()["sockets"] == sockets)


def _heard_last(socket: JsClient, count: int) -> bool:
    return socket.values("current count")[-1:] == [count]


async def _let_go_or_anew(socket: JsClient) -> bool:
    """Either let go by the logout, or refused by it and connected anew with a session of its own."""
    if not socket.active:
        return True
    try:
        return socket.connected and bool(await socket.emit("incr") == 1)
    except DriverError:  # let go in this very moment
        return False
