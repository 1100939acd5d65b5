"""A product with recovery, whose users sign in by name, and which sends whatever it is asked to."""

from typing import Annotated, Any

from fastapi import Body, FastAPI
from pydantic import BaseModel

from app import (
    EVERYBODY,
    EmitterDep,
    EventError,
    EventRouter,
    Mooring,
    SessionDep,
    Settings,
    SocketDep,
    UsersDep,
    to_session,
    to_socket,
    to_user,
)
from app.realtime.targets import Target

app = FastAPI()
mooring = Mooring(app, Settings.with_defaults(max_body_bytes=100_000))
events = EventRouter(recovery=True)
banned: set[str] = set()


class Message(BaseModel):
    """Something to send."""

    space: str
    name: str
    source: str
    number: int


@app.post("/login")
async def login(session: SessionDep, user: Annotated[str, Body(embed=True)]) -> str:
    """Sign in, and say under which key."""
    await session.sign_in(user)
    return session.key


@app.post("/send")
async def send(emitter: EmitterDep, message: Message) -> None:
    """Send a message to whom it says."""
    targets = {"user": to_user, "session": to_session, "socket": to_socket}
    to: str | Target = message.name
    if message.space in targets:
        to = targets[message.space](message.name)
    elif message.space == "all":
        to = EVERYBODY
    await emitter.emit("said", message.source, message.number, to=to)


@app.get("/paid")
async def paid(session: SessionDep) -> int:
    """Say how often the session has paid."""
    return int(session.get("paid", 0))


@app.post("/state")
async def set_state(session: SessionDep, emitter: EmitterDep, value: int) -> None:
    """Change the session's state, and publish it."""
    session["state"] = value
    await session.save()
    await emitter.publish("state", value, session=session)


@app.post("/take-out/{user}/{room}")
async def take_out(emitter: EmitterDep, user: str, room: str) -> None:
    """Take a user out of a room."""
    await emitter.leave(to_user(user), room)


@app.post("/take-in/{user}/{room}")
async def take_in(emitter: EmitterDep, user: str, room: str) -> None:
    """Let a user into a room."""
    await emitter.join(to_user(user), room)


@app.post("/kick/{user}")
async def kick(emitter: EmitterDep, user: str) -> None:
    """Disconnect a user."""
    await emitter.disconnect(to_user(user))


@app.post("/ban/{user}")
async def ban(user: str, users: UsersDep) -> int:
    """End a user everywhere."""
    return await users.end(user)


@app.post("/refuse/{user}")
async def refuse(user: str) -> None:
    """Let a user connect to this node no more."""
    banned.add(user)


app.include_router(mooring.session_router(view=False))
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())


@events.on_connect
async def connect(socket: SocketDep) -> None:
    """Say whether the socket has come back, and refuse who is not to connect any more."""
    if socket.user in banned:
        raise EventError("banned", "You are not to come back.")
    await socket.emit("welcome", socket.recovered)


@events.on("enter")
async def enter(room: str, socket: SocketDep) -> None:
    """Enter a room."""
    await socket.join(room)


@events.on("exit")
async def leave(room: str, socket: SocketDep) -> None:
    """Leave a room."""
    await socket.leave(room)


@events.on("pay", once=True)
async def pay(session: SessionDep) -> int:
    """Pay once for each id; return how often the session has paid."""
    return await session.transact(_one_more)


@events.on("rooms")
async def rooms(socket: SocketDep) -> list[str]:
    """Say which rooms the socket is in."""
    return sorted(socket.rooms)


def _one_more(data: dict[str, Any]) -> int:
    data["paid"] = int(data.get("paid", 0)) + 1
    return int(data["paid"])


events.sends("said", str, int, description="A message: its source, and its number there.")
events.sends("welcome", bool)
events.sends("state", int, state=lambda data: data.get("state", 0))
mooring.include_router(events)
