"""FastAPI with python-socketio, as it is without Mooring: uvicorn before:asgi."""

import socketio
from fastapi import FastAPI

app = FastAPI()
sio = socketio.AsyncServer(async_mode="asgi")
asgi = socketio.ASGIApp(sio, app)

said = []


@app.get("/said")
async def history() -> list[str]:
    return said


@sio.on("connect")
async def connect(sid, environ, auth):
    if not auth or "name" not in auth:
        raise socketio.exceptions.ConnectionRefusedError("who are you?")
    await sio.save_session(sid, {"name": auth["name"]})


@sio.on("join")
async def join(sid, room):
    await sio.enter_room(sid, room)
    session = await sio.get_session(sid)
    await sio.emit("joined", session["name"], room=room, skip_sid=sid)


@sio.on("say")
async def say(sid, room, text):
    session = await sio.get_session(sid)
    said.append(text)
    await sio.emit("said", (session["name"], text), room=room)
    return len(said)


@sio.on("disconnect")
async def disconnect(sid, reason):
    session = await sio.get_session(sid)
    await sio.emit("left", session["name"])
