"""deploy/haproxy.cfg in front of two nodes: who is served by which, and what happens when one goes."""

import asyncio
from functools import partial

import pytest

from tests.deploy.conftest import Front, nodes_behind_balancer
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer, store_server
from tests.support.service import Service, service
from tests.support.stores import server_settings

CROWD = 6

Visitor = tuple[JsBrowser, JsClient]


async def _visitors(js: JsClients, front: Front, transport: Transport) -> list[Visitor]:
    """Browsers with a session and a socket each, on both nodes."""
    browsers = [await js.browser(front.url) for _ in range(CROWD)]
    for browser in browsers:
        await browser.fetch("GET", "/session")
    visitors = [(browser, await browser.connect(transport)) for browser in browsers]
    for node in front.nodes:
        await eventually(partial(_has_sockets, node))
    return visitors


def _has_sockets(node: Service) -> bool:
    return "socket connected" in node.log()


@pytest.mark.every_transport
async def test_sockets_of_all_transports_stay_on_their_node_and_count(
    js: JsClients, front: Front, transport: Transport
) -> None:
    for browser, socket in await _visitors(js, front, transport):
        answers = await socket.burst(*[("incr",)] * 20)
        assert [ack for _index, ack in answers] == list(range(1, 21))
        assert (await browser.fetch("POST", "/incr")).json() == 21
        await eventually(partial(_received_last, socket, 21))
        assert not socket.named("disconnect")


async def test_clients_of_a_killed_node_are_back_on_the_other_with_their_session_and_count(
    js: JsClients, front: Front, transport: Transport
) -> None:
    visitors = await _visitors(js, front, transport)
    for _browser, socket in visitors:
        assert await socket.emit("incr") == 1

    front.nodes[0].kill()

    for browser, socket in visitors:
        await eventually(partial(_is_connected, browser, socket), within=20.0)
        assert await socket.emit("incr") == 2
    assert any(socket.named("disconnect") for _browser, socket in visitors)
    assert not all(socket.named("disconnect") for _browser, socket in visitors)


async def test_a_node_that_drains_gets_no_new_sockets_and_its_old_ones_receive_session_ended(
    js: JsClients, front: Front, transport: Transport
) -> None:
    visitors = await _visitors(js, front, transport)
    draining = front.nodes[0]

    draining.terminate()
    await front.balancer.has_ready(1)
    assert draining.alive
    newcomers = [await (await js.browser(front.url)).connect(transport) for _ in range(CROWD)]

    for newcomer in newcomers:
        assert [event.args[0]["status"] for event in newcomer.named("handshake")][:1] != [503]
        assert await newcomer.emit("incr") == 1
    await eventually(lambda: not draining.alive, within=12.0)
    moved = [socket for _browser, socket in visitors if socket.values("session ended")]
    assert 0 < len(moved) < len(visitors)
    for browser, socket in visitors:
        assert socket.values("session ended") in ([], [{"reason": "shutdown"}])
        await eventually(partial(_is_connected, browser, socket), within=20.0)
        assert await socket.emit("incr") == 1


async def test_while_the_store_is_away_nodes_answer_for_themselves_and_keep_their_sockets(
    js: JsClients,
) -> None:
    with store_server("valkey") as store:
        async with nodes_behind_balancer(store) as front:
            await _outage(js, front, store)


async def _outage(js: JsClients, front: Front, store: StoreServer) -> None:
    visitors = [
        *await _visitors(js, front, Transport.POLLING),
        *await _visitors(js, front, Transport.UPGRADED),
    ]
    store.pause()
    await front.balancer.has_ready(0)
    async with http_client(front.url) as client:
        away = await client.get("/session", headers={"origin": "http://localhost:4200"})
        assert (await client.get("/healthz")).status_code == 200
    assert problem(away) == (503, "store-unavailable")
    assert int(away.headers["retry-after"]) >= 1
    assert away.headers["access-control-allow-origin"] == "http://localhost:4200"
    acks = await asyncio.gather(*(socket.emit("incr") for _browser, socket in visitors))
    assert {ack["error"]["type"] for ack in acks} == {"store-unavailable"}

    store.resume()

    await front.balancer.has_ready(2)
    for browser, socket in visitors:
        await eventually(partial(_is_connected, browser, socket), within=20.0)
        assert not socket.named("disconnect")


async def test_nodes_that_come_and_go_by_name_are_found_and_left(
    js: JsClients, front: Front, valkey: StoreServer
) -> None:
    third, port = "127.0.0.4", front.nodes[0].port
    async with service(host=third, port=port, **server_settings(valkey)) as newcomer:
        front.balancer.names.addresses.append(third)
        await front.balancer.has_ready(3)
        front.balancer.names.addresses = [third]
        await front.balancer.has_ready(1)

        socket = await (await js.browser(front.url)).connect(Transport.POLLING)

        assert await socket.emit("incr") == 1
        assert _has_sockets(newcomer)


@pytest.mark.parametrize("path", ["/session", "/socket.io/?EIO=4&transport=polling"])
async def test_with_no_node_left_the_balancer_says_so_as_a_node_would(
    front: Front, path: str
) -> None:
    for node in front.nodes:
        node.kill()
    await front.balancer.has_ready(0)

    async with http_client(front.url) as client:
        answer = await client.get(path)

    assert problem(answer) == (503, "no-node")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"


async def _is_connected(browser: JsBrowser, socket: JsClient) -> bool:
    answer = await browser.fetch("GET", "/session")
    return socket.connected and answer.status == 200 and answer.json()["sockets"] == 1


def _received_last(socket: JsClient, count: int) -> bool:
    return socket.values("current count")[-1:] == [count]
