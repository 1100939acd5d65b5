"""P6 over two nodes: a logout on one lets go the sockets on the other, within a second, every time."""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.nodes import Pair
from tests.support.samples import times

T = TypeVar("T")

pytestmark = pytest.mark.proof

TRIALS = int(os.environ.get("LOGOUT_TRIALS") or times(100, of=1000))
CONNECTING_TRIALS = times(50, of=300)
CONNECTED_AT_ONCE = 50
LOGGED_OUT_AT_ONCE = 5


async def test_logout_on_one_node_lets_go_the_socket_on_the_other_in_all_of_many_trials(
    js: JsClients, pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    times: list[float] = []
    transports = itertools.cycle(Transport)
    for batch in batches(range(TRIALS), CONNECTED_AT_ONCE):
        opened = await asyncio.gather(*(open_socket(js, pair, next(transports)) for _ in batch))
        for group in batches(opened, LOGGED_OUT_AT_ONCE):
            times += await asyncio.gather(*(log_out(pair, *each) for each in group))

    times.sort()
    record_property("median", times[TRIALS // 2])
    record_property("p99", times[TRIALS * 99 // 100])
    record_property("max", times[-1])
    assert len(times) == TRIALS
    assert times[-1] < 1


async def open_socket(
    js: JsClients, pair: Pair, transport: Transport
) -> tuple[JsBrowser, JsClient]:
    """A socket on the other node, in a browser and session of its own."""
    browser = await js.browser(pair.there.url)
    return browser, await browser.connect(transport)


async def log_out(pair: Pair, browser: JsBrowser, socket: JsClient) -> float:
    """Seconds from the request of a logout on one node to the disconnect on the other."""
    began = time.monotonic()
    assert (await browser.fetch("POST", f"{pair.here.url}/logout")).status == 204
    disconnected = await socket.wait_for("disconnect")
    assert disconnected.args[0] == "io server disconnect"
    assert socket.values("session ended") == [{"reason": "logout"}]
    assert not socket.active
    return disconnected.at - began


async def test_logout_on_one_node_lets_go_a_socket_that_is_just_connecting_to_the_other(
    js: JsClients, pair: Pair
) -> None:
    chance = random.Random(6)
    transports = itertools.cycle(Transport)
    ended = []
    for batch in batches(range(CONNECTING_TRIALS), 25):
        trials = (connect_and_log_out(js, pair, next(transports), chance.random()) for _ in batch)
        ended += await asyncio.gather(*trials)

    # Otherwise it has tested nothing: some were too early, some too late, and some hit the moment.
    assert {"refused", "let go"} <= set(ended)


async def connect_and_log_out(
    js: JsClients, pair: Pair, transport: Transport, chance: float
) -> str:
    """Log out on one node while a socket connects to the other; how did the socket learn of it?

    The browser keeps the old cookie until the socket was refused or let go.
    """
    browser = await js.browser(pair.there.url)
    await browser.fetch("POST", "/incr")
    old = await browser.cookie_header()
    late = 0.06 * chance - 0.01  # so that it is met at every step of its way, and before the first
    async with http_client(pair.here.url, cookie=old) as client:
        if late < 0:
            assert (await client.post("/logout")).status_code == 204
        socket = await browser.connect(transport, wait=False)
        if late >= 0:
            await asyncio.sleep(late)
            assert (await client.post("/logout")).status_code == 204
    fate = await eventually(lambda: fate_of(socket), within=1.0)
    await socket.close()
    return fate


def fate_of(socket: JsClient) -> str:
    """How a socket was kept from a session that has ended; nothing while it was not."""
    if not socket.active and socket.values("disconnect")[-1:] == ["io server disconnect"]:
        return "let go"
    statuses = [handshake["status"] for handshake in socket.values("handshake")]
    return "refused" if 409 in statuses and not socket.connected else ""


def batches(items: Iterable[T], size: int) -> Iterable[list[T]]:
    """Cut into parts of a size."""
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
