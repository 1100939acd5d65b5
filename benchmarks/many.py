"""Figures with many sockets: each system alone, in a fresh process."""

import time

from benchmarks.load import LoadError, Sample, Sockets, measured
from benchmarks.processes import memory_bytes
from benchmarks.rounds import SESSIONS
from benchmarks.systems import NODE, OURS, PEER, Server, System, Times
from benchmarks.world import Results, Scale, World

_OFTEN, _NEVER = 1.0, 3600.0
_EARLY_MS = 100.0


def memory(scale: Scale, store: str) -> Results:
    """What a socket adds to the memory of a process that knows its session already."""
    return {each.name: _memory(scale, store, each) for each in (NODE, OURS, PEER)}


def reload(scale: Scale, store: str) -> Results:
    """What a socket's reload costs, with a session for each socket and an interval of a second."""
    return {each.name: _reload(scale, store, each) for each in (NODE, OURS)}


def deadline(scale: Scale, store: str) -> Results:
    """From the moment at which a session ends by time to the close of its socket's transport."""
    return {each.name: _deadline(scale, store, each) for each in (NODE, OURS)}


def logout(scale: Scale, store: str) -> Results:
    """From POST /logout to the last socket of the session, over two nodes that share a core."""
    return {each.name: _logout(scale, store, each) for each in (NODE, OURS)}


def _memory(scale: Scale, store: str, system: System) -> Sample:
    # The garbage of making sessions would leave room for sockets. On Redis another process makes
    # one for each socket; in memory it is a few sessions with many sockets each.
    shared = store == "redis"
    with World(store, [system, system] if shared else [system]) as world:
        maker, server = world.servers[0], world.servers[-1]
        sockets = world.sockets[server]
        sockets.ask("cookies", url=maker.url, count=scale.sockets if shared else SESSIONS)
        _open(sockets, [server], 50)  # what the first sockets bring in is not theirs
        sockets.ask("close")
        time.sleep(scale.settle)
        before = memory_bytes(server.pid)
        with measured(server, sockets.pid) as use:
            _open(sockets, [server], scale.sockets)
        time.sleep(scale.settle)
        grown = memory_bytes(server.pid) - before
        return {
            "kib": grown / scale.sockets / 1024,
            "sockets": scale.sockets,
            "open_cpu_us": use.server / scale.sockets * 1e6,
        }


def _reload(scale: Scale, store: str, system: System) -> Sample:
    """What a busy process uses more than one that never reloads: heartbeats cost both the same."""
    often = _use_of_reloads(scale, store, system, _OFTEN)
    never = _use_of_reloads(scale, store, system, _NEVER)
    return {name: often[name] - never[name] for name in often}


def _use_of_reloads(scale: Scale, store: str, system: System, interval: float) -> Sample:
    seconds = scale.seconds * 3
    reloads = scale.reloading * seconds / _OFTEN
    with World(store, [system], Times(reload_interval=interval)) as world:
        [server] = world.servers
        sockets = world.sockets[server]
        sockets.ask("cookies", url=server.url, count=scale.reloading)
        _open(sockets, [server], scale.reloading)
        time.sleep(scale.settle + _OFTEN)
        before = world.store.commands_so_far() if world.store else 0
        with measured(server) as use:
            time.sleep(seconds)
        commands = world.store.commands_so_far() - before - 1 if world.store else 0
        return {"cpu_us": use.server / reloads * 1e6, "commands": commands / reloads}


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
        return _lags(answer)


def _logout(scale: Scale, store: str, system: System) -> Sample:
    with World(store, [system, system]) as world:
        one = world.servers[0]
        sockets = world.sockets[one]
        sockets.ask("cookies", url=one.url, count=1)
        _open(sockets, world.servers, scale.fan_out)
        time.sleep(scale.settle)
        answer = sockets.ask("logout", url=one.url, within=20, seconds=60)
        if answer["left"]:
            raise LoadError(f"{answer['left']} sockets were never told of the logout")
        return {"last_ms": answer["last_ms"]}


def _open(
    sockets: Sockets, servers: list[Server], count: int, *, refresh: str | None = None
) -> None:
    urls = [server.url for server in servers]
    sockets.ask("open", seconds=180, urls=urls, count=count, refresh=refresh)


def _lags(answer: dict[str, float]) -> Sample:
    if answer["left"]:
        raise LoadError(f"{answer['left']} sockets outlived their session")
    if answer["min_ms"] < -_EARLY_MS:
        raise LoadError(f"a socket was closed {-answer['min_ms']:.0f} ms too early")
    return {name: answer[name] for name in ("p50_ms", "p99_ms", "max_ms")}
