"""A node that is stopped, time and again, ends its WebSocket routes when it wakes."""

import asyncio

from tests.support.servers import StoreServer
from tests.user_ends.connection import Connection
from tests.user_ends.run import World, world
from tests.user_ends.stores import of_one

STOPS = 3
STOP_SECONDS = 2.5
"""Longer than any of its calls may take, and one is always under way: it reads the bus."""
SLOW_SECONDS = 5.0
LOST = "redis connection lost"


async def test_each_stop_of_a_node_costs_it_no_connection_and_ends_what_ended_meanwhile(
    valkey: StoreServer,
) -> None:
    async with world(of_one(valkey), jitter=0.0) as made:
        node = made.nodes[-1]
        for number in range(STOPS):
            user = f"user-{number}"
            route = await _route(made, user)
            node.pause()
            try:
                assert (await made.clients[0].post(f"/ban/{user}")).json() == 1
                await asyncio.sleep(STOP_SECONDS)  # it is the fault
            finally:
                node.resume()
            assert await route.closed(SLOW_SECONDS)
            await route.close()
        assert LOST not in node.log()


async def _route(made: World, user: str) -> Connection:
    answer = await made.clients[-1].post("/login", json={"user": user})
    route = Connection(len(made.nodes) - 1, is_route=True)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert await route.open(made.nodes[-1], cookie)
    await route.ready()
    return route
