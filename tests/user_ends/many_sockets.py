"""How long the last of a thousand sockets of one user, on three nodes, outlives the end of the user.

`python -m tests.user_ends.many_sockets --trials 100`. The clients share the machine with the nodes.
"""

import argparse
import asyncio
import statistics
import sys
import time

import httpx

from tests.support.servers import store_server
from tests.user_ends.check import percentile
from tests.user_ends.connection import Connection
from tests.user_ends.run import World, world

_SESSIONS = 10
_AT_ONCE = 50


async def _cookies(world: World, user: str) -> list[str]:
    answers = [await world.clients[0].post("/login", json={"user": user}) for _ in range(_SESSIONS)]
    return [each.headers["set-cookie"].partition(";")[0] for each in answers]


async def trial(world: World, user: str, sockets: int) -> float:
    """Return the seconds from the request to the last close."""
    cookies = await _cookies(world, user)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def connect(number: int) -> Connection:
        node = number % len(world.nodes)
        connection = Connection(node, is_route=False)
        async with slots:
            assert await connection.open(world.nodes[node], cookies[number % _SESSIONS])
            await connection.ready()
        return connection

    connections = await asyncio.gather(*map(connect, range(sockets)))
    began = time.time()
    answer = await world.clients[0].post(f"/ban/{user}")
    assert (answer.status_code, answer.json()) == (httpx.codes.OK, _SESSIONS)
    assert all(await asyncio.gather(*(each.closed(10.0) for each in connections)))
    for each in connections:
        await each.close()
    return max(each.closed_at or 0.0 for each in connections) - began


async def run(trials: int, sockets: int) -> list[float]:
    """Return what each trial took."""
    with store_server("valkey") as server:
        async with world(server, jitter=0.0) as made:
            return [await trial(made, f"user-{number}", sockets) for number in range(trials)]


def main() -> int:
    """Read the arguments, run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--sockets", type=int, default=1000)
    options = parser.parse_args()
    took = asyncio.run(run(options.trials, options.sockets))
    sys.stdout.write(
        f"{options.trials} trials, {options.sockets} sockets: the last closes after "
        f"{statistics.median(took):.3f} s (median), {percentile(took, 0.99):.3f} s (p99)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
