"""The product of the histories: a counter, a sign-in by name, messages to a room, a clock to be moved."""

import time
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI

from app import (
    EmitterDep,
    EventRouter,
    Mooring,
    OptionalSessionDep,
    Session,
    SessionDep,
    Settings,
    SocketDep,
    UsersDep,
    idempotent,
)

_true_time = time.time
_wrong_by = 0.0


def _moved_time() -> float:
    return _true_time() + _wrong_by


time.time = _moved_time

app = FastAPI()
mooring = Mooring(app, Settings.with_defaults(max_body_bytes=100_000))
events = EventRouter(recovery=True)

View = tuple[int, str | None]


def read_count(data: Any) -> int:
    """Return the count in a session's data."""
    count: int = data.get("count", 0)
    return count


def add_one(data: dict[str, Any]) -> int:
    """Increment the count and return it."""
    data["count"] = read_count(data) + 1
    return read_count(data)


async def increment(session: Session, emitter: EmitterDep) -> int:
    """Increment the count of a session, publish it, and return it."""
    count = await session.transact(add_one)
    await emitter.publish("count", count, session=session)
    return count


@app.post("/clock")
async def set_clock(seconds: Annotated[float, Body(embed=True)]) -> None:
    """Have this node's clock be wrong."""
    global _wrong_by  # noqa: PLW0603 - there is one clock
    _wrong_by = seconds


@app.post("/open")
async def open_session(session: SessionDep, user: Annotated[str | None, Body(embed=True)]) -> None:
    """Open a session, signed in or not."""
    session["opened"] = True
    if user is not None:
        await session.sign_in(user)


@app.get("/view")
async def view(session: OptionalSessionDep) -> View | None:
    """Return the count, and who is signed in; null to who has no session."""
    return None if session is None else (read_count(session), session.user)


@app.post("/incr", dependencies=[Depends(idempotent)])
async def incr(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more."""
    return await increment(session, emitter)


@app.post("/sign-in")
async def sign_in(session: SessionDep, user: Annotated[str, Body(embed=True)]) -> bool:
    """Sign in; return False if that was the first that the session was used for."""
    known = "opened" in session
    await session.sign_in(user)
    return known


@app.post("/rotate")
async def rotate(session: SessionDep) -> bool:
    """Move to a new id; return False if that was the first that the session was used for."""
    known = "opened" in session
    await session.rotate()
    return known


@app.post("/ban/{user}")
async def ban(user: str, users: UsersDep) -> int:
    """End a user everywhere."""
    return await users.end(user)


@app.post("/send")
async def send(
    emitter: EmitterDep,
    room: Annotated[str, Body()],
    source: Annotated[str, Body()],
    number: Annotated[int, Body()],
) -> None:
    """Send a message to a room."""
    await emitter.emit("said", source, number, to=room)


@events.on("enter")
async def enter(room: str, socket: SocketDep) -> None:
    """Enter a room."""
    await socket.join(room)


@events.on("incr", reload=False)
async def incr_event(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more."""
    return await increment(session, emitter)


@events.on("incr once", once=True, reload=False)
async def incr_once(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more for each id."""
    return await increment(session, emitter)


@events.on("view")
async def view_event(session: Session) -> View:
    """Return the count, and who is signed in."""
    return read_count(session), session.user


events.sends("said", str, int, description="A message: its source, and its number there.")
events.sends("count", int, description="The count.", state=read_count)
mooring.include_router(events)
app.include_router(mooring.session_router(view=False))
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())
