"""FastAPI with python-socketio, on Mooring: uvicorn after:app, or mooring after:app."""

from fastapi import FastAPI
from fastapi_mooring import EVERYBODY, EmitterDep, EventError, EventRouter, Mooring, SocketDep

app = FastAPI()
events = EventRouter()

said = []


@app.get("/said")
async def history() -> list[str]:
    return said


@events.on_connect
async def connect(socket: SocketDep, auth: dict | None):
    if not auth or "name" not in auth:
        raise EventError("nobody", "who are you?")
    socket.session["name"] = auth["name"]


@events.on("join")
async def join(room: str, socket: SocketDep):
    await socket.join(room)
    await socket.emit("joined", socket.session["name"], to=room, skip_self=True)


@events.on("say")
async def say(room: str, text: str, socket: SocketDep):
    said.append(text)
    await socket.emit("said", socket.session["name"], text, to=room)
    return len(said)


@events.on_disconnect
async def disconnect(socket: SocketDep, emitter: EmitterDep, reason: str):
    await emitter.emit("left", socket.session["name"], to=EVERYBODY)


Mooring(app).include_router(events)
