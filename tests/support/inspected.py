"""The service with a look inside, to see that nothing is left over: python -m tests.support.inspected.

The answer of `GET /left` counts whatever grows with sockets, and names the tasks that run. `GET
/stored` says what the memory store holds. Beside these it has what the workshop has, whose patience
with silent sockets is short.
"""

import asyncio
import sys
from collections import Counter
from typing import Any
from unittest.mock import patch

import uvicorn

import app.__main__
from app.__main__ import main
from app.http.dependencies import RoomsDep
from app.http.routes import router
from app.realtime import server
from app.realtime.edge import Realtime
from app.serving import Drainable, Server
from app.sessions import MemoryStore, Record
from app.sessions.measured import MeasuredStore
from tests.support.workshop import PATIENCE

_servers: list[Server] = []


@router.get("/left")
async def left(rooms: RoomsDep) -> dict[str, int]:
    """Count what there is of connections, sockets, rooms and tasks."""
    assert isinstance(rooms, Realtime)
    return _connections() | _tasks() | _sockets(rooms) | _rooms(rooms)


@router.get("/stored")
async def stored(rooms: RoomsDep) -> dict[str, bool]:
    """Give the keys in the memory store, and whether each is that of a live session."""
    assert isinstance(rooms, Realtime)
    store = rooms.watch._sessions.store
    while isinstance(store, MeasuredStore):
        store = store._store
    assert isinstance(store, MemoryStore)
    return {key: isinstance(entry.content, Record) for key, entry in store._entries.items()}


def _remembered(served: Drainable, config: uvicorn.Config) -> Server:
    """Make the server, and keep hold of it."""
    server = Server(served, config)
    _servers.append(server)
    return server


def _connections() -> dict[str, int]:
    """Count uvicorn's connections: one may outlive its socket, if its client does not read."""
    return {"connections": sum(len(each.server_state.connections) for each in _servers)}


def _tasks() -> dict[str, int]:
    tasks = (task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    return dict(Counter(_name(task) for task in tasks))


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return "task " + getattr(coroutine, "__qualname__", repr(coroutine))


def _sockets(realtime: Realtime) -> dict[str, int]:
    sockets = realtime.server
    return {
        "engine sockets": len(sockets.eio.sockets),
        "engine tasks": len(sockets.eio._tasks),
        "environs": len(sockets.environ),
        "packets without attachments": len(sockets._binary_packet),
        "lanes": len(sockets.lanes._lanes),
        "moored sockets": len(realtime.moorings),
        "moorings": len(realtime.moorings.keys()),
        "deadlines": len(realtime.watch.deadlines),
    }


def _rooms(realtime: Realtime) -> dict[str, int]:
    manager = realtime.manager
    rooms = manager.rooms.values()
    return {
        "rooms": sum(len(each) for each in rooms),
        "members": sum(len(members) for each in rooms for members in each.values()),
        "engine ids": len(manager.eio_to_sid),
        "callbacks": sum(map(len, manager.callbacks.values())),
        "disconnecting": sum(map(len, manager.pending_disconnect.values())),
    }


if __name__ == "__main__":
    with (
        patch.object(server, "PATIENCE", PATIENCE),
        patch.object(app.__main__, "Server", _remembered),
    ):
        sys.exit(main())
