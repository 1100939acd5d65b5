"""A help desk: an app that has everything an app may have, and Mooring in the midst of it.

Who uses it has to name a member of the staff in the header `X-Staff`: on every route, by a dependency of
the app.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    WebSocket,
)
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi_mooring import EmitterDep, EventRouter, Mooring, OptionalSessionDep, SessionDep
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STAFF = {"ada", "grace"}
OPEN_TO_ALL = {"/healthz", "/readyz"}


class Resources(TypedDict):
    """What the lifespan makes."""

    tickets: list[str]


class TicketClosedError(Exception):
    """A ticket takes no more notes."""


class NoTicketError(Exception):
    """There is no such ticket."""


class Ticket(BaseModel):
    """A ticket."""

    title: str
    notes: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[Resources]:
    """Make the list of tickets, and drop it."""
    app.state.phase = "started"
    yield {"tickets": ["printer"]}
    app.state.phase = "stopped"


async def staff(connection: HTTPConnection, x_staff: Annotated[str, Header()] = "") -> str:
    """Return the member of the staff, or refuse."""
    if x_staff not in STAFF and connection.url.path not in OPEN_TO_ALL:
        raise HTTPException(401, "name a member of the staff in X-Staff")
    connection.state.staff = x_staff
    return x_staff


StaffDep = Annotated[str, Depends(staff)]


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


class Audit(Timing):
    """The same, inside of Mooring's middleware."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Serve one request."""
        response = await call_next(request)
        response.headers["X-Audit"] = getattr(request.state, "staff", "nobody")
        return response


app = FastAPI(title="Help desk", lifespan=lifespan, dependencies=[Depends(staff)])
app.add_middleware(Stamp, name="X-Before")
app.add_middleware(Audit)


@app.exception_handler(NoTicketError)
def no_ticket(_request: Request, _error: Exception) -> JSONResponse:
    """Answer with the desk's own form of an error."""
    return JSONResponse({"desk": "no such ticket"}, 404)


@app.get("/")
async def home(request: Request, session: SessionDep) -> dict[str, Any]:
    """Show what the lifespan made, and how often this session was here."""
    session["visits"] = session.get("visits", 0) + 1
    return {"tickets": request.state.tickets, "visits": session["visits"]}


@app.post("/logout")
async def log_out(session: OptionalSessionDep) -> dict[str, str]:
    """End the session in the desk's own way."""
    if session is not None:
        await session.destroy()
    return {"desk": "good night"}


mooring = Mooring(app)
events = EventRouter()
tickets = APIRouter(prefix="/tickets")


@tickets.post("/")
async def open_ticket(
    ticket: Ticket, session: SessionDep, emitter: EmitterDep, who: StaffDep
) -> int:
    """Keep a ticket in the session, and tell its sockets."""

    def add(data: dict[str, Any]) -> int:
        data.setdefault("open", []).append(ticket.model_dump() | {"by": who})
        return len(data["open"])

    count = await session.transact(add)
    await emitter.publish("open tickets", count, session=session)
    return count


@tickets.get("/{number}")
async def show_ticket(number: int, session: OptionalSessionDep) -> Ticket:
    """Show a ticket of the session."""
    found = [] if session is None else session.get("open", [])
    if not 0 <= number < len(found):
        raise NoTicketError
    return Ticket.model_validate(found[number])


@tickets.post("/{number}/notes")
async def add_note(number: int) -> None:
    """Refuse."""
    raise TicketClosedError(number)


@app.websocket("/live")
async def live(websocket: WebSocket, session: SessionDep) -> None:
    """Send the session's data, on a WebSocket of the desk's own."""
    await websocket.accept()
    await websocket.send_json({"visits": session.get("visits", 0), "key": session.key})
    await websocket.close()


@events.on("note")
async def note(text: str, ticket: Ticket, session: SessionDep, emitter: EmitterDep) -> Ticket:
    """Add a note to a ticket, as an event with a model; its ack is a model, too."""
    noted = ticket.model_copy(update={"notes": [*ticket.notes, text]})
    session["noted"] = noted.model_dump()
    await session.save()
    await emitter.publish("open tickets", len(session.get("open", [])), session=session)
    return noted


@events.on("visits")
async def visits(session: SessionDep) -> int:
    """Return how often this session was at the home page."""
    found: int = session.get("visits", 0)
    return found


events.sends("open tickets", int, description="Tickets that are open in this session.")

mooring.include_router(events)
app.include_router(tickets)
app.include_router(mooring.health_router())

annex = FastAPI(title="Annex")


@annex.get("/visits")
async def annex_visits(session: SessionDep) -> int:
    """Use the session of the app that this one is mounted in."""
    found: int = session.get("visits", 0)
    return found


app.mount("/annex", annex)
app.mount("/files", StaticFiles(directory=Path(__file__).parent / "files"))


@app.exception_handler(TicketClosedError)
async def ticket_closed(request: Request, error: TicketClosedError) -> PlainTextResponse:
    """Answer with what the middleware left in the request's state."""
    return PlainTextResponse(f"ticket {error} is closed, {request.state.staff}", 409)


app.add_middleware(Stamp, name="X-After")
app.add_middleware(Timing)
