"""P16: what a socket heard last of the count is the stored count."""

import asyncio

import pytest

from tests.support.browsers import JsBrowser
from tests.support.eventually import eventually
from tests.support.js_client import JsClient

BURSTS = 5
CURRENT = "current count"


@pytest.mark.smoke
async def test_after_each_burst_over_both_edges_every_socket_has_heard_the_stored_count_last(
    browser: JsBrowser,
) -> None:
    await browser.fetch("GET", "/session")
    sockets = [*await browser.connect_on_all(), *await browser.connect_on_all()]
    for number in range(1, BURSTS + 1):
        bursts = (socket.burst(*[("incr",)] * 10) for socket in sockets)
        posts = (browser.fetch("POST", "/incr") for _ in range(20))
        await asyncio.gather(*bursts, *posts)

        stored = (await browser.fetch("GET", "/session")).json()["count"]
        assert stored == number * 80
        for socket in sockets:
            await _heard_last(socket, stored)

    for socket in sockets:
        heard = socket.values(CURRENT)
        assert heard == sorted(set(heard)), "an older count was heard after a newer one"


async def test_without_a_burst_every_socket_hears_every_count_whichever_edge_changed_it(
    browser: JsBrowser,
) -> None:
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()

    await browser.fetch("POST", "/incr")
    for socket in sockets:
        await socket.emit("incr")

    for socket in sockets:
        await _heard_last(socket, 4)
        assert socket.values(CURRENT) == [1, 2, 3, 4]


async def test_a_socket_that_comes_into_a_burst_hears_the_last_count_too(
    browser: JsBrowser,
) -> None:
    await browser.fetch("GET", "/session")
    first = await browser.connect()
    burst = asyncio.create_task(first.burst(*[("incr",)] * 200))

    newcomers = await browser.connect_on_all()
    await burst
    assert (await browser.fetch("POST", "/incr")).json() == 201

    for socket in (first, *newcomers):
        await _heard_last(socket, 201)


async def test_a_socket_that_reconnects_hears_what_is_changed_from_then_on(
    browser: JsBrowser,
) -> None:
    sockets = await browser.connect_on_all()
    await sockets[0].emit("incr")
    for socket in sockets:
        mark = socket.mark
        await socket.cut()
        await socket.wait_for("connect", after=mark)

    await browser.fetch("POST", "/incr")

    for socket in sockets:
        await _heard_last(socket, 2)


async def _heard_last(socket: JsClient, count: int) -> None:
    await eventually(lambda: socket.values(CURRENT)[-1:] == [count])
