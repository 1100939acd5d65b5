"""What one node missed while its link was cut is made good when it is back (P9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest

from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.js_client import JsClient
from tests.support.proxy import Proxy, proxy_to
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

Cut = tuple[Service, Service, Proxy]


@pytest.fixture
async def cut_off(shared_store_server: StoreServer) -> AsyncIterator[Cut]:
    """A node on the server, another behind a proxy, and the proxy."""
    settings = server_settings(shared_store_server)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(proxy_to(shared_store_server.port))
        near = await stack.enter_async_context(service(**settings))
        far = await stack.enter_async_context(service(**settings | {"redis_url": proxy.url}))
        yield near, far, proxy


async def test_a_logout_during_the_cut_reaches_the_socket_when_the_link_returns(
    js: JsClients, cut_off: Cut
) -> None:
    near, far, proxy = cut_off
    browser = await js.browser(near.url)
    await browser.fetch("GET", "/session")
    socket = await browser.connect(url=far.url)

    proxy.cut()
    await browser.fetch("POST", "/logout")
    await asyncio.sleep(1)  # the length of the cut is what is tested
    assert socket.connected
    proxy.mend()

    disconnected = await socket.wait_for("disconnect", within=3.0)
    assert disconnected.args[0] == "io server disconnect"
    assert socket.values("session ended") == [{"reason": "logout"}]


async def test_fifty_emits_during_the_cut_all_arrive_in_order_after_it(
    js: JsClients, cut_off: Cut
) -> None:
    near, far, proxy = cut_off
    browser = await js.browser(near.url)
    await browser.fetch("GET", "/session")
    socket = await browser.connect(url=far.url)

    proxy.cut()
    for count in range(1, 51):
        assert (await browser.fetch("POST", "/incr")).json() == count
    proxy.mend()

    await eventually(partial(_heard, socket, list(range(1, 51))), within=5.0)


def _heard(socket: JsClient, counts: list[int]) -> bool:
    return socket.values("current count") == counts


async def test_messages_that_were_trimmed_away_are_made_good_by_a_look_at_every_session(
    js: JsClients, cut_off: Cut, shared_store_server: StoreServer
) -> None:
    near, far, proxy = cut_off
    browser, other = await js.browser(near.url), await js.browser(near.url)
    for each in (browser, other):
        await each.fetch("POST", "/incr")
    ended, counted = await browser.connect(url=far.url), await other.connect(url=far.url)
    proxy.cut()
    await browser.fetch("POST", "/logout")
    await other.fetch("POST", "/incr")
    shared_store_server.command("DEL", "mooring:bus")
    await other.fetch("POST", "/incr")
    shared_store_server.command("XTRIM", "mooring:bus", "MAXLEN", 0)
    proxy.mend()

    assert (await ended.wait_for("disconnect")).args[0] == "io server disconnect"
    await eventually(lambda: counted.values("current count")[-1:] == [3], within=5.0)


async def test_what_is_no_message_is_skipped(
    js: JsClients, nodes: list[Service], shared_store_server: StoreServer
) -> None:
    here, there = nodes
    browser = await js.browser(here.url)
    await browser.fetch("GET", "/session")
    socket = await browser.connect(url=there.url)
    for text in ("", "{", '{"kind": "tell"}', '{"kind": "exec", "body": {}}', "\xff"):
        shared_store_server.command("XADD", "mooring:bus", "*", "o", "stranger", "n", 0, "m", text)
    shared_store_server.command("XADD", "mooring:bus", "*", "unknown", "field")

    await browser.fetch("POST", "/incr")

    await eventually(lambda: socket.values("current count") == [1])
    assert "does not parse" in there.log()
