"""A store that lost writes: sockets are sent what it says, though they know something newer."""

import asyncio

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import server_settings


def take_back(server: StoreServer, name: str, value: str) -> None:
    """Give a session an older record, as a replica does that is promoted without its last writes."""
    server.command("SET", name, value, "KEEPTTL")


@pytest.mark.parametrize("how", ["a reload", "an event", "a reload that has seen no newer version"])
async def test_a_version_that_went_back_is_told_to_the_sockets_of_the_session(
    js: JsClients, valkey: StoreServer, how: str
) -> None:
    interval = 600 if how == "an event" else 0.5
    async with service(**server_settings(valkey), session_reload_interval=interval) as node:
        browser = await js.browser(node.url)
        assert (await browser.fetch("POST", "/incr")).json() == 1
        socket = await browser.connect(Transport.WEBSOCKET)
        await socket.emit("incr")
        [name] = valkey.session_keys()
        old = valkey.command("GET", name)
        if how == "a reload that has seen no newer version":
            await asyncio.sleep(1.2)  # it has seen the version that will come back
        for count in (3, 4, 5, 6):
            assert await socket.emit("incr") == count
        await socket.wait_for("current count", where=lambda event: event.args == (6,))

        mark = socket.mark
        take_back(valkey, name, old)
        if how == "an event":
            assert await socket.emit("incr") == 3
        expected = 3 if how == "an event" else 2
        await socket.wait_for(
            "current count", after=mark, where=lambda event: event.args == (expected,)
        )

        mark = socket.mark
        assert (await browser.fetch("POST", "/incr")).json() == expected + 1
        await socket.wait_for(
            "current count", after=mark, where=lambda event: event.args == (expected + 1,)
        )
        assert "the store has lost writes" in node.log()


async def test_concurrent_writes_are_no_lost_ones(js: JsClients, valkey: StoreServer) -> None:
    settings = server_settings(valkey) | {"session_reload_interval": 0.05}
    async with service(**settings) as node, service(**settings) as other:
        browser = await js.browser(node.url)
        await browser.fetch("GET", "/session")
        here, there = [await browser.connect(url=each.url) for each in (node, other)]
        bursts = (each.burst(*[("incr",)] * 100) for each in (here, there) * 2)
        await asyncio.gather(*bursts)
        for socket in (here, there):
            await socket.wait_for("current count", where=lambda event: event.args == (400,))
            values = socket.values("current count")
            assert values == sorted(values)
        assert "the store has lost writes" not in node.log() + other.log()
