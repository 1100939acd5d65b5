"""What instructions are counted of: each operation, and what is done before."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.load import Sockets
from benchmarks.systems import OURS, PLAIN, Server, System

_TOGETHER = 10
"""So many requests or events arrive at once: a busy node finds several each time it looks."""
_ROOM = 1_000

Prepare = Callable[[Sockets, Server], object]
Act = Callable[[Sockets, Server, int], object]


def _costs(name: str) -> System:
    return System(name, name, (sys.executable, "-m", "app", f"costs:{name}"))


RECOVERING, TRACED = (_costs(name) for name in ("recovering", "traced"))


@dataclass(frozen=True)
class Operation:
    """One thing that a server does.

    `act` does it a number of times, after `prepare`; each window of the count has `times` of them.
    """

    name: str
    title: str
    system: System
    prepare: Prepare
    act: Act
    times: int = 300


def _sessions(sockets: Sockets, server: Server) -> None:
    sockets.ask("close")
    sockets.ask("cookies", url=server.url, count=_TOGETHER, seconds=120)


def _signed_in(sockets: Sockets, server: Server) -> None:
    _sessions(sockets, server)
    sockets.ask("signIn", url=server.url, seconds=120)


def _with_sockets(prepare: Prepare, count: int = _TOGETHER) -> Prepare:
    def prepare_and_open(sockets: Sockets, server: Server) -> None:
        prepare(sockets, server)
        sockets.ask("open", urls=[server.url], count=count, seconds=300, parallel=_TOGETHER)

    return prepare_and_open


def _requests(path: str, together: int = _TOGETHER) -> Act:
    def request(sockets: Sockets, server: Server, times: int) -> None:
        what = {"method": "POST", "url": server.url + path, "parallel": together}
        sockets.ask("requestsTogether", seconds=300, rounds=times // together, **what)

    return request


def _events(event: str = "incr") -> Act:
    def emit(sockets: Sockets, _server: Server, times: int) -> None:
        sockets.ask("eventsTogether", seconds=300, event=event, rounds=times // _TOGETHER)

    return emit


def _handshakes(sockets: Sockets, server: Server, times: int) -> None:
    what: dict[str, Any] = {"url": server.url, "count": times, "parallel": 1}
    sockets.ask("handshakes", seconds=300, **what)


_JOINED = _with_sockets(_sessions)
_SIGNED_IN = _with_sockets(_signed_in)
_FULL_ROOM = _with_sockets(_sessions, _ROOM)

OPERATIONS = (
    Operation("post", "POST /incr", OURS, _sessions, _requests("/incr")),
    Operation("event", "socket incr", OURS, _JOINED, _events()),
    Operation("handshake", "handshake", OURS, _sessions, _handshakes, times=100),
    Operation("signed-in-post", "POST /incr, signed in", OURS, _signed_in, _requests("/incr")),
    Operation("signed-in-event", "socket incr, signed in", OURS, _SIGNED_IN, _events()),
    Operation("plain-post", "a route", PLAIN, _sessions, _requests("/incr")),
    Operation("plain-event", "an event", PLAIN, _JOINED, _events()),
    Operation(
        "dependencies",
        "an event with two dependencies",
        PLAIN,
        _JOINED,
        _events("incr with dependencies"),
    ),
    Operation("plain-handshake", "handshake to a room", PLAIN, _sessions, _handshakes, 100),
    Operation("room", "POST /say to a room of 1,000", PLAIN, _FULL_ROOM, _requests("/say", 1), 10),
    Operation("recovering-event", "an event, recovery on", RECOVERING, _JOINED, _events()),
    Operation(
        "recovering-handshake", "handshake, recovery on", RECOVERING, _sessions, _handshakes, 100
    ),
    Operation(
        "recovering-room",
        "POST /say to a room of 1,000, recovery on",
        RECOVERING,
        _FULL_ROOM,
        _requests("/say", 1),
        10,
    ),
    Operation("traced-post", "a route, tracing not set up", TRACED, _sessions, _requests("/incr")),
    Operation("traced-event", "an event, tracing not set up", TRACED, _JOINED, _events()),
)
"""Those of one system in this order on one server: what a thousand sockets leave behind comes last."""

PAIRS = (
    ("signed-in-post", "post"),
    ("signed-in-event", "event"),
    ("dependencies", "plain-event"),
    ("recovering-event", "plain-event"),
    ("recovering-handshake", "plain-handshake"),
    ("recovering-room", "room"),
    ("traced-post", "plain-post"),
    ("traced-event", "plain-event"),
)
"""What something costs, and what there is without it."""
