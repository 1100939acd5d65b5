"""deploy/haproxy.cfg in front of two nodes."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from tests.support.balancer import CONFIGURATION, balancer, haproxy_binary
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings


@dataclass
class Cluster:
    """Two nodes behind the balancer."""

    url: str
    nodes: list[Service]


@pytest.fixture
async def cluster(valkey: StoreServer) -> AsyncIterator[Cluster]:
    """Two nodes behind the balancer, for this test alone."""
    async with AsyncExitStack() as stack:
        settings = server_settings(valkey)
        nodes = [await stack.enter_async_context(service(**settings)) for _ in range(2)]
        front = stack.enter_context(ExitStack())
        url = await asyncio.to_thread(front.enter_context, balancer(nodes))
        yield Cluster(url, nodes)


def test_the_configuration_is_valid_as_it_stands() -> None:
    checked = subprocess.run(
        [haproxy_binary(), "-c", "-f", str(CONFIGURATION)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


async def test_sockets_of_all_transports_count_through_the_balancer(
    js: JsClients, cluster: Cluster, transport: Transport
) -> None:
    browsers = [await js.browser(cluster.url) for _ in range(4)]
    for browser in browsers:
        socket = await browser.connect(transport)
        answers = await socket.burst(*[("incr",)] * 20)
        assert [ack for _index, ack in answers] == list(range(1, 21))
        assert (await browser.fetch("POST", "/incr")).json() == 21
    assert all("socket moored" in node.log() for node in cluster.nodes)


async def test_the_clients_of_a_killed_node_are_back_on_the_other_with_the_same_session(
    js: JsClients, cluster: Cluster
) -> None:
    sockets = []
    for _ in range(6):
        browser = await js.browser(cluster.url)
        socket = await browser.connect(Transport.POLLING)
        assert await socket.emit("incr") == 1
        sockets.append((browser, socket))

    cluster.nodes[0].kill()

    for browser, socket in sockets:
        await eventually(partial(_counts_on, browser, socket), within=20.0)


async def _counts_on(browser: JsBrowser, socket: JsClient) -> bool:
    answer = await browser.fetch("GET", "/session")
    return socket.connected and answer.status == 200 and answer.json()["sockets"] == 1


async def test_a_draining_node_gets_no_new_sockets_and_its_old_ones_hear_their_farewell(
    js: JsClients, cluster: Cluster, transport: Transport
) -> None:
    sockets = [await (await js.browser(cluster.url)).connect(transport) for _ in range(4)]
    cluster.nodes[0].terminate()
    await eventually(lambda: not cluster.nodes[0].alive, within=12.0)

    told = [socket for socket in sockets if socket.values("session ended")]
    assert told, "the balancer gave the node no sockets"
    for socket in told:
        assert socket.values("session ended") == [{"reason": "shutdown"}]
        await eventually(lambda socket=socket: socket.connected, within=10.0)  # type: ignore[misc] # bound now
        assert await socket.emit("incr") == 1


async def test_what_clients_say_of_themselves_does_not_get_through(cluster: Cluster) -> None:
    spoofed = {"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https", "x-request-id": "mine"}
    async with http_client(cluster.url) as client:
        answer = await client.get("/session", headers=spoofed)
        metrics = await client.get("/metrics")

    assert answer.headers["x-request-id"] != "mine"
    assert answer.headers["strict-transport-security"] == "max-age=300"
    assert metrics.status_code == 404


async def test_headers_that_are_too_large_or_too_slow_are_refused(cluster: Cluster) -> None:
    async with http_client(cluster.url) as client:
        large = await client.get("/session", headers={"x-large": "x" * 20_000})
    assert large.status_code == 400

    assert await _status(cluster.url, b"GET /session HTTP/1.1\r\nHost: x\r\n") == 408


async def test_a_large_body_is_refused_before_it_is_sent(cluster: Cluster) -> None:
    head = b"POST /incr HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n"

    assert await _status(cluster.url, head) == 413


async def _status(url: str, sent: bytes) -> int:
    """The status of the answer to these bytes, once it comes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    line = await asyncio.wait_for(reader.readline(), timeout=15)
    writer.close()
    return int(line.split(b" ")[1])
