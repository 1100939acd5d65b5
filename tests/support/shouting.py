"""The service with a route and an event that shout into rooms: python -m tests.support.shouting.

They call python-socketio's own `emit`, as an application does that has more to say than its
session's state.
"""

import sys
from typing import Any

from app.__main__ import main
from app.http.dependencies import RoomsDep, SessionDep
from app.http.routes import router
from app.realtime.counting import events
from app.realtime.edge import Realtime
from app.realtime.events import Context
from app.rooms import Rooms


@router.post("/shout/{room}")
async def shout(rooms: RoomsDep, room: str, words: list[Any]) -> None:
    """Emit `shout` once for each word to a room; touches no session."""
    for word in words:
        await server_of(rooms).emit("shout", word, room=room)


@router.get("/room")
async def room(session: SessionDep) -> str:
    """Give the name of this session's own room. Only a test may know it."""
    return session.key


@events.on("shout")
async def shout_event(context: Context, word: str, skip_me: bool) -> None:
    """Emit `shout` to the room of the sender's session, to the sender itself too or not."""
    server = server_of(context.rooms)
    skipped = context.sid if skip_me else None
    await server.emit("shout", word, room=context.session.key, skip_sid=skipped)


@events.on("send bytes")
async def send_bytes(context: Context) -> None:
    """Emit what is no text."""
    data = {"raw": b"\x00\xff", "plain": 1}
    await server_of(context.rooms).emit("bytes", data, room=context.session.key)


@events.on("whisper")
async def whisper(context: Context, sid: str, word: str) -> None:
    """Emit `shout` to one socket, on whichever node it is."""
    await server_of(context.rooms).emit("shout", word, to=sid)


def server_of(rooms: Rooms) -> Any:
    """Give python-socketio's server."""
    assert isinstance(rooms, Realtime)
    return rooms.server


if __name__ == "__main__":
    sys.exit(main())
