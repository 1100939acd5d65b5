"""A socket is counted on every node by the time that its client knows that it is connected."""

import asyncio

import pytest

from tests.support.browsers import JsBrowser, JsClients
from tests.support.nodes import Pair
from tests.support.samples import times

pytestmark = pytest.mark.proof

ROUNDS = times(3, of=8)
TOGETHER = 4


async def _sockets(browser: JsBrowser, pair: Pair) -> int:
    answer = (await browser.fetch("GET", f"{pair.there.url}/session")).json()
    sockets: int = answer["sockets"]
    return sockets


async def test_another_node_counts_a_socket_as_soon_as_it_is_connected(
    js: JsClients, pair: Pair
) -> None:
    for _ in range(ROUNDS):
        browser = await pair.browser(js)
        for connected in (1, 2, 3):
            await browser.connect(url=pair.here.url)
            assert await _sockets(browser, pair) == connected


async def test_sockets_that_connect_together_are_counted_by_the_last_ones_answer(
    js: JsClients, pair: Pair
) -> None:
    for _ in range(ROUNDS):
        browser = await pair.browser(js)
        connecting = (browser.connect(url=pair.here.url) for _ in range(TOGETHER))
        await asyncio.gather(*connecting)
        assert await _sockets(browser, pair) == TOGETHER
