"""P19 with stock clients: a few rounds of what `make recovery` does a thousand times, and single cases."""

import os
from collections.abc import AsyncIterator

import pytest

from tests.recovery.clients import connected, lose, say
from tests.recovery.run import FAULTS, lines, run_round
from tests.recovery.world import PRODUCT, World, world
from tests.support.browsers import JsClients, Transport
from tests.support.proxy import proxy_to
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import memory_settings

CLIENTS = 4
REST = 0.1
"""Seconds between messages of one source, ten times as many as in `make recovery`: they cost the most."""


SAMPLE = {"kill", "cut"}
"""Of the faults; `make recovery` and `make proof` have all."""


@pytest.mark.parametrize(
    "fault",
    [pytest.param(each, marks=() if each in SAMPLE else pytest.mark.thorough) for each in FAULTS],
)
async def test_nothing_is_missed_whatever_fails_and_nothing_is_given_to_who_is_gone(
    shared_store_server: StoreServer, js: JsClients, fault: str
) -> None:
    seed = int.from_bytes(os.urandom(3))
    async with world(shared_store_server, js.driver) as made:
        for ends in (False, True):
            found = await run_round(made, fault, CLIENTS, seed + ends, ends=ends, rest=REST)
            if found.violations:
                pytest.fail(f"seed {seed}, fault {fault}, ends {ends}: " + "\n".join(lines(found)))
            assert found.trials == CLIENTS
            assert found.told == CLIENTS if ends else found.recovered


@pytest.mark.parametrize("transport", Transport)
async def test_in_memory_a_client_whose_link_was_cut_misses_nothing(
    js: JsClients, transport: Transport
) -> None:
    node = service(app=PRODUCT, ping_interval=1, ping_timeout=1, **memory_settings())
    async with proxy_to(node.port) as proxy, js.on(node):
        browser, client = await connected(js, proxy, transport)
        first = client.id
        for number in range(5):
            await say(browser, node.url, "lobby", number)
        mark = client.mark
        await client.wait_for("said", where=lambda event: event.args[1] == 4)
        proxy.cut()
        await client.wait_for("disconnect", after=mark, within=10.0)
        for number in range(5, 10):
            await say(browser, node.url, "lobby", number)
        proxy.mend()
        assert (await client.wait_for("connect", after=mark, within=10.0)).args == (first, True)
        await client.wait_for("said", where=lambda event: event.args[1] == 9)
        assert [event.args[1] for event in client.named("said")] == list(range(10))
        assert await client.emit("rooms") == ["lobby"]
        assert client.values("welcome") == [False, True]


@pytest.fixture
async def nodes(valkey: StoreServer, js: JsClients) -> AsyncIterator[World]:
    async with world(valkey, js.driver) as made:
        yield made


async def test_a_client_that_is_refused_on_its_way_back_gets_nothing(
    nodes: World, js: JsClients
) -> None:
    async with proxy_to(nodes.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy)
        mark = await lose(client, proxy)
        await say(browser, nodes.nodes[1].url, "lobby", 1)
        await nodes.clients[1].post("/refuse/ann")
        proxy.send_to(nodes.nodes[1].port)
        proxy.mend()
        error = await client.wait_for("connect_error", after=mark, within=10.0)
        while error.args[2] is None:  # the proxy was still closed
            error = await client.wait_for("connect_error", after=error.index + 1, within=10.0)
        assert error.args[2]["type"] == "banned"
        assert client.named("said") == []


async def test_a_client_that_was_taken_out_of_a_room_is_out_of_it(
    nodes: World, js: JsClients
) -> None:
    async with proxy_to(nodes.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy)
        await client.emit("enter", "kitchen")
        mark = await lose(client, proxy)
        await say(browser, nodes.nodes[1].url, "lobby", 1)
        await nodes.clients[1].post("/take-out/ann/lobby")
        await say(browser, nodes.nodes[1].url, "kitchen", 2)
        nodes.nodes[0].kill()
        await say(browser, nodes.nodes[1].url, "lobby", 3)
        proxy.send_to(nodes.nodes[1].port)
        proxy.mend()
        assert (await client.wait_for("connect", after=mark, within=10.0)).args[1] is True
        await client.wait_for("said")
        assert await client.emit("rooms") == ["kitchen"]
        assert [event.args[1] for event in client.named("said")] == [2]
    await nodes.restart()


async def test_a_client_of_a_node_that_is_replaced_misses_nothing(
    nodes: World, js: JsClients
) -> None:
    async with proxy_to(nodes.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy)
        mark = client.mark
        proxy.send_to(nodes.nodes[1].port)
        nodes.nodes[0].terminate()
        for number in range(20):
            await say(browser, nodes.nodes[1].url, "lobby", number)
        assert (await client.wait_for("connect", after=mark, within=10.0)).args[1] is True
        assert client.values("session ended") == [{"reason": "shutdown"}]
        await say(browser, nodes.nodes[1].url, "lobby", 20)
        await client.wait_for("said", where=lambda event: event.args[1] == 20)
        assert [event.args[1] for event in client.named("said")] == list(range(21))


@pytest.mark.parametrize("how", ["trimmed", "flushed"])
async def test_a_client_whose_messages_are_lost_is_told(
    nodes: World, js: JsClients, valkey: StoreServer, how: str
) -> None:
    async with proxy_to(nodes.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy)
        mark = await lose(client, proxy)
        for number in range(3):
            await say(browser, nodes.nodes[1].url, "lobby", number)
        if how == "flushed":
            valkey.flush()
        else:
            for log in valkey.command("KEYS", "mooring:{*"):
                valkey.command("XTRIM", log, "MAXLEN", 1)
        proxy.send_to(nodes.nodes[1].port)
        proxy.mend()
        assert (await client.wait_for("connect", after=mark, within=10.0)).args[1] is False
        assert await client.emit("rooms") == []
        assert client.named("said") == []


async def test_state_comes_as_its_newest_value_alone(nodes: World, js: JsClients) -> None:
    async with proxy_to(nodes.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy)
        mark = await lose(client, proxy)
        for value in (1, 2, 3):
            await browser.fetch("POST", f"{nodes.nodes[1].url}/state?value={value}")
        proxy.send_to(nodes.nodes[1].port)
        proxy.mend()
        assert (await client.wait_for("connect", after=mark, within=10.0)).args[1] is True
        await client.wait_for("state")
        await client.emit("rooms")
        assert [event.args for event in client.named("state")] == [(3,)]
