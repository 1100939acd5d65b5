"""Figures taken in rounds: each system in turn, again and again, all of them up all the time."""

from collections.abc import Sequence

from benchmarks.load import (
    LoadError,
    Sample,
    measured,
    request_again_and_again,
    sample,
    write_cookies,
)
from benchmarks.systems import BARE, IN_A_ROOM, Server, System
from benchmarks.world import Results, Scale, World

SESSIONS = 200
EVENT_SOCKETS = 50
IN_ROOM = 1_000


def incr_http(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """POST /incr with 200 sessions."""
    return _http(scale, store, "POST /incr", systems)


def bare(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """POST /incr beside a route that counts in a variable, with our layers and with FastAPI alone."""
    ours = [system for system in systems if system.ours]
    return _http(scale, store, "POST /incr", [*ours, *BARE])


def session_http(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """GET /session with 200 sessions."""
    return _http(scale, store, "GET /session", systems)


def incr_socket(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """`incr` with ack on 50 sockets, each of a session of its own."""
    with World(store, systems) as world:
        _open(world, EVENT_SOCKETS, EVENT_SOCKETS)

        def measure(server: Server, seconds: int) -> Sample:
            with measured(server, *world.load(server)) as use:
                answer = world.sockets[server].ask("events", seconds=seconds + 30, last=seconds)
            if answer["refused"]:
                raise LoadError(f"{answer['refused']} events were refused")
            return sample(answer["count"], use, answer)

        return world.in_turn(scale, measure)


def handshake(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """Connect to the namespace by WebSocket with a known session, then close."""
    with World(store, systems) as world:
        for server in world.servers:
            world.sockets[server].ask("cookies", url=server.url, count=SESSIONS)

        def measure(server: Server, seconds: int) -> Sample:
            with measured(server, *world.load(server)) as use:
                answer = world.sockets[server].ask(
                    "handshakes", seconds=seconds + 60, url=server.url, last=seconds
                )
            return sample(answer["count"], use, answer)

        return world.in_turn(scale, measure)


def room(scale: Scale, store: str, systems: Sequence[System]) -> Results:
    """`POST /say` to a room of many sockets, the next when the last has it; the CPU of each receiver."""
    with World(store, [IN_A_ROOM[system.name] for system in systems]) as world:
        _open(world, SESSIONS, IN_ROOM)

        def measure(server: Server, seconds: int) -> Sample:
            with measured(server, *world.load(server)) as use:
                answer = world.sockets[server].ask(
                    "says", seconds=seconds + 30, url=f"{server.url}/say", last=seconds
                )
            return sample(answer["count"] * IN_ROOM, use, answer)

        return world.in_turn(scale, measure)


def _open(world: World, sessions: int, count: int) -> None:
    for server in world.servers:
        sockets = world.sockets[server]
        sockets.ask("cookies", url=server.url, count=sessions)
        sockets.ask("open", urls=[server.url], count=count)


def _http(scale: Scale, store: str, route: str, systems: Sequence[System]) -> Results:
    with World(store, systems) as world:
        files = {}
        for server in world.servers:
            cookies = ["session=none"]
            if server.system not in BARE:
                cookies = world.sockets[server].ask("cookies", url=server.url, count=SESSIONS)
            files[server] = write_cookies(world.directory / server.system.name, cookies)

        def measure(server: Server, seconds: int) -> Sample:
            load = world.load(server)
            return request_again_and_again(server, route, files[server], seconds, *load)

        return world.in_turn(scale, measure)
