"""P22: the JavaScript client behind balancers that send each request to another node."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tests.support.balancer import balancer_in_turn
from tests.support.browsers import DriverError, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.metrics import counted
from tests.support.nginx_proxy import nginx_proxy
from tests.support.processes import free_port
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
NAME = "nodes.test"
NGINX = """
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_buffering off;
    proxy_read_timeout 60s;
"""
EVENTS = 40


@dataclass(frozen=True)
class Front:
    """Nodes, and where clients go."""

    url: str
    nodes: Sequence[Service]

    async def counted(self, name: str, **labels: str) -> float:
        """What all nodes that run have counted."""
        total = 0.0
        for node in self.nodes:
            if node.alive:
                async with http_client(node.url) as http:
                    total += await counted(http, name, **labels)
        return total


@asynccontextmanager
async def _front(kind: str, server: StoreServer, nodes: int, js: JsClients) -> AsyncIterator[Front]:
    port = free_port()
    addresses = ADDRESSES[:nodes]
    settings = server_settings(server)
    module = "tests.support.extended_app"
    running = [service(module=module, host=each, port=port, **settings) for each in addresses]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(each) for each in running))
        if kind == "nginx":
            servers = [f"{each}:{port}" for each in addresses]
            url = stack.enter_context(nginx_proxy(servers, NGINX))
        elif kind == "haproxy":
            front = balancer_in_turn(list(addresses), port)
            url = (await stack.enter_async_context(front)).url
        else:
            await js.name(NAME, addresses)
            url = f"http://{NAME}:{port}"
        yield Front(url, running)


@pytest.fixture(params=["nginx", "haproxy", "dns"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of balancer in turn."""
    name: str = request.param
    return name


@pytest.mark.parametrize("nodes", [2, 3])
async def test_every_client_is_served_in_order_whichever_node_its_requests_go_to(
    js: JsClients, valkey: StoreServer, kind: str, nodes: int
) -> None:
    async with _front(kind, valkey, nodes, js) as front:
        browser = await js.browser(front.url)
        await browser.fetch("GET", "/session")
        sockets = [
            await browser.connect(transport, wait=False)
            for transport in Transport
            for _ in range(2)
        ]
        for socket in sockets:
            await socket.wait_until_connected()
        bursts = await asyncio.gather(*map(_numbers, sockets))
        assert all(burst == list(range(EVENTS)) for burst in bursts)
        count = (await browser.fetch("POST", "/incr")).json()
        for socket in sockets:
            await socket.wait_for("current count", where=lambda event: event.args == (count,))
            assert not socket.named("disconnect")

        assert await front.counted("mooring_carried_requests_total", outcome="answered") > 0
        assert await front.counted("mooring_carried_requests_total", outcome="refused") == 0
        upgraded = [each.transport for each in sockets if each.named("upgrade")]
        refused = await front.counted("mooring_refusals_total", kind="upgrade-elsewhere")
        assert len(upgraded) + refused == 2  # of the two that may upgrade
        assert {each.transport for each in sockets[:2]} == {"websocket"}

        assert (await browser.fetch("POST", "/logout")).status == 204
        for socket in sockets:
            ended = await socket.wait_for("session ended")
            assert ended.args == ({"reason": "logout"},)
            gone = await socket.wait_for("disconnect")
            assert gone.args[0] == "io server disconnect"


async def _numbers(socket: JsClient) -> list[int]:
    """Acks of events that were sent one after the other, and in one breath."""
    for _ in range(5):
        await socket.emit("peek")
    burst = await socket.burst(*[("note", number) for number in range(EVENTS)])
    return [ack for _, ack in burst]


async def test_when_the_node_of_its_socket_is_killed_a_client_connects_anew(
    js: JsClients, valkey: StoreServer, kind: str
) -> None:
    async with _front(kind, valkey, 3, js) as front:
        browser = await js.browser(front.url)
        await browser.fetch("GET", "/session")
        sockets = [await browser.connect(Transport.POLLING) for _ in range(3)]
        front.nodes[0].kill()
        if kind == "dns":  # else the balancer finds that
            await js.name(NAME, ADDRESSES[1:])

        await asyncio.gather(*(eventually(partial(_emits, each), within=15.0) for each in sockets))
        counts = [await socket.emit("incr") for socket in sockets]
        assert counts == [1, 2, 3]


async def _emits(socket: JsClient) -> bool:
    try:
        return socket.connected and await socket.emit("peek", within=2.0) is not None
    except DriverError:  # it has found that its node is gone
        return False
