"""Rounds of trials: many clients at once, and one fault of what they are connected to."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack

from tests.recovery.trial import ENDS, Outcome, Trial
from tests.recovery.world import World
from tests.support.browsers import JsClients

FAULTS = ("kill", "cut", "stop", "balancer")
_RACE_SECONDS = 0.5
_AWAY_SECONDS = 0.7
_REST_SECONDS = 0.01


async def run_round(
    world: World, fault: str, clients: int, seed: int, *, ends: bool, rest: float = _REST_SECONDS
) -> Outcome:
    """Run trials with one fault amid them; with `ends` the session of each ends before it comes back.

    What sends messages rests at least so long after each.
    """
    rng = random.Random(seed)
    outcome = Outcome()
    async with AsyncExitStack() as ways, JsClients(world.driver) as js:
        trials = [
            Trial(
                world,
                js,
                name,
                random.Random(rng.random()),
                rng.choice(ENDS) if ends else None,
                rest,
            )
            for name in _names(rng, clients)
        ]
        for each in trials:
            ways.push_async_callback(each.close)
        await asyncio.gather(*(each.prepare() for each in trials))
        await asyncio.sleep(rng.random() * _RACE_SECONDS)
        await _fail_and_check(world, trials, fault, rng, outcome, ends=ends)
    return outcome


async def _fail_and_check(
    world: World,
    trials: list[Trial],
    fault: str,
    rng: random.Random,
    outcome: Outcome,
    *,
    ends: bool,
) -> None:
    marks = [each.client.mark for each in trials]
    _fail(world, trials, fault, hold=ends)
    if ends:
        await asyncio.gather(*(each.end_session() for each in trials))
    await asyncio.sleep(rng.random() * _AWAY_SECONDS)
    for each in trials:
        each.mend()
    recovered = await asyncio.gather(
        *(each.come_back(mark) for each, mark in zip(trials, marks, strict=True))
    )
    await asyncio.sleep(rng.random() * _RACE_SECONDS)
    if fault == "stop":
        world.nodes[0].resume()
    if fault == "kill":
        await world.restart()
    await asyncio.gather(
        *(each.finish(outcome, recovered=was) for each, was in zip(trials, recovered, strict=True))
    )


def _fail(world: World, trials: list[Trial], fault: str, *, hold: bool) -> None:
    """Kill the node, cut the links to it, stop it, or restart the balancer: clients come back elsewhere.

    After a restart of the balancer they may as well come back to the node that they were on.
    """
    if fault == "kill":
        world.nodes[0].kill()
    if fault == "stop":
        world.nodes[0].pause()
    for number, each in enumerate(trials):
        if fault != "balancer" or number % 2:
            each.redirect()
        if hold or fault != "stop":
            each.cut()


def _names(rng: random.Random, number: int) -> Iterator[str]:
    batch = rng.getrandbits(40)
    return (f"user {batch}-{each}" for each in range(number))


def lines(outcome: Outcome) -> Iterator[str]:
    """Return what to print."""
    yield (
        f"{outcome.trials} trials, {outcome.recovered} recovered, {outcome.told} told that they were "
        f"not ({outcome.ended} of them with an end of the session), {outcome.received} messages received, "
        f"{len(outcome.violations)} violations"
    )
    yield from (f"  {each}" for each in outcome.violations)
