"""How long the last of a thousand sockets of one user, on three nodes, outlives the end of the user.

`python -m tests.user_ends.many_sockets --trials 100`. The clients share the machine with the nodes, and take
next to nothing of it (see LightSocket).
"""

import argparse
import asyncio
import statistics
import sys
import time

import httpx

from tests.support.many_clients import batches
from tests.user_ends.check import percentile
from tests.user_ends.light_socket import LightSocket, light_socket
from tests.user_ends.run import World, world
from tests.user_ends.stores import STORES

_SESSIONS = 10
_CLOSED_WITHIN = 10.0


async def _cookies(world: World, user: str) -> list[str]:
    answers = [await world.clients[0].post("/login", json={"user": user}) for _ in range(_SESSIONS)]
    return [each.headers["set-cookie"].partition(";")[0] for each in answers]


async def _connect(world: World, user: str, sockets: int) -> list[LightSocket]:
    """Return sockets of one user: each session has some, on each node."""
    cookies = await _cookies(world, user)
    connected: list[LightSocket] = []
    for number in batches(sockets):
        first = len(connected)
        connected += await asyncio.gather(
            *(
                light_socket(world.nodes[each % len(world.nodes)], cookies[each % _SESSIONS])
                for each in range(first, first + number)
            )
        )
    return connected


async def trial(world: World, user: str, sockets: int) -> tuple[float, float]:
    """Return the seconds from the request to its answer, and to the last close."""
    connected = await _connect(world, user, sockets)
    began = time.time()
    answer = await world.clients[0].post(f"/ban/{user}")
    answered = time.time()
    assert (answer.status_code, answer.json()) == (httpx.codes.OK, _SESSIONS)
    await asyncio.wait_for(asyncio.gather(*(each.closed for each in connected)), _CLOSED_WITHIN)
    assert all(each.told_at is not None for each in connected), "one was not told why"
    for each in connected:
        each.abort()
    return answered - began, max(each.closed_at or 0.0 for each in connected) - began


async def run(trials: int, sockets: int) -> list[tuple[float, float]]:
    """Return what each trial took."""
    with STORES["valkey"]() as servers:
        async with world(servers, jitter=0.0) as made:
            return [await trial(made, f"user-{number}", sockets) for number in range(trials)]


def main() -> int:
    """Read the arguments, run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--sockets", type=int, default=1000)
    options = parser.parse_args()
    answered, closed = zip(*asyncio.run(run(options.trials, options.sockets)), strict=True)
    sys.stdout.write(
        f"{options.trials} trials, {options.sockets} sockets: the end is answered after "
        f"{_figures(answered)}; the last socket closes after {_figures(closed)}\n"
    )
    return 0


def _figures(seconds: tuple[float, ...]) -> str:
    p99 = percentile(list(seconds), 0.99)
    return f"{statistics.median(seconds):.3f} s (median), {p99:.3f} s (p99), {max(seconds):.3f} s (longest)"


if __name__ == "__main__":
    sys.exit(main())
