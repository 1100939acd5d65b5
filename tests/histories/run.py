"""Rounds: many sessions at once, each with its history, and one nemesis amid them."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from tests.histories.anomaly import Anomaly, Found
from tests.histories.checker import check, check_ids, is_behind
from tests.histories.clients import Clients
from tests.histories.heal import heal
from tests.histories.history import History, Outcome, Visit, Window
from tests.histories.nemeses import NEMESES
from tests.histories.socket_checks import check_state, delays
from tests.histories.world import World
from tests.support.browsers import JsClients

SESSIONS = 20
"""Histories of one round."""

_OF_EACH = 2
_ACTS_SECONDS = 1.6
_AFTERWARDS_SECONDS = 0.5
_WORKS_SECONDS = 90.0


@dataclass
class Outcomes:
    """What some histories came to.

    Attributes:
        histories: how many there were.
        anomalies: what was wrong, and in which round and history.
        operations: how many, by kind and outcome.
        visits: how many sessions more there were of users who were banned, by what became of each.
        messages: how many were received.
        delays: by how much sockets outlived their session, in seconds.
        behind: histories in which a read in a failover showed what was lost, or not what was there.
        by_nemesis: how many histories each nemesis had, by store.
    """

    histories: int = 0
    anomalies: list[str] = field(default_factory=list)
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    delays: list[float] = field(default_factory=list)
    behind: int = 0
    by_nemesis: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Outcomes") -> None:
        """Add what others came to."""
        self.histories += other.histories
        self.anomalies += other.anomalies
        self.operations += other.operations
        self.visits += other.visits
        self.messages += other.messages
        self.delays += other.delays
        self.behind += other.behind
        self.by_nemesis += other.by_nemesis


async def run_round(
    world: World, nemesis: str, seed: int, *, sessions: int = SESSIONS, within: float
) -> tuple[Outcomes, list[History]]:
    """Run one round.

    Args:
        world: the nodes.
        nemesis: its name.
        seed: of all that is at random.
        sessions: how many histories.
        within: seconds that an end has to reach the sockets.

    Returns:
        What they came to, and the histories that have an anomaly.
    """
    rng = random.Random(f"{seed} {world.store.name} {nemesis}")
    limits = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with (
        JsClients(world.driver),
        aiohttp.ClientSession(connector=limits, cookie_jar=jar) as http,
    ):
        name = f"round-{rng.getrandbits(40):x}"
        made = [
            Clients(world, http, f"{name}-{number}", random.Random(rng.random()), within)
            for number in range(sessions)
        ]
        try:
            await asyncio.gather(*(each.open() for each in made))
            windows = await _traffic(world, nemesis, made, rng, http)
            await asyncio.gather(*(each.finish(windows) for each in made))
            outcomes, bad = _outcomes(f"seed {seed}, {world.store.name}, {nemesis}", made, within)
            outcomes.by_nemesis[f"{world.store.name} {nemesis}"] += sessions
            return outcomes, bad
        finally:
            await asyncio.gather(*(each.close() for each in made))


async def _traffic(
    world: World,
    nemesis: str,
    made: list[Clients],
    rng: random.Random,
    http: aiohttp.ClientSession,
) -> list[Window]:
    began = time.monotonic()
    for each in made:
        each.start(_ACTS_SECONDS)
    await asyncio.sleep(rng.random() * _ACTS_SECONDS / 2)
    if nemesis == "links":
        for each in made:
            each.cut(rng)
    windows = await NEMESES[world.store.name][nemesis](world, rng, http)
    await heal(world, http, within=_WORKS_SECONDS)
    for window in windows:
        window.over = time.monotonic()
    rest = began + _ACTS_SECONDS - time.monotonic()
    await asyncio.sleep(max(0.0, rest) + _AFTERWARDS_SECONDS)
    return windows


def _outcomes(where: str, made: list[Clients], within: float) -> tuple[Outcomes, list[History]]:
    outcomes, bad = Outcomes(histories=len(made)), []
    shared = check_ids(cookie for each in made for cookie in each.cookies)
    outcomes.anomalies += [f"{where}: {anomaly}" for anomaly in shared]
    for number, each in enumerate(made):
        history = each.history
        found = [*check(history, within=within)]
        if each.count is not None:
            found += check_state(history, each.count)
        outcomes.anomalies += [
            f"{where}, history {number}: {anomaly}" for anomaly in _a_few_of_each(found)
        ]
        outcomes.behind += is_behind(history)
        if found:
            bad.append(history)
        outcomes.operations.update(
            (str(one.kind), one.outcome.name.lower()) for one in history.operations
        )
        outcomes.visits.update(map(_became, history.visits))
        outcomes.messages += sum(len(one.messages) for one in history.connections)
        outcomes.delays += delays(history)
    return outcomes, bad


def _became(visit: Visit) -> str:
    if visit.signed_in.outcome is not Outcome.OK and not visit.uses:
        return "not answered"
    return "ended" if any(each.outcome is Outcome.ENDED for each in visit.uses) else "lived"


def _a_few_of_each(found: list[Found]) -> Iterator[Found]:
    """Return the first of each kind: one fault has many witnesses."""
    kinds = Counter[Anomaly]()
    for each in found:
        kinds[each.anomaly] += 1
        if kinds[each.anomaly] <= _OF_EACH:
            yield each


def lines(outcomes: Outcomes) -> Iterator[str]:
    """Return what to print."""
    by_outcome = Counter[str]()
    for (_, outcome), number in outcomes.operations.items():
        by_outcome[outcome] += number
    total = sum(by_outcome.values())
    known = ", ".join(f"{by_outcome[each.name.lower()]} {each.name.lower()}" for each in Outcome)
    visits = outcomes.visits
    yield (
        f"{outcomes.histories} histories, {len(outcomes.anomalies)} anomalies; {total} operations "
        f"({known}), {visits.total()} visits ({visits['ended']} ended, {visits['lived']} lived), "
        f"{outcomes.messages} messages received; {len(outcomes.delays)} sockets closed with their "
        f"session, by {_figures(outcomes.delays)}; in {outcomes.behind} histories a read in a failover "
        "was behind, or ahead"
    )
    yield from (f"  {each}" for each in outcomes.anomalies)


def _figures(values: list[float]) -> str:
    ordered = sorted(values) or [0.0]
    at = [ordered[min(len(ordered) - 1, int(part * len(ordered)))] for part in (0.5, 0.99)]
    return f"{at[0]:.3f} s (median), {at[1]:.3f} s (p99), {ordered[-1]:.3f} s (longest)"
