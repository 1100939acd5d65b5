"""P19 beside what else a client may meet: repeated events, a limit of sockets, a failover of the store."""

import random
from functools import partial

import pytest

from tests.failovers.faults import Fault, killed, planned
from tests.recovery.clients import connected, lose, say
from tests.recovery.world import world
from tests.support.browsers import JsBrowser, JsClients
from tests.support.eventually import eventually
from tests.support.proxy import proxy_to
from tests.support.sentinel import watched_servers
from tests.support.servers import StoreServer

_MESSAGES = 10


async def test_an_event_repeated_at_another_node_after_recovery_counts_once(
    valkey: StoreServer, js: JsClients
) -> None:
    async with world(valkey, js.driver) as made, proxy_to(made.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy, retries=10, ackTimeout=2000)
        mark = client.mark
        proxy.send_to(made.nodes[1].port)
        proxy.lose_next_reply()

        assert await client.emit("pay", "the first id", within=15.0) == 1

        assert (await client.wait_for("connect", after=mark, within=10.0)).args[1] is True
        assert await client.emit("pay", "another id") == 2
        assert (await browser.fetch("GET", f"{made.nodes[1].url}/paid")).json() == 2


@pytest.mark.parametrize("node", [0, 1])
async def test_a_session_with_as_many_sockets_as_it_may_have_gets_its_own_back(
    valkey: StoreServer, js: JsClients, node: int
) -> None:
    # The node that it was on counts its half-open link until the heartbeat fails, and no longer.
    limited = world(valkey, js.driver, session_max_sockets=1)
    async with limited as made, proxy_to(made.nodes[0].port) as proxy:
        browser, client = await connected(js, proxy)
        mark = client.mark
        proxy.hold()
        await client.wait_for("disconnect", after=mark, within=10.0)
        await say(browser, made.nodes[1].url, "lobby", 1)
        proxy.send_to(made.nodes[node].port)
        proxy.cut()
        proxy.mend()
        assert (await client.wait_for("connect", after=mark, within=15.0)).args[1] is True
        await client.wait_for("said")
        assert client.values("said", after=mark) == ["test"]


@pytest.mark.parametrize("fault", [planned, killed])
async def test_a_client_that_is_back_after_a_failover_misses_nothing_or_is_told(
    js: JsClients, fault: Fault
) -> None:
    with watched_servers(replicas=2) as watched:
        safe = {"redis_url": f"{watched.url}?wait_replicas=1"}
        async with world(watched, js.driver, **safe) as made, proxy_to(made.nodes[0].port) as proxy:
            browser, client = await connected(js, proxy)
            mark = await lose(client, proxy)
            url = made.nodes[1].url
            for number in range(_MESSAGES):
                await say(browser, url, "lobby", number)
            await fault(watched, random.Random())
            await eventually(partial(_is_said, browser, url), within=20.0)

            proxy.send_to(made.nodes[1].port)
            proxy.mend()

            recovered = (await client.wait_for("connect", after=mark, within=20.0)).args[1]
            if recovered:
                await client.wait_for("said", where=lambda event: event.args[1] == _MESSAGES)
                assert [each.args[1] for each in client.named("said")] == list(range(_MESSAGES + 1))
            else:
                assert client.named("said") == []
                assert await client.emit("rooms") == []
            assert recovered or fault is killed


async def _is_said(browser: JsBrowser, url: str) -> bool:
    message = {"space": "room", "name": "lobby", "source": "test", "number": _MESSAGES}
    return (await browser.post_json(f"{url}/send", message)).status == 200
