"""The service with more routes and events than the example: for handlers that wait, write and fail.

python -m tests.support.workshop, with the settings of the service. A handler that waits does so at a
gate, which the test opens; gates have names, so that tests do not meet at one. The heartbeat is
short, and so is the patience with sockets that do not ask for the namespace.
"""

import asyncio
import sys
from collections import defaultdict
from typing import Any, Literal
from unittest.mock import patch

from app.__main__ import main
from app.http.dependencies import SessionDep
from app.http.routes import router
from app.realtime import edge, server
from app.realtime.counting import events
from app.realtime.events import Context
from app.sessions import Session

PING_INTERVAL = 0.3
PING_TIMEOUT = 2.0
PATIENCE = 1.5

Act = Literal["read", "write", "save", "update", "rotate"]


class Gate:
    """Where handlers wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self._open = asyncio.Event()

    async def pass_through(self) -> None:
        """Wait until it is open."""
        self.waiting += 1
        await self._open.wait()

    def open(self) -> None:
        """Let everybody through, those who come later too."""
        self._open.set()


gates: defaultdict[str, Gate] = defaultdict(Gate)


@router.get("/gates/{name}")
async def waiting(name: str) -> int:
    """Say how many handlers have come to a gate so far."""
    return gates[name].waiting


@router.post("/gates/{name}")
async def open_gate(name: str) -> None:
    """Open a gate."""
    gates[name].open()


@router.get("/data")
async def data(session: SessionDep) -> dict[str, Any]:
    """Give all that the session holds."""
    return dict(session)


@router.post("/held/{gate}/{act}/{key}")
async def held(session: SessionDep, gate: str, act: Act, key: str) -> int:
    """Look at the session, wait at a gate, and then act on what was loaded before."""
    seen = len(session)
    await gates[gate].pass_through()
    await _do(session, act, key)
    return seen


@router.post("/write/{key}")
async def write(session: SessionDep, key: str, length: int = 1) -> None:
    """Write a text of some length under a key."""
    session[key] = "x" * length


@router.post("/write-and-fail/{key}")
async def write_and_fail(session: SessionDep, key: str) -> None:
    """Write, and then break."""
    session[key] = "written"
    raise RuntimeError("a handler that breaks on purpose")


@events.on("wait")
async def wait_at(_context: Context, gate: str) -> str:
    """Wait at a gate."""
    await gates[gate].pass_through()
    return gate


@events.on("held")
async def held_event(context: Context, gate: str, act: Act, key: str) -> int:
    """Do the same as the route of that name."""
    return await held(context.session, gate, act, key)


@events.on("note")
async def note(context: Context, number: int) -> int:
    """Append a number to the session's notes, after more or less other work."""
    for _ in range(number * 7 % 5):
        await asyncio.sleep(0)
    context.session["notes"] = [*context.session.get("notes", []), number]
    return number


@events.on("peek")
async def peek(context: Context) -> dict[str, Any]:
    """Give all that the session holds."""
    return dict(context.session)


@events.on("write")
async def write_event(context: Context, key: str, length: int) -> None:
    """Do the same as the route of that name."""
    await write(context.session, key, length)


@events.on("write and fail")
async def write_and_fail_event(context: Context, key: str) -> None:
    """Write, and then break."""
    await write_and_fail(context.session, key)


async def _do(session: Session, act: Act, key: str) -> None:
    match act:
        case "write":
            session[key] = True
        case "save":
            session[key] = True
            await session.save()
        case "update":
            await session.update(lambda newest: newest.update({key: True}))
        case "rotate":
            await session.rotate()


if __name__ == "__main__":
    edge.HEARTBEAT.update(ping_interval=PING_INTERVAL, ping_timeout=PING_TIMEOUT)
    with patch.object(server, "PATIENCE", PATIENCE):
        sys.exit(main())
