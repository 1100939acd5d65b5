"""deploy/haproxy.cfg: nothing but a socket decides which node a browser's sockets stay on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from tests.deploy.conftest import Front, nodes_behind_balancer
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.servers import store_server

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
CROWD = 6


@asynccontextmanager
async def _asking(browser: JsBrowser) -> AsyncIterator[list[int]]:
    """Have a page ask without pause; gives the answers' status codes as they come."""
    statuses: list[int] = []

    async def ask() -> None:
        while True:
            statuses.append((await browser.fetch("POST", "/incr")).status)

    asking = asyncio.create_task(ask())
    try:
        yield statuses
    finally:
        asking.cancel()
        await asyncio.wait([asking])


def _all_have(status: int, pages: list[list[int]]) -> bool:
    return all(status in statuses for statuses in pages)


async def test_requests_go_to_any_node_and_handshakes_say_which_it_is(front: Front) -> None:
    async with http_client(front.url) as client:
        requested = await client.get("/session")
        shaken = await client.get(HANDSHAKE)

    assert requested.status_code == shaken.status_code == 200
    assert [each.split("=")[0] for each in requested.headers.get_list("set-cookie")] == ["session"]
    assert [each.split("=")[0] for each in shaken.headers.get_list("set-cookie")] == ["node"]


async def test_polling_sockets_stay_while_the_store_is_away_and_their_pages_keep_asking(
    js: JsClients,
) -> None:
    with store_server("valkey", durable=True) as store:
        async with nodes_behind_balancer(store) as front:
            browsers = [await js.browser(front.url) for _ in range(CROWD)]
            for browser in browsers:
                await browser.fetch("GET", "/session")
            sockets = [await browser.connect(Transport.POLLING) for browser in browsers]
            async with AsyncExitStack() as stack:
                pages = [await stack.enter_async_context(_asking(each)) for each in browsers]
                store.kill()
                await eventually(partial(_all_have, 503, pages), within=10.0)
                await front.balancer.has_ready(0)
                store.start()
                await front.balancer.has_ready(2)
                await eventually(lambda: all(page[-1] == 200 for page in pages), within=10.0)
            for socket in sockets:
                assert await socket.emit("incr") > 1
                assert not socket.named("disconnect")


async def test_a_handshake_that_was_refused_moves_no_other_socket() -> None:
    with store_server("valkey") as store:
        async with nodes_behind_balancer(store) as front, http_client(front.url) as client:
            store.kill()
            await front.balancer.has_ready(0)

            refused = await client.get(HANDSHAKE)

            assert refused.status_code == 503
            assert "set-cookie" not in refused.headers
