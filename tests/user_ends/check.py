"""What must not be after an end: sessions, sockets and routes of before; what is sent late."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from app import RedisStore
from app.sessions import Record
from app.sessions.rotation import Predecessor
from app.sessions.sign_in import unpack
from tests.user_ends.connection import Connection
from tests.user_ends.stores import Servers
from tests.user_ends.trial import Trial

DEADLINE_SECONDS = 1.0
_TICK_SECONDS = 0.002
"""Clocks of stores tick in milliseconds."""
_ANSWER_SECONDS = 5.0


@dataclass
class Outcome:
    """What some trials came to.

    Attributes:
        trials: how many there were.
        violations: what was not to be.
        delays: by how much connections outlived the end, in seconds.
        woken: by how much those on a node that was stopped outlived its waking, in seconds.
        survivors: sign-ins that raced with the end, and came after it.
    """

    trials: int = 0
    violations: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    woken: list[float] = field(default_factory=list)
    survivors: int = 0

    def add(self, other: "Outcome") -> None:
        """Add what others came to."""
        self.trials += other.trials
        self.violations += other.violations
        self.delays += other.delays
        self.woken += other.woken
        self.survivors += other.survivors


async def check_running(trial: Trial, failing: int | None, outcome: Outcome, within: float) -> None:
    """Check the connections on nodes that run, a second after the end; some may have longer."""
    await asyncio.sleep(max(0.0, trial.ended + DEADLINE_SECONDS - time.time()))
    running = [each for each in trial.connections if each.node != failing]
    for each in running:
        if each.closed_at is not None:
            outcome.delays.append(max(0.0, each.closed_at - trial.ended))
        elif await _is_of_before(each, trial) and not await _closes(each, trial.ended + within):
            outcome.violations.append(
                f"{_what(each)} of {trial.user} on node {each.node} is open after {within:g} s"
            )


async def check_woken(
    trial: Trial, failing: int, woken_at: float, outcome: Outcome, within: float
) -> None:
    """Check the connections on a node that was stopped: closed, and nothing sent to them before."""
    for each in (each for each in trial.connections if each.node == failing):
        closed = await each.closed(woken_at + DEADLINE_SECONDS - time.time())
        if not closed and await _is_of_before(each, trial):
            closed = await _closes(each, woken_at + within)
        if not closed and await _is_of_before(each, trial):
            outcome.violations.append(f"{_what(each)} of {trial.user} is open on a node that woke")
        if each.closed_at is not None and each.closed_at >= woken_at:
            outcome.woken.append(each.closed_at - woken_at)
        if closed and not each.is_route:
            outcome.violations += [
                f"a socket of {trial.user} was sent {text[:20]!r} by a node that woke"
                for at, text in each.frames
                if at >= woken_at and text.startswith(('42["told"', '438[["'))
            ]


async def check_later(trial: Trial, outcome: Outcome) -> None:
    """Check that who has signed in after the end is not touched by it."""
    socket = trial.later_socket
    assert socket is not None
    if (await socket.whoami(_ANSWER_SECONDS))[0] != trial.user:
        outcome.violations.append(f"the sign-in of {trial.user} after the end was ended")


async def check_records(
    servers: Servers, store: RedisStore, trials: list[Trial], outcome: Outcome
) -> None:
    """Check all that the store has, found in an index or not."""
    by_user = {each.user: each for each in trials}
    keys = [each.partition("{")[2][:-1] for each in servers.keys("mooring:session:*")]
    for record in await store.load_many(keys):
        sign_in = unpack(record.owner) if isinstance(record, Record) else None
        trial = None if sign_in is None else by_user.get(sign_in.user)
        if trial is None or sign_in is None or await _is_useless(store, record):
            continue
        if sign_in.at < trial.began - _TICK_SECONDS:
            late = (sign_in.at - trial.began) * 1000
            outcome.violations.append(f"a session of {trial.user} lives, signed in {late:.1f} ms")
        elif sign_in.at < trial.ended:
            outcome.survivors += 1


async def _is_useless(store: RedisStore, record: object) -> bool:
    """Return True for the new record of a rotation that ended midway: its first use deletes it."""
    if not isinstance(record, Record) or record.predecessor is None:
        return False
    predecessor = Predecessor.read("", record.predecessor).key
    return not isinstance(await store.load(predecessor), Record)


async def _is_of_before(connection: Connection, trial: Trial) -> bool:
    """Return True if a connection has a session of before; ask it, as sessions may be of after."""
    if connection.is_route:
        return connection.closed_at is None
    user, at = await connection.whoami(_ANSWER_SECONDS)
    return user == trial.user and at < trial.began - _TICK_SECONDS


async def _closes(connection: Connection, at: float) -> bool:
    return await connection.closed(at - time.time())


def _what(connection: Connection) -> str:
    return "a WebSocket route" if connection.is_route else "a socket"


def percentile(values: list[float], share: float) -> float:
    """Return the least value that a share of all is not above (the nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


def lines(outcome: Outcome) -> Iterator[str]:
    """Return what to print."""
    yield (
        f"{outcome.trials} trials, {len(outcome.violations)} violations, {outcome.survivors} sign-ins "
        f"that came after the end; {len(outcome.delays)} connections closed after it, by "
        f"{_figures(outcome.delays)}; {len(outcome.woken)} after their node woke, by "
        f"{_figures(outcome.woken)}"
    )
    yield from (f"  {each}" for each in outcome.violations)


def _figures(delays: list[float]) -> str:
    return (
        f"{percentile(delays, 0.5):.3f} s (median), {percentile(delays, 0.99):.3f} s (p99), "
        f"{max(delays, default=0.0):.3f} s (longest)"
    )
