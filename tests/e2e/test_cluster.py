"""Nodes on a Redis Cluster: what belongs together is on several servers, which move it and die."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.cluster import Cluster, ClusterServer, redis_cluster
from tests.support.eventually import eventually
from tests.support.js_client import JsClient
from tests.support.service import SECRET, Service, service
from tests.support.stores import StoreSettings

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three masters, which keep running."""
    with redis_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster_with_replicas() -> Iterator[Cluster]:
    """Three masters with a replica each, for this test alone."""
    with redis_cluster(replicas=1) as cluster:
        yield cluster


def _settings(cluster: Cluster) -> StoreSettings:
    return {"session_store": "redis", "redis_url": cluster.url, "session_secrets": SECRET}


async def test_sockets_on_three_nodes_are_counted_hear_the_count_and_end_with_the_session(
    js: JsClients, cluster: Cluster
) -> None:
    settings = _settings(cluster)
    async with service(**settings) as one, service(**settings) as two, service(**settings) as three:
        nodes = [one, two, three]
        for _ in range(4):  # sessions on other servers than their nodes' channels and the bus
            browser = await js.browser(one.url)
            await browser.fetch("GET", "/session")
            sockets = [await browser.connect(url=node.url) for node in nodes]
            for node in nodes:
                await eventually(partial(_counts, browser, node, 3))
            answers = await asyncio.gather(*(socket.emit("incr") for socket in sockets))
            assert sorted(answers) == [1, 2, 3]
            for socket in sockets:
                await eventually(partial(_heard_last, socket, 3))
            await browser.fetch("POST", f"{two.url}/logout")
            for socket in sockets:
                assert (await socket.wait_for("disconnect")).args[0] == "io server disconnect"
        three.kill()
        browser = await js.browser(one.url)
        await browser.connect(url=two.url)
        await eventually(partial(_counts, browser, one, 1))


async def test_a_session_that_moves_to_another_server_in_traffic_loses_no_increment(
    js: JsClients, cluster: Cluster
) -> None:
    async with service(**_settings(cluster)) as node:
        browser = await js.browser(node.url)
        before = _session_keys(cluster)
        await browser.fetch("GET", "/session")
        [name] = _session_keys(cluster) - before
        sockets = [await browser.connect(transport) for transport in Transport]
        source = cluster.owner(name)
        target = next(server for server in cluster.masters if server is not source)

        counting = [asyncio.create_task(_count(socket, 100)) for socket in sockets]
        await asyncio.to_thread(cluster.begin_to_move, name, target)
        await asyncio.to_thread(cluster.end_move, name, target)
        answers = [count for counts in await asyncio.gather(*counting) for count in counts]

        assert cluster.owner(name) is target
        assert sorted(answers) == list(range(1, 301))
        assert (await browser.fetch("POST", "/incr")).json() == 301


async def test_a_replica_takes_over_from_a_master_that_was_killed_and_no_socket_notices(
    js: JsClients, cluster_with_replicas: Cluster
) -> None:
    cluster = cluster_with_replicas
    async with service(**_settings(cluster)) as node:
        browser = await js.browser(node.url)
        socket = await browser.connect()
        assert await socket.emit("incr") == 1
        [name] = _session_keys(cluster)
        master = cluster.owner(name)
        replica = cluster.servers[cluster.servers.index(master) + 3]
        await eventually(lambda: _offset(replica) >= _offset(master))

        master.kill()

        await eventually(lambda: replica.is_master, within=20.0)
        count = await eventually(lambda: _incremented(browser), within=20.0)
        assert count >= 2
        assert await socket.emit("incr") == count + 1
        assert not socket.named("disconnect")
        await eventually(partial(_counts, browser, node, 1), within=10.0)


def _session_keys(cluster: Cluster) -> set[str]:
    return {name for server in cluster.masters for name in server.session_keys()}


async def _counts(browser: JsBrowser, node: Service, sockets: int) -> bool:
    answer = await browser.fetch("GET", f"{node.url}/session")
    return bool(answer.json().get("sockets") == sockets)


async def _count(socket: JsClient, times: int) -> list[int]:
    return [await socket.emit("incr") for _ in range(times)]


async def _incremented(browser: JsBrowser) -> int:
    """The new count, 0 while there is none."""
    answer = await browser.fetch("POST", "/incr")
    assert answer.status in (200, 503)
    return int(answer.json()) if answer.status == 200 else 0


def _offset(server: ClusterServer) -> int:
    """How far a server's copy of the master's writes reaches."""
    role = server.command("ROLE")
    return int(role[1] if role[0] == "master" else role[4])


def _heard_last(socket: JsClient, count: int) -> bool:
    return socket.values("current count")[-1:] == [count]
