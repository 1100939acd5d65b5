"""How Mooring grows: with nodes, with sockets, with sessions; and what a million sockets would take.

python -m benchmarks.growth [--quick] [--only nodes] [--out FILE]

All nodes share one core, Redis and the clients the other; so it measures CPU time, and no rates.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import nodes, scale, sessions, without_files
from benchmarks.load import LoadError, Sample
from benchmarks.model import million
from benchmarks.processes import cpu_seconds, settle_here
from benchmarks.systems import OURS, STORES
from benchmarks.world import World

Figures = dict[str, dict[str, Sample]]
"""Samples by part, and by what was varied in it."""

_SPARE_FILES = 500
"""What a process opens beside its sockets."""
_EVENT_SOCKETS = 50
"""For each node: as many events are under way on each, whatever their number."""
_SPARE_SOCKETS = 2
"""So that the sessions are no multiple of the nodes: of two sockets of one, each is on another node."""


@dataclass(frozen=True)
class Size:
    """How much of each."""

    events_seconds: int
    events_rounds: int
    messages: int
    sockets: tuple[int, ...]
    rest_seconds: float
    sessions: int


FULL = Size(2, 5, 10_000, (10_000, 50_000), 60.0, 1_000_000)
QUICK = Size(1, 3, 2_000, (1_000,), 5.0, 50_000)
_NODES = (1, 2, 4)
_TABS = (1, 2)
"""Sockets of a session; the second one is on another node, which has to be told."""
_FAN_OUT_NODES = (1, 2, 4, 8)


def main() -> int:
    """Take what the arguments ask for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; repeatable")
    parser.add_argument("--out", type=Path, help="a file for the figures")
    wanted = parser.parse_args()
    settle_here()
    size = QUICK if wanted.quick else FULL
    figures: Figures = {}
    for part in wanted.only or PARTS:
        start = time.perf_counter()
        figures[part] = PARTS[part](size)
        print(f"{part}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(table(figures))
    if wanted.out:
        wanted.out.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _nodes(size: Size) -> dict[str, Sample]:
    """Return the CPU of an event: of all nodes together, and of Redis."""
    return {
        f"of {count}, {tabs} a session": {"tabs": tabs, **_events(size, count, tabs)}
        for tabs in _TABS
        for count in _NODES
    }


def _events(size: Size, count: int, tabs: int) -> Sample:
    with World("redis", [OURS] * count) as world:
        assert world.store
        sockets = world.sockets[world.servers[0]]
        one = world.servers[0].url
        number = _EVENT_SOCKETS * count + _SPARE_SOCKETS
        sockets.ask("cookies", url=one, count=number // tabs)
        sockets.ask("open", urls=[each.url for each in world.servers], count=number)
        pids = [each.pid for each in world.servers]

        def spent() -> tuple[float, float]:
            assert world.store
            return sum(map(cpu_seconds, pids)), cpu_seconds(world.store.pid)

        found: list[Sample] = []
        for last in (1, *[size.events_seconds] * size.events_rounds):
            before = spent()
            answer = sockets.ask("events", seconds=last + 30, last=last)
            ours, redis = ((b - a) * 1e6 for a, b in zip(before, spent(), strict=True))
            if answer["refused"]:
                raise LoadError(f"{answer['refused']} events were refused")
            events = answer["count"]
            found.append({"nodes_cpu_us": ours / events, "redis_cpu_us": redis / events})
        # The first was for what is compiled and connected then.
        return {name: statistics.median(each[name] for each in found[1:]) for name in found[0]}


def _fan_out(size: Size) -> dict[str, Sample]:
    """Return the CPU of a message to a room whose sockets are on one of the nodes."""
    return {f"to one of {count}": nodes.measure(count, size.messages) for count in _FAN_OUT_NODES}


def _sockets(size: Size) -> dict[str, Sample]:
    """Return what sockets take of one node, as many as this machine lets a process have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _SPARE_FILES
    counts = dict.fromkeys(min(count, most) for count in size.sockets)
    return {f"{count:,}": scale.at_rest(count, size.rest_seconds) for count in counts}


def _without_files(size: Size) -> dict[str, Sample]:
    """Return what more sockets take of one node than it may have files, but for what the kernel holds."""
    counts = size.sockets
    return {f"{n:,}": without_files.in_fresh_process(n, size.rest_seconds) for n in counts}


def _sessions(size: Size) -> dict[str, Sample]:
    """Return the bytes of a session in each store."""
    return {store: sessions.in_fresh_process(store, size.sessions) for store in STORES}


PARTS: dict[str, Callable[[Size], dict[str, Sample]]] = {
    "nodes": _nodes,
    "fan-out": _fan_out,
    "sockets": _sockets,
    "without-files": _without_files,
    "sessions": _sessions,
}


def table(figures: Figures) -> str:
    """Write all figures, and the model of a million sockets if there are all that it needs."""
    text = []
    for part, samples in figures.items():
        for name, sample in samples.items():
            numbers = ", ".join(f"{key} {value:,.4g}" for key, value in sample.items())
            text.append(f"{part} {name}: {numbers}")
    if figures.keys() >= PARTS.keys():
        text += ["", *million(figures)]
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())
