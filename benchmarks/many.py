"""Figures with many sockets, in fresh processes."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.load import LoadError, Sample, Sockets
from benchmarks.processes import cpu_seconds, memory_bytes
from benchmarks.rounds import SESSIONS
from benchmarks.systems import Server, System, Times
from benchmarks.world import Results, Scale, World

_OFTEN, _NEVER = 1.0, 3600.0
_HEARTBEAT_SECONDS = 25
"""Sockets that were opened together have their heartbeats together: each window has one of each socket."""
_EARLY_MS = 100.0


def memory(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """What a socket adds to the memory of a process that knows its session already."""
    found: Results = {system.name: [] for system in systems}
    for _ in range(scale.fresh_rounds):
        for name, sample in _memory(scale, store, systems).items():
            found[name].append(sample)
    return found


def reload(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """What a socket's reload costs, with a session for each socket and an interval of a second.

    It is what one process uses more than another that never reloads: heartbeats cost both the same. All
    of them run at once, and far from keep their core busy.
    """
    with ExitStack() as stack:
        often, never = (
            stack.enter_context(World(store, systems, Times(reload_interval=interval)))
            for interval in (_OFTEN, _NEVER)
        )
        for world in (often, never):
            for server in world.servers:
                _open_each_its_session(world.sockets[server], server, scale.reloading)
        time.sleep(scale.settle + _OFTEN)
        found: Results = {system.name: [] for system in systems}
        for _ in range(scale.fresh_rounds):
            for name, use in _use_of_reloads(often, never, _HEARTBEAT_SECONDS).items():
                found[name].append({"cpu_us": use / scale.reloading * 1e6})
        return found


def deadline(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """From the moment at which a session ends by time to the close of its socket's transport."""
    return {each.name: [_deadline(scale, store, each)] for each in systems}


def logout(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """From POST /logout to the last socket of the session, over two nodes that share a core."""
    return {each.name: [_logout(scale, store, each)] for each in systems}


def _memory(scale: Scale, store: str, systems: Sequence[System]) -> dict[str, Sample]:
    # The garbage of making sessions would leave room for sockets. On Redis another process makes
    # one for each socket; in memory it is a few sessions with many sockets each.
    shared = store == "redis"
    with World(store, [*systems, *(systems if shared else [])]) as world:
        servers = world.servers[: len(systems)]
        for server, maker in zip(servers, world.servers[-len(systems) :], strict=True):
            sockets = world.sockets[server]
            sockets.ask("cookies", url=maker.url, count=scale.sockets if shared else SESSIONS)
            _open(sockets, [server], 50)  # what the first sockets bring in is not theirs
            sockets.ask("close")
        time.sleep(scale.settle)
        before = [memory_bytes(server.pid) for server in servers]
        for server in servers:
            _open(world.sockets[server], [server], scale.sockets)
        time.sleep(scale.settle)
        return {
            server.system.name: {"kib": (memory_bytes(server.pid) - start) / scale.sockets / 1024}
            for server, start in zip(servers, before, strict=True)
        }


def _use_of_reloads(often: World, never: World, seconds: int) -> dict[str, float]:
    """Return the seconds of CPU that a reload of all sockets takes each system."""
    servers = [*often.servers, *never.servers]
    before = [cpu_seconds(server.pid) for server in servers]
    time.sleep(seconds)
    used = [cpu_seconds(s.pid) - start for s, start in zip(servers, before, strict=True)]
    pairs = zip(often.servers, used[: len(used) // 2], used[len(used) // 2 :], strict=True)
    return {server.system.name: (more - less) * _OFTEN / seconds for server, more, less in pairs}


def _deadline(scale: Scale, store: str, system: System) -> Sample:
    idle, interval = scale.idle_timeout, scale.reload_interval
    with World(store, [system], Times(idle, interval)) as world:
        [server] = world.servers
        sockets = world.sockets[server]
        # Each session is asked for its deadline right after its socket is open: the last answer
        # is the last touch.
        sockets.ask("cookies", url=server.url, count=scale.sockets)
        _open(sockets, [server], scale.sockets, refresh=server.url)
        within = idle + interval + 10
        answer = sockets.ask("closes", seconds=within + 10, within=within)
        return _lags(answer, system.title)


def _logout(scale: Scale, store: str, system: System) -> Sample:
    with World(store, [system, system]) as world:
        one = world.servers[0]
        sockets = world.sockets[one]
        sockets.ask("cookies", url=one.url, count=1)
        _open(sockets, world.servers, scale.fan_out)
        time.sleep(scale.settle)
        answer = sockets.ask("logout", url=one.url, within=20, seconds=60)
        if answer["left"]:
            raise LoadError(
                f"{system.title}: {answer['left']} sockets were never told of the logout"
            )
        return {"last_ms": answer["last_ms"]}


def _open_each_its_session(sockets: Sockets, server: Server, count: int) -> None:
    sockets.ask("cookies", url=server.url, count=count)
    _open(sockets, [server], count)


def _open(
    sockets: Sockets, servers: list[Server], count: int, *, refresh: str | None = None
) -> None:
    urls = [server.url for server in servers]
    sockets.ask("open", seconds=180, urls=urls, count=count, refresh=refresh)


def _lags(answer: dict[str, float], title: str) -> Sample:
    if answer["left"]:
        raise LoadError(f"{title}: {answer['left']} sockets outlived their session")
    if answer["min_ms"] < -_EARLY_MS:
        raise LoadError(f"{title}: a socket was closed {-answer['min_ms']:.0f} ms too early")
    return {name: answer[name] for name in ("p50_ms", "p99_ms", "max_ms")}
