"""What a million sockets would take, from what was measured of one node and of a few."""

from collections.abc import Iterator, Mapping

from benchmarks.load import Sample

SOCKETS = 1_000_000
EVENTS_A_SECOND = SOCKETS / 60
"""One a minute from each socket."""
BUSY_SHARE = 0.5
"""The part of a core that is planned for: the rest is for restarts and for what comes all at once."""


def million(figures: Mapping[str, Mapping[str, Sample]]) -> Iterator[str]:
    """Return lines with the memory and the cores of a million sockets, a session each.

    Every figure is of the largest number that was measured: what grows faster than the sockets or
    the nodes is in it. `figures` are those of benchmarks.growth.
    """
    one_socket = _last(figures["sockets"])
    sockets = one_socket["sockets"]
    event = _last({name: each for name, each in figures["nodes"].items() if each["tabs"] == 1})
    rest = SOCKETS * one_socket["cpu_share"] / sockets
    events = EVENTS_A_SECOND * event["nodes_cpu_us"] / 1e6
    redis = EVENTS_A_SECOND * event["redis_cpu_us"] / 1e6
    memory = SOCKETS * one_socket["memory_kib_a_socket"] / 2**20
    stored = SOCKETS * figures["sessions"]["redis"]["bytes_a_session"] / 2**30
    opening = one_socket["open_cpu_us_a_socket"] * SOCKETS / 1e6
    yield "a million sockets, a session each, an event a minute from each:"
    yield f"  memory of all nodes: {memory:.1f} GiB"
    yield f"  cores of all nodes at rest: {rest:.2f}"
    yield f"  cores of all nodes for events: {events:.2f}"
    yield f"  cores to plan for, {BUSY_SHARE:.0%} busy: {(rest + events) / BUSY_SHARE:.1f}"
    yield f"  cores of Redis for events: {redis:.2f}"
    yield f"  memory of Redis for sessions: {stored:.2f} GiB"
    yield f"  CPU to open all of them: {opening:.0f} s of a core"


def _last(samples: Mapping[str, Sample]) -> Sample:
    return list(samples.values())[-1]
