"""Clients that poll three nodes, each its own, or in turn: a piece of the one way, a piece of the other."""

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.balancer.client import PollingClient, RefusedError, Seen
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

NODES = 3
PIECE = 2_000
"""Polls of one way before it is the other's turn."""

WARM_UP = 500
"""Polls of each way that are not measured."""

_MOST_EVENTS = 3


@dataclass
class Outcome:
    """What came of both ways."""

    in_turn: Seen = field(default_factory=Seen)
    sticky: Seen = field(default_factory=Seen)

    @property
    def violations(self) -> list[str]:
        """What was not to be."""
        found = [f"{count} answers {status}" for status, count in self.in_turn.statuses.items()]
        if self.in_turn.out_of_order:
            found.append(f"{self.in_turn.out_of_order} acks out of order")
        return found

    @property
    def slower(self) -> float:
        """How many times as long the slowest hundredth of the polls takes without stickiness."""
        return percentile(self.in_turn.polls, 0.99) / percentile(self.sticky.polls, 0.99)


@asynccontextmanager
async def three_nodes(server: StoreServer) -> AsyncIterator[Sequence[Service]]:
    """Running nodes on a server."""
    nodes = [
        service(module="tests.support.echoing_app", **server_settings(server), log_level="info")
        for _ in range(NODES)
    ]
    for node in nodes:
        await node.__aenter__()
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.__aexit__(None, None, None)


async def run(
    server: StoreServer,
    nodes: Sequence[Service],
    polls: int,
    *,
    clients: int,
    pace: float,
    seed: int,
) -> Outcome:
    """Poll so many times in turn, and as often at one node.

    Args:
        server: what the nodes share.
        nodes: where.
        polls: of each way.
        clients: at once.
        pace: seconds between two exchanges of one client, on the average.
        seed: of when they send, and how much.
    """
    outcome = Outcome()
    ports = [node.port for node in nodes]
    randomness = random.Random(seed)
    members = []
    for number in range(clients):
        turns = itertools.cycle(ports[number % NODES :] + ports[: number % NODES])
        always = itertools.repeat(ports[number % NODES])
        in_turn = PollingClient(turns.__next__, outcome.in_turn)
        own = PollingClient(always.__next__, outcome.sticky)
        members.append((in_turn, own))
    await asyncio.gather(*(each.join() for pair in members for each in pair))
    try:
        for way, seen in ((0, outcome.in_turn), (1, outcome.sticky)):  # what comes first is slow
            await asyncio.gather(
                *(_piece(pair[way], seen, WARM_UP, pace, randomness) for pair in members)
            )
            seen.polls.clear()
            seen.posts.clear()
        while len(outcome.sticky.polls) < polls and not outcome.violations:
            for way, seen in ((0, outcome.in_turn), (1, outcome.sticky)):
                until = min(polls, len(seen.polls) + PIECE)
                nodes_cpu, server_cpu = _nodes_cpu(nodes), _server_cpu(server)
                await asyncio.gather(
                    *(_piece(pair[way], seen, until, pace, randomness) for pair in members)
                )
                seen.nodes_cpu += _nodes_cpu(nodes) - nodes_cpu
                seen.server_cpu += _server_cpu(server) - server_cpu
    finally:
        for pair in members:
            for each in pair:
                each.close()
    return outcome


async def _piece(
    client: PollingClient, seen: Seen, until: int, pace: float, randomness: random.Random
) -> None:
    try:
        while len(seen.polls) < until:
            await asyncio.sleep(2 * pace * randomness.random())
            await client.exchange(randomness.randint(1, _MOST_EVENTS))
    except RefusedError:
        return  # it is counted


def _nodes_cpu(nodes: Sequence[Service]) -> float:
    words = [
        Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split() for node in nodes
    ]
    return sum(int(each[11]) + int(each[12]) for each in words) / os.sysconf("SC_CLK_TCK")


def _server_cpu(server: StoreServer) -> float:
    used: dict[str, float] = server.command("INFO", "cpu")
    return used["used_cpu_user"] + used["used_cpu_sys"]


def percentile(values: Sequence[float], part: float) -> float:
    """Return what so large a part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
