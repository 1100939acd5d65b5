"""A chat with rooms, as a product has it: everything it does with sockets is here."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi_mooring import (
    EmitterDep,
    EventError,
    EventRouter,
    Mooring,
    SessionDep,
    SocketDep,
    to_socket,
)
from pydantic import BaseModel, Field
from redis.asyncio import Redis

app = FastAPI(title="Chat")
mooring = Mooring(app)


class Auth(BaseModel):
    """What a client says of itself."""

    nick: str = Field("nobody", max_length=20)


class Line(BaseModel):
    """One line of a chat."""

    nick: str
    text: str = Field(max_length=1000)
    at: datetime


async def db() -> AsyncIterator[Redis]:
    """Keep what was said where all nodes find it."""
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        yield redis


async def admins_only(session: SessionDep) -> None:
    """Let nobody else in."""
    if not session.get("admin"):
        raise HTTPException(403, "for admins")


DbDep = Annotated[Redis, Depends(db)]
events = EventRouter()
events.sends("said", Line, description="Somebody has said something in a room.")
events.sends("typing", str, description="Somebody is about to say something.")
admin = EventRouter(namespace="/admin", dependencies=[Depends(admins_only)])


@app.post("/admin/{key}")
async def become_admin(key: str, session: SessionDep) -> None:
    """Become an admin."""
    session["admin"] = key == "open sesame"


@events.on_connect
async def enter(socket: SocketDep, auth: Auth) -> None:
    """Remember the nick."""
    if auth.nick == "mallory":
        raise EventError("banned", "You are not welcome.", until="never")
    socket.session["nick"] = auth.nick
    await socket.emit("said", Line(nick="host", text=f"hello, {auth.nick}", at=datetime.now(UTC)))


@events.on("join")
async def join(room: str, socket: SocketDep, db: DbDep, last: int = 10) -> list[Line]:
    """Join a room; acknowledged with what was said last."""
    await socket.join(room)
    return [Line.model_validate_json(each) for each in await db.lrange(f"chat:{room}", -last, -1)]


@events.on("say")
async def say(room: str, text: str, socket: SocketDep, db: DbDep) -> int:
    """Say something in a room; acknowledged with how many sockets are in it."""
    if room not in socket.rooms:
        raise EventError("not-in-room", f"join {room} first")
    line = Line(nick=socket.session["nick"], text=text, at=datetime.now(UTC))
    await db.rpush(f"chat:{room}", line.model_dump_json())
    await socket.emit("said", line, to=room, skip_self=True)
    return await mooring.emitter.count(room)


@events.on("typing", reload=False)
async def typing(room: str, socket: SocketDep) -> None:
    """Show that somebody is about to say something."""
    await socket.emit("typing", socket.session["nick"], to=room, skip_self=True, volatile=True)


@events.on("upload")
def upload(name: str, photo: bytes) -> tuple[str, int, bytes]:
    """Take a picture; acknowledged with its name, its size and its first bytes."""
    return name, len(photo), photo[:4]


@admin.on("kick")
async def kick(sid: str, emitter: EmitterDep) -> None:
    """Disconnect somebody, wherever."""
    await emitter.disconnect(to_socket(sid))


mooring.include_router(events)
mooring.include_router(admin)
mooring.docs()
app.include_router(mooring.session_router())
app.include_router(mooring.health_router())
