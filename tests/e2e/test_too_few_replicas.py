"""Too few replicas, where writes wait for one: reads go on, and an end that is in doubt is applied."""

import time
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.cluster import redis_cluster
from tests.support.eventually import eventually
from tests.support.nodes import pair_on
from tests.support.servers import StoreServer, redis_binary
from tests.support.service import SECRET, service
from tests.support.stores import StoreSettings


@pytest.fixture
async def replica(own_store_server: StoreServer) -> AsyncIterator[StoreServer]:
    """A replica that follows the server."""
    server = StoreServer(redis_binary(), more=["--replicaof", f"127.0.0.1 {own_store_server.port}"])
    own_store_server.command("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    server.start()
    try:
        await eventually(lambda: server.command("ROLE")[3] == "connected", within=10.0)
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("own_store_server", ["redis"], indirect=True)
async def test_reads_go_on_and_a_logout_in_doubt_ends_the_sockets_of_every_node_within_a_second(
    js: JsClients, own_store_server: StoreServer, replica: StoreServer
) -> None:
    url = f"{own_store_server.url}?wait_replicas=1"
    with pair_on(own_store_server, redis_url=url) as pair:
        browser = await pair.browser(js)
        sockets = [await browser.connect(Transport.WEBSOCKET, url=node.url) for node in pair]
        assert await sockets[0].emit("incr") == 1
        # What is on the bus has reached the replica when a later write of the same node has: a message
        # that has not is sent again and again, and those behind it wait.
        await sockets[1].wait_for("current count")
        other = await js.browser(pair.here.url)
        assert (await other.fetch("GET", f"{pair.here.url}/session")).status == 200
        replica.pause()

        answer = await browser.fetch("GET", "/session")
        assert (answer.status, answer.json()["count"]) == (200, 1)
        assert (await browser.fetch("POST", "/incr")).status == 503
        assert (await browser.fetch("GET", "/readyz")).status == 503

        sockets.append(await browser.connect(Transport.WEBSOCKET, url=pair.there.url))

        began = time.monotonic()
        assert (await browser.fetch("POST", "/logout")).status == 503
        ends = [await socket.wait_for("disconnect") for socket in sockets]
        assert {end.args[0] for end in ends} == {"io server disconnect"}
        assert max(end.at for end in ends) - began < 1.0
        replica.resume()


async def test_on_a_cluster_a_logout_in_doubt_ends_the_sockets_of_every_node_within_a_second(
    js: JsClients,
) -> None:
    with redis_cluster(replicas=1) as cluster:
        settings: StoreSettings = {
            "session_store": "redis",
            "redis_url": f"{cluster.url}?wait_replicas=1",
            "session_secrets": SECRET,
        }
        async with service(**settings) as here, service(**settings) as there:
            browser = await js.browser(here.url)
            await eventually(partial(_is_served, browser))  # the replicas may be behind at first
            sockets = [await browser.connect(url=node.url) for node in (here, there)]
            # What is on the bus has reached its replica when this has; see above.
            assert await sockets[0].emit("incr") == 1
            await sockets[1].wait_for("current count")
            replicas = cluster.servers[len(cluster.masters) :]
            for replica in replicas:
                replica.pause()

            assert (await browser.fetch("GET", "/session")).status == 200
            began = time.monotonic()
            assert (await browser.fetch("POST", "/logout")).status == 503
            ends = [await socket.wait_for("disconnect") for socket in sockets]

            assert {end.args[0] for end in ends} == {"io server disconnect"}
            assert max(end.at for end in ends) - began < 1.0
            for replica in replicas:
                replica.resume()


async def _is_served(browser: JsBrowser) -> bool:
    return (await browser.fetch("GET", "/session")).status == 200
