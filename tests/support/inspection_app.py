"""The service with routes that count what it holds: python -m tests.support.inspection_app.

The answer of `GET /left` counts whatever grows with sockets, and names the tasks that run. `GET
/stored` says what the memory store holds. Beside these it has what the extended app has, and sockets have
as little time to connect to the namespace as there.
"""

import asyncio
import os
import sys
from collections import Counter
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from app import EmitterDep, EventError, EventRouter, SocketDep
from app.aio.eager import _Spare
from app.realtime.service import RealtimeService
from app.server.command_line import main
from app.server.server import Server
from app.sessions import MemoryStore, Record
from app.sessions.stores.instrumented import InstrumentedStore
from tests.support import extended_app
from tests.support.app_under_test import extend
from tests.support.runtime import realtime_of

routes = APIRouter()
_servers: list[Server] = []


@routes.get("/left")
async def left(emitter: EmitterDep) -> dict[str, int]:
    """Count what there is of connections, sockets, rooms and tasks."""
    realtime = realtime_of(emitter)
    return _connections() | _tasks() | _sockets(realtime) | _rooms(realtime)


@routes.get("/stored")
async def stored(emitter: EmitterDep) -> dict[str, bool]:
    """Give the keys in the memory store, and whether each is that of a live session."""
    store = realtime_of(emitter).reconciler._manager.store
    while isinstance(store, InstrumentedStore):
        store = store._store
    assert isinstance(store, MemoryStore)
    return {key: isinstance(entry.content, Record) for key, entry in store._entries.items()}


other = EventRouter(namespace="/other")


class Line(BaseModel):
    """An argument with fields."""

    text: str


@other.on_connect
async def connect(socket: SocketDep, auth: dict[str, str]) -> None:
    """Join a room, and refuse some."""
    await socket.join(auth.get("nick", ""))
    if auth.get("nick") == "null":
        raise EventError("refused", "on purpose")


@other.on_disconnect
async def disconnected(socket: SocketDep, reason: str) -> None:
    """Do nothing with the reason."""


@other.on("take")
async def take(line: Line, number: int = 5, *more: str) -> tuple[int, str]:
    """Take a model, a default, and more."""
    return number, line.text.join(more)


@other.on("photo")
def photo(photo: bytes) -> bytes:
    """Give bytes back."""
    return photo


@other.on("enter")
async def enter(room: str, socket: SocketDep, emitter: EmitterDep) -> int:
    """Join a room whose name the client chooses."""
    await socket.join(room)
    await socket.emit("entered", to=room, volatile=True)
    return await emitter.count(room, namespace="/other")


@other.on("go")
async def go(socket: SocketDep) -> None:
    """Disconnect the sender."""
    await socket.disconnect()


class _Remembered(Server):
    """A server that the routes above can find."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _servers.append(self)


def _connections() -> dict[str, int]:
    """Count uvicorn's connections: one may outlive its socket, if its client does not read."""
    return {"connections": sum(len(each.server_state.connections) for each in _servers)}


def _tasks() -> dict[str, int]:
    tasks = (task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    names = map(_name, map(_work_of, tasks))
    return dict(Counter(name for name in names if name is not None))


def _work_of(task: asyncio.Task[Any]) -> object:
    """Return the coroutine that a task runs; None for the one task that waits for a next event."""
    coroutine = task.get_coro()
    return coroutine._work if isinstance(coroutine, _Spare) else coroutine


def _name(coroutine: object) -> str | None:
    if coroutine is None:
        return None
    return "task " + getattr(coroutine, "__qualname__", repr(coroutine))


def _sockets(realtime: RealtimeService) -> dict[str, int]:
    sockets = realtime.server
    return {
        "engine sockets": len(sockets.engine.sockets),
        "engine tasks": len(sockets.engine._tasks),
        "packets without attachments": len(sockets._large.incomplete),
        "turns": len(sockets._turns),
        "event queues": len(sockets.executor._queues),
        "registered sockets": len(realtime.registry),
        "sockets in namespaces": len(realtime.registry._members),
        "registered sessions": len(realtime.registry.keys()),
        "deadlines": len(realtime.reconciler.deadlines),
    }


def _rooms(realtime: RealtimeService) -> dict[str, int]:
    rooms = realtime.messenger.rooms._rooms.values()
    return {
        "rooms": len(rooms),
        "members": sum(map(len, rooms)),
        "calls": len(realtime.messenger.remote_calls),
    }


if __name__ == "__main__":
    os.environ["CONNECT_TIMEOUT"] = str(extended_app.CONNECT_TIMEOUT)
    extend(extended_app.routes, extended_app.events)
    extend(routes, other)
    sys.exit(main(server_class=_Remembered))
