"""The service with a route and events that emit messages: python -m tests.support.emitting_app."""

import asyncio
import sys
from typing import Any

from fastapi import APIRouter

from app import EmitterDep, EventContext, EventRouter, SessionDep, SocketDep, to_session, to_socket
from app.__main__ import main
from tests.support.app_under_test import extend

routes = APIRouter()
events = EventRouter()


@routes.post("/shout/{room}")
async def shout(emitter: EmitterDep, room: str, words: list[Any]) -> None:
    """Emit `shout` once for each word to a session; touches none itself."""
    for word in words:
        await emitter.emit("shout", word, to=to_session(room), wait=False)


@routes.post("/call-out/{name}")
async def call_out(emitter: EmitterDep, name: str, words: list[Any]) -> None:
    """Emit `shout` once for each word to a room of the application, whatever the bus does."""
    for word in words:
        await emitter.emit("shout", word, to=name, wait=False)
        await asyncio.sleep(0)


@routes.get("/room")
async def room(session: SessionDep) -> str:
    """Give the key of this session."""
    return session.key


@events.on("shout")
async def shout_event(context: EventContext, word: str, skip_me: bool) -> None:
    """Emit `shout` to the room of the sender's session, to the sender itself too or not."""
    skipped = context.sid if skip_me else None
    await context.emitter.emit("shout", word, to=context.session, skip_sid=skipped)


@events.on("send bytes")
async def send_bytes(context: EventContext) -> None:
    """Emit what is no text."""
    data = {"raw": b"\x00\xff", "plain": 1}
    await context.emitter.emit("bytes", data, to=context.session)


@events.on("enter")
async def enter(socket: SocketDep, name: str) -> None:
    """Join a room of the application."""
    await socket.join(name)


@events.on("whisper")
async def whisper(context: EventContext, sid: str, word: str) -> None:
    """Emit `shout` to one socket, on whichever node it is."""
    await context.emitter.emit("shout", word, to=to_socket(sid))


if __name__ == "__main__":
    extend(routes, events)
    sys.exit(main())
