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
from benchmarks.systems import FASTAPI, LAYERS, NODE, OURS, PEER, Server, System
from benchmarks.world import Results, Scale, World

SESSIONS = 200
EVENT_SOCKETS = 50

_ALL = (NODE, OURS, PEER)
_BARE = (LAYERS, FASTAPI)


def incr_http(scale: Scale, store: str) -> Results:
    """POST /incr with 200 sessions, and the same route without any."""
    return _http(scale, store, "POST /incr", (*_ALL, *_BARE))


def session_http(scale: Scale, store: str) -> Results:
    """GET /session with 200 sessions."""
    return _http(scale, store, "GET /session", _ALL)


def incr_socket(scale: Scale, store: str) -> Results:
    """`incr` with ack on 50 sockets, each of a session of its own."""
    with World(store, _ALL) as world:
        for server in world.servers:
            sockets = world.sockets[server]
            sockets.ask("cookies", url=server.url, count=EVENT_SOCKETS)
            sockets.ask("open", urls=[server.url], count=EVENT_SOCKETS)

        def measure(server: Server, seconds: int) -> Sample:
            with measured(server, *world.load(server)) as use:
                answer = world.sockets[server].ask("events", seconds=seconds + 30, last=seconds)
            if answer["refused"]:
                raise LoadError(f"{answer['refused']} events were refused")
            return sample(answer["count"], use, answer)

        return world.in_turn(scale, measure)


def handshake(scale: Scale, store: str) -> Results:
    """Connect to the namespace by WebSocket with a known session, then close."""
    with World(store, _ALL) as world:
        for server in world.servers:
            world.sockets[server].ask("cookies", url=server.url, count=SESSIONS)

        def measure(server: Server, seconds: int) -> Sample:
            with measured(server, *world.load(server)) as use:
                answer = world.sockets[server].ask(
                    "handshakes", seconds=seconds + 60, url=server.url, last=seconds
                )
            return sample(answer["count"], use, answer)

        return world.in_turn(scale, measure)


def _http(scale: Scale, store: str, route: str, systems: Sequence[System]) -> Results:
    with World(store, systems) as world:
        files = {}
        for server in world.servers:
            cookies = ["session=none"]
            if server.system not in _BARE:
                cookies = world.sockets[server].ask("cookies", url=server.url, count=SESSIONS)
            files[server] = write_cookies(world.directory / server.system.name, cookies)

        def measure(server: Server, seconds: int) -> Sample:
            load = world.load(server)
            return request_again_and_again(server, route, files[server], seconds, *load)

        return world.in_turn(scale, measure)
