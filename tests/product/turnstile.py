"""A turnstile: the counter's routes and events in an app that has everything an app may have.

It has all that the tests of the promises use of the example, and beside it what is an app's own: a lifespan,
a dependency on every route, middleware added before and after Mooring, handlers of errors, a router
with a prefix, its own `GET /` and its own way to leave, a mounted app and files. `POST /logout` is
Mooring's: it alone ends the session of an id that was rotated meanwhile.
`MOORING_TEST_APP=tests.product.turnstile:app` runs the tests on it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypedDict

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_mooring import (
    Emitter,
    EmitterDep,
    EventRouter,
    Mooring,
    OptionalSessionDep,
    Session,
    SessionDep,
    idempotent,
)
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BANNED = {"mallory"}


class Resources(TypedDict):
    """What the lifespan makes."""

    gates: list[str]


class Visit(BaseModel):
    """What a visitor may know of the session."""

    count: int
    created_at: datetime
    expires_at: datetime
    sockets: int


class GateClosedError(Exception):
    """Nobody gets through a gate."""


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[Resources]:
    """Open the gates."""
    yield {"gates": ["north", "south"]}


async def visitor(connection: HTTPConnection, x_visitor: Annotated[str, Header()] = "") -> str:
    """Return who comes, or refuse."""
    if x_visitor in BANNED:
        raise HTTPException(403, "you are not welcome")
    connection.state.visitor = x_visitor
    return x_visitor


class Stamp:
    """ASGI middleware: add a header field to each response."""

    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self.app = app
        self.name = name.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (self.name, b"yes")]
            await send(message)

        await self.app(scope, receive, stamped)


class Timing(BaseHTTPMiddleware):
    """Middleware of Starlette's base class."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Serve one request."""
        response = await call_next(request)
        response.headers["X-Timing"] = request.method
        return response


app = FastAPI(title="Turnstile", lifespan=lifespan, dependencies=[Depends(visitor)])
app.add_middleware(Stamp, name="x-before")
mooring = Mooring(app)
mooring.install_problem_handlers()
events = EventRouter()
gates = APIRouter(prefix="/turnstile")


def read_count(data: Mapping[str, Any]) -> int:
    """Return the count in a session's data."""
    count: int = data.get("count", 0)
    return count


def add_one(data: dict[str, Any]) -> int:
    """Increment the count and return it."""
    data["count"] = read_count(data) + 1
    return read_count(data)


async def let_through(session: Session, emitter: Emitter) -> int:
    """Increment the count of a session, publish it to the session's sockets, and return it."""
    count = await session.transact(add_one)
    await emitter.publish("current count", count, session=session)
    return count


@app.get("/")
async def page(request: Request, session: SessionDep) -> HTMLResponse:
    """Show the gates and the count; opens a session."""
    return HTMLResponse(f"<!doctype html>{', '.join(request.state.gates)}: {read_count(session)}")


@app.get("/session")
async def visit(session: SessionDep, emitter: EmitterDep) -> Visit:
    """Show the session; opens one."""
    return Visit(
        count=read_count(session),
        created_at=session.created_at,
        expires_at=session.expires_at,
        sockets=await emitter.count(session),
    )


@app.post("/incr", dependencies=[Depends(idempotent)])
async def incr(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more."""
    return await let_through(session, emitter)


@gates.post("/leave", status_code=204)
async def leave(session: OptionalSessionDep) -> None:
    """End the session in the turnstile's own way."""
    if session is not None:
        await session.destroy()


@gates.post("/{gate}/close")
async def close_gate(gate: str) -> None:
    """Refuse."""
    raise GateClosedError(gate)


@gates.get("/visitor")
async def who(name: Annotated[str, Depends(visitor)]) -> str:
    """Return who comes."""
    return name


@events.on("incr", reload=False)
async def incr_event(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more."""
    return await let_through(session, emitter)


@events.on("incr once", once=True, reload=False)
async def incr_once(session: SessionDep, emitter: EmitterDep) -> int:
    """Count one more for each id."""
    return await let_through(session, emitter)


events.sends("current count", int, description="The count.", state=read_count)
mooring.include_router(events)
app.include_router(gates)
app.include_router(mooring.session_router(view=False))
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())

hall = FastAPI(title="Hall")


@hall.get("/count")
async def hall_count(session: SessionDep) -> int:
    """Use the session of the app that this one is mounted in."""
    return read_count(session)


app.mount("/hall", hall)
app.mount("/pages", StaticFiles(directory=Path(__file__).parent / "files"))


@app.exception_handler(GateClosedError)
async def gate_closed(_request: Request, error: Exception) -> JSONResponse:
    """Answer with the turnstile's own form of an error."""
    return JSONResponse({"closed": str(error)}, 409)


app.add_middleware(Stamp, name="x-after")
app.add_middleware(Timing)
