"""A server that has lost everything: by FLUSHALL, which cuts no connection, or by a restart."""

import asyncio
import time
from functools import partial

import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.nodes import EMITTING_APP, Pair, pair_on
from tests.support.samples import times
from tests.support.servers import StoreServer

pytestmark = pytest.mark.proof

NOTICED_WITHIN = 2.0
ROUNDS = times(2, of=3)
WORDS, PAUSE = 40, 0.05
"""So that some are sent while the nodes find out."""


async def arrived(socket: JsClient) -> bool:
    return len(socket.values("shout")) >= WORDS


def empty(server: StoreServer, how: str) -> None:
    if how == "flushed":
        server.flush()
    else:
        server.restart()


async def new_socket(pair: Pair, js: JsClients, *, on_there: bool) -> JsClient:
    """A socket of a new session, which is tried until there is one."""
    node = pair.there if on_there else pair.here

    async def is_answered(browser: JsBrowser) -> bool:
        return (await browser.fetch("GET", "/session")).status == 200

    browser = await js.browser(node.url)
    await eventually(lambda: is_answered(browser))
    return await browser.connect(Transport.WEBSOCKET, url=node.url)


async def test_a_flushed_server_ends_all_sessions_and_their_sockets_soon(
    js: JsClients, own_store_server: StoreServer
) -> None:
    with pair_on(own_store_server, module=EMITTING_APP) as pair:
        browser = await pair.browser(js)
        for _ in range(ROUNDS):
            await browser.fetch("GET", "/session")
            sockets = [await browser.connect(Transport.WEBSOCKET, url=node.url) for node in pair]
            own_store_server.flush()
            began = time.monotonic()
            ends = [await each.wait_for("disconnect", within=NOTICED_WITHIN) for each in sockets]
            assert max(end.at for end in ends) - began < NOTICED_WITHIN
            assert {end.args[0] for end in ends} == {"transport close"}
            for socket in sockets:
                await socket.close()


@pytest.mark.parametrize("how", ["flushed", "restarted"])
async def test_what_is_sent_to_a_fresh_room_on_an_emptied_server_arrives_once_and_in_order(
    js: JsClients, own_store_server: StoreServer, how: str
) -> None:
    with pair_on(own_store_server, module=EMITTING_APP) as pair:
        await pair.browser(js)
        for number in range(ROUNDS):
            empty(own_store_server, how)
            socket = await new_socket(pair, js, on_there=True)
            room = f"room{number}"
            await socket.emit("enter", room)
            async with http_client(pair.here.url) as sender:
                for word in range(WORDS):
                    await sender.post(f"/call-out/{room}", json=[word])
                    await asyncio.sleep(PAUSE)
            await eventually(partial(arrived, socket))
            assert socket.values("shout") == list(range(WORDS))
            assert not socket.named("disconnect")


@pytest.mark.parametrize("how", ["flushed", "restarted"])
async def test_what_is_sent_to_one_socket_on_an_emptied_server_arrives(
    js: JsClients, own_store_server: StoreServer, how: str
) -> None:
    with pair_on(own_store_server, module=EMITTING_APP) as pair:
        await pair.browser(js)
        for _ in range(ROUNDS):
            empty(own_store_server, how)
            here, there = [await new_socket(pair, js, on_there=there) for there in (False, True)]
            await here.emit("whisper", there.id, "first")
            event = await there.wait_for("shout", within=1.0)
            assert event.args[0] == "first"
