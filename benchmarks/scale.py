"""Ten thousand sockets on one node: what they take at rest, and how it stands what comes all at once.

python -m benchmarks.scale [--sockets N] [--out FILE]; prints JSON. One node of Mooring on one core,
Redis and the clients on the other.
"""

import argparse
import http.client
import json
import re
import sys
import time
from pathlib import Path

from benchmarks.load import Sample, measured
from benchmarks.processes import memory_bytes, settle_here
from benchmarks.systems import OURS, Server, Times
from benchmarks.world import World

REST_SECONDS = 60.0
"""Seconds of doing nothing: two reloads of every session, two heartbeats of every socket."""
_IDLE_TIMEOUT = 60.0
_FAN_OUT = 1000


def main() -> int:
    """Take all figures, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--out", type=Path, help="a file for the figures")
    wanted = parser.parse_args()
    settle_here()
    figures = {
        "at_rest": at_rest(wanted.sockets),
        "deadline": _deadline(wanted.sockets),
        "logout": _logout(wanted.sockets),
        "storm": _storm(wanted.sockets),
    }
    text = json.dumps({"sockets": wanted.sockets, **figures}, indent=2)
    sys.stdout.write(text + "\n")
    if wanted.out:
        wanted.out.write_text(text + "\n")
    return 0


def at_rest(count: int, rest_seconds: float = REST_SECONDS) -> Sample:
    """Return what so many sockets take of a node that does nothing but hold them."""
    with World("redis", [OURS]) as world:
        [server] = world.servers
        before = memory_bytes(server.pid)
        with measured(server) as opening:
            _open(world, server, count, sessions=count)
        time.sleep(3)
        commands = _commands(world)
        with measured(server) as rest:
            time.sleep(rest_seconds)
        metrics = _metrics(server)
        return {
            "sockets": count,
            "memory_kib_a_socket": (memory_bytes(server.pid) - before) / count / 1024,
            "memory_mib": memory_bytes(server.pid) / 2**20,
            "open_cpu_us_a_socket": opening.server / count * 1e6,
            "open_a_second": count / opening.seconds,
            "cpu_share": rest.server / rest.seconds,
            "redis_commands_a_second": (_commands(world) - commands) / rest.seconds,
            "reload_lag_s": metrics["mooring_reload_lag_seconds"],
            "reload_ms_of_500": 1000
            * metrics["mooring_reload_seconds_sum"]
            / metrics["mooring_reload_seconds_count"],
        }


def _deadline(count: int) -> Sample:
    """All sessions end by time, within as long as it took to open them."""
    with World("redis", [OURS], Times(_IDLE_TIMEOUT)) as world:
        [server] = world.servers
        _open(world, server, count, sessions=count, refresh=server.url)
        sockets = world.sockets[server]
        answer = sockets.ask("closes", seconds=_IDLE_TIMEOUT * 3, within=_IDLE_TIMEOUT * 2)
        return {name: answer[name] for name in ("p50_ms", "p99_ms", "max_ms", "left")}


def _logout(count: int) -> Sample:
    """One session of many sockets is logged out amid many others."""
    with World("redis", [OURS, OURS]) as world:
        [server, _other] = world.servers
        others, ours = (world.sockets[each] for each in world.servers)
        others.ask("cookies", url=server.url, count=count)
        others.ask("open", seconds=300, urls=[server.url], count=count)
        ours.ask("cookies", url=server.url, count=1)
        ours.ask("open", seconds=60, urls=[server.url], count=_FAN_OUT)
        time.sleep(3)
        with measured(server) as use:
            answer = ours.ask("logout", url=server.url, within=20)
        return {
            "last_ms": answer["last_ms"],
            "left": answer["left"],
            "cpu_us_a_socket": use.server / _FAN_OUT * 1e6,
        }


def _storm(count: int) -> Sample:
    """The node is restarted in an orderly way; its clients come back by themselves."""
    with World("redis", [OURS]) as world:
        [server] = world.servers
        _open(world, server, count, sessions=count)
        sockets = world.sockets[server]
        sockets.ask("stay")
        started = time.monotonic()
        server.restart()
        down = time.monotonic() - started
        with measured(server) as use:
            answer = sockets.ask("returned", seconds=180, within=120)
        return {
            **answer,
            "restart_s": down,
            "cpu_us_a_socket": use.server / count * 1e6,
            "cpu_share": use.server / use.seconds,
        }


def _open(
    world: World, server: Server, count: int, *, sessions: int, refresh: str | None = None
) -> None:
    sockets = world.sockets[server]
    sockets.ask("cookies", url=server.url, count=sessions, seconds=300)
    sockets.ask("open", seconds=300, urls=[server.url], count=count, refresh=refresh)


def _commands(world: World) -> int:
    assert world.store
    return world.store.commands_so_far()


def _metrics(server: Server) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)}


if __name__ == "__main__":
    sys.exit(main())
