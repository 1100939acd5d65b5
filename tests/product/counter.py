"""A counter as somebody writes it who has read nothing but the docs: one file, one FastAPI object.

tests/package serves it from the wheel.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from fastapi_mooring import (
    Emitter,
    EmitterDep,
    EventRouter,
    Mooring,
    OptionalSessionDep,
    Session,
    SessionDep,
)
from pydantic import BaseModel

app = FastAPI(title="Counter")
mooring = Mooring(app)
events = EventRouter()


class Visit(BaseModel):
    """What a visitor may know of the session."""

    count: int
    created_at: datetime
    expires_at: datetime
    sockets: int


def read_count(data: Mapping[str, Any]) -> int:
    """Return the count in a session's data."""
    count: int = data.get("count", 0)
    return count


def add_one(data: dict[str, Any]) -> int:
    """Increment the count and return it."""
    data["count"] = read_count(data) + 1
    return read_count(data)


async def count_up(session: Session, emitter: Emitter) -> int:
    """Increment the count of a session, publish it to the session's sockets, and return it."""
    count = await session.transact(add_one)
    await emitter.publish("current count", count, session=session)
    return count


@app.get("/")
async def page(session: SessionDep) -> HTMLResponse:
    """Greet the visitor; opens a session."""
    return HTMLResponse(f"<!doctype html><title>Counter</title>{read_count(session)}")


@app.get("/session")
async def visit(session: SessionDep, emitter: EmitterDep) -> Visit:
    """Show the session; opens one."""
    return Visit(
        count=read_count(session),
        created_at=session.created_at,
        expires_at=session.expires_at,
        sockets=await emitter.count(session),
    )


@app.head("/session")
async def head_visit(_session: OptionalSessionDep) -> Response:
    """Answer without a body; opens no session."""
    response = Response(media_type="application/json")
    del response.headers["content-length"]  # GET has a body, whose length is not known here
    return response


@app.post("/incr")
async def incr(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more."""
    return await count_up(session, emitter)


@events.on("incr", reload=False)
async def incr_event(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more."""
    return await count_up(session, emitter)


events.sends("current count", int, description="The count.", state=read_count)
mooring.include_router(events)
app.include_router(mooring.session_router(view=False))
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())
