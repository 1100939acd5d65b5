"""The routes of the example: the page, the session's view, the count."""

from html import escape
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel, Field

from .. import EmitterDep, OptionalSessionDep, SessionDep, idempotent
from .counter import current, increment

PAGES = Path(__file__).parent / "pages"

router = APIRouter()


class SessionView(BaseModel):
    """What a browser may know of its session."""

    count: int = Field(description="How often this session was incremented.", examples=[3])
    created_at: AwareDatetime = Field(
        description="When the session was opened.", examples=["2026-11-23T09:00:00Z"]
    )
    expires_at: AwareDatetime = Field(
        description="When it ends unless something is done with it.",
        examples=["2026-11-23T09:30:00Z"],
    )
    sockets: int = Field(description="Its connected sockets, on all nodes.", examples=[1])


@router.get("/", include_in_schema=False)
async def index(request: Request, _session: SessionDep) -> HTMLResponse:
    """Show the whole thing at work; opens a session."""
    return _page(request)


@router.head("/", include_in_schema=False)
async def head_index(request: Request, _session: OptionalSessionDep) -> HTMLResponse:
    """Answer as GET does, without a body; opens no session."""
    return _page(request)


def _page(request: Request) -> HTMLResponse:
    """Return the page, which finds all that it needs by relative URLs: a proxy may have a prefix for it."""
    socket_path = request.app.state.socket_path.strip("/")
    text = (PAGES / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace("{{socket_path}}", escape(socket_path)))


@router.get(
    "/session",
    tags=["session"],
    summary="Show the session",
    response_description="The session as it is now.",
)
async def view_session(session: SessionDep, emitter: EmitterDep) -> SessionView:
    """Return the session's count and times; opens a session if the visitor has none."""
    return SessionView(
        count=current(session),
        created_at=session.created_at,
        expires_at=session.expires_at,
        sockets=await emitter.count(session),
    )


@router.head("/session", include_in_schema=False)
async def head_session(_session: OptionalSessionDep) -> Response:
    """Answer as GET does, without a body; opens no session."""
    response = Response(media_type="application/json")
    del response.headers["content-length"]  # GET has a body, whose length is not known here
    return response


@router.post(
    "/incr",
    tags=["session"],
    summary="Count one more",
    response_description="The new count, a bare number.",
    responses={200: {"content": {"application/json": {"example": 4}}}},
    dependencies=[Depends(idempotent)],
)
async def incr(session: SessionDep, emitter: EmitterDep) -> int:
    """Increment the session's count, publish `current count` to all its sockets, return the new count.

    Opens a session if the visitor has none. Each of many increments at once gets a number of its own. With an
    `Idempotency-Key` a request that is repeated counts once, and gets the first number again.
    """
    return await increment(session, emitter)
