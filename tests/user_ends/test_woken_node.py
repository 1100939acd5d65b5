"""A node that is stopped, time and again, ends what ended meanwhile when it wakes, and sends it nothing."""

import asyncio

from tests.support.servers import StoreServer
from tests.user_ends.connection import Connection
from tests.user_ends.run import World, world
from tests.user_ends.stores import of_one

STOPS = 3
STOP_SECONDS = 2.5
"""Longer than any of its calls may take, and one is always under way: it reads the bus."""
SHORT_SECONDS = 0.5
"""Taken for a busy event loop."""
SLOW_SECONDS = 5.0
LOST = "redis connection lost"


async def test_each_stop_of_a_node_costs_it_no_connection_and_ends_what_ended_meanwhile(
    valkey: StoreServer,
) -> None:
    async with world(of_one(valkey), jitter=0.0) as made:
        node = made.nodes[-1]
        for number in range(STOPS):
            user = f"user-{number}"
            route = await _connection(made, user, is_route=True)
            node.pause()
            try:
                assert (await made.clients[0].post(f"/ban/{user}")).json() == 1
                await asyncio.sleep(STOP_SECONDS)  # it is the fault
            finally:
                node.resume()
            assert await route.closed(SLOW_SECONDS)
            await route.close()
        assert LOST not in node.log()


async def test_what_is_sent_after_an_end_reaches_no_socket_of_before_on_a_node_that_lags(
    valkey: StoreServer,
) -> None:
    async with world(of_one(valkey), jitter=0.0) as made:
        node = made.nodes[-1]
        for number in range(STOPS):
            user = f"user-{number}"
            before = await _connection(made, f"before-{number}")
            socket = await _connection(made, user)
            node.pause()
            try:
                # The read that waits for anything is over with this; all else is in the next one.
                assert (await made.clients[0].post(f"/ban/before-{number}")).json() == 1
                assert (await made.clients[0].post(f"/ban/{user}")).json() == 1
                assert (await made.clients[1].post(f"/tell/{user}")).is_success
                await asyncio.sleep(SHORT_SECONDS)  # it is the fault
            finally:
                node.resume()
            assert await socket.closed(SLOW_SECONDS)
            assert not socket.has('42["told"')
            await socket.close()
            await before.close()


async def _connection(made: World, user: str, *, is_route: bool = False) -> Connection:
    answer = await made.clients[-1].post("/login", json={"user": user})
    connection = Connection(len(made.nodes) - 1, is_route)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert await connection.open(made.nodes[-1], cookie)
    await connection.ready()
    return connection
