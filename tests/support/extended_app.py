"""The service with more routes and events than its app has: for handlers that wait, write and fail.

python -m tests.support.extended_app, with the settings of the service. A handler that waits does so at a
gate, which the test opens; gates have names, so that tests do not meet at one. The heartbeat is
short, and so is the time that sockets have to connect to the namespace.
"""

import asyncio
import os
import sys
from collections import defaultdict
from typing import Any, Literal

from fastapi import APIRouter

from app import EventContext, EventRouter, Session, SessionDep
from app.__main__ import main
from tests.support.app_under_test import extend

routes = APIRouter()
events = EventRouter()

PING_INTERVAL = 0.3
PING_TIMEOUT = 2.0
CONNECT_TIMEOUT = 1.5

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


@routes.get("/gates/{name}")
async def waiting(name: str) -> int:
    """Say how many handlers have come to a gate so far."""
    return gates[name].waiting


@routes.post("/gates/{name}")
async def open_gate(name: str) -> None:
    """Open a gate."""
    gates[name].open()


@routes.get("/data")
async def data(session: SessionDep) -> dict[str, Any]:
    """Give all that the session holds."""
    return dict(session)


@routes.post("/held/{gate}/{act}/{key}")
async def held(session: SessionDep, gate: str, act: Act, key: str) -> int:
    """Look at the session, wait at a gate, and then act on what was loaded before."""
    seen = len(session)
    await gates[gate].pass_through()
    await _do(session, act, key)
    return seen


@routes.post("/write/{key}")
async def write(session: SessionDep, key: str, length: int = 1) -> None:
    """Write a text of some length under a key."""
    session[key] = "x" * length


@routes.post("/write-and-fail/{key}")
async def write_and_fail(session: SessionDep, key: str) -> None:
    """Write, and then break."""
    session[key] = "written"
    raise RuntimeError("a handler that breaks on purpose")


@events.on("wait")
async def wait_at(_context: EventContext, gate: str) -> str:
    """Wait at a gate."""
    await gates[gate].pass_through()
    return gate


@events.on("held")
async def held_event(context: EventContext, gate: str, act: Act, key: str) -> int:
    """Do the same as the route of that name."""
    return await held(context.session, gate, act, key)


@events.on("note")
async def note(context: EventContext, number: int) -> int:
    """Append a number to the session's notes, after more or less other work."""
    for _ in range(number * 7 % 5):
        await asyncio.sleep(0)
    context.session["notes"] = [*context.session.get("notes", []), number]
    return number


@events.on("peek")
async def peek(context: EventContext) -> dict[str, Any]:
    """Give all that the session holds."""
    return dict(context.session)


@events.on("write")
async def write_event(context: EventContext, key: str, length: int) -> None:
    """Do the same as the route of that name."""
    await write(context.session, key, length)


@events.on("destroy")
async def destroy(context: EventContext, gate: str = "") -> str:
    """End the session, and wait at a gate if one is named."""
    await context.session.destroy()
    if gate:
        await gates[gate].pass_through()
    return "bye"


@events.on("write bytes")
async def write_bytes(context: EventContext) -> None:
    """Write what JSON has no form for, deep inside."""
    context.session["cart"] = {"items": [0]}
    context.session["cart"]["items"].append({"at": b"bytes"})


@events.on("write and fail")
async def write_and_fail_event(context: EventContext, key: str) -> None:
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
            await session.transact(lambda newest: newest.update({key: True}))
        case "rotate":
            await session.rotate()


if __name__ == "__main__":
    os.environ.setdefault("PING_INTERVAL", str(PING_INTERVAL))
    os.environ.setdefault("PING_TIMEOUT", str(PING_TIMEOUT))
    os.environ.setdefault("CONNECT_TIMEOUT", str(CONNECT_TIMEOUT))
    extend(routes, events)
    sys.exit(main())
