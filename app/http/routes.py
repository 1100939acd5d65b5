"""The routes of the example: look at the session, count, rotate, log out."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field

from app import counter
from app.http.dependencies import OpenerDep, RoomsDep, SessionDep, session_scheme
from app.http.documents import (
    BODY_TOO_LARGE,
    CLEAR_COOKIE,
    ENDED,
    FROM_ELSEWHERE,
    SET_COOKIE,
    TOO_MANY,
    UNAVAILABLE,
    Answers,
)

router = APIRouter(tags=["session"], responses=UNAVAILABLE)

_OPENS: Answers = ENDED | TOO_MANY
_CHANGES: Answers = FROM_ELSEWHERE | BODY_TOO_LARGE
_COOKIE = {"headers": {"Set-Cookie": SET_COOKIE}}


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
    sockets: int = Field(description="Its live sockets, on all nodes.", examples=[1])


@router.get(
    "/session",
    summary="Look at the session",
    response_description="The session as it is now.",
    responses={200: _COOKIE, **_OPENS},
)
async def look(session: SessionDep, rooms: RoomsDep) -> SessionView:
    """Give the session's count and times; opens a session if the browser has none."""
    record = session.record
    ends = record.lease.expires_at if record.lease else record.absolute_at
    return SessionView(
        count=counter.current(session),
        created_at=_utc(record.created_at),
        expires_at=_utc(ends),
        sockets=await rooms.count(session.key),
    )


@router.post(
    "/incr",
    summary="Count one more",
    response_description="The new count, a bare number.",
    responses={
        200: {**_COOKIE, "content": {"application/json": {"example": 4}}},
        **_OPENS,
        **_CHANGES,
    },
)
async def incr(session: SessionDep, rooms: RoomsDep) -> int:
    """Increment the session's count, tell `current count` to all its sockets, give the new count.

    Opens a session if the browser has none. Each of many increments at once gets a number of its own.
    """
    return await counter.incr(session, rooms)


@router.post(
    "/logout",
    status_code=204,
    summary="End the session",
    response_description="There is no session any more.",
    responses={204: {"headers": {"Set-Cookie": CLEAR_COOKIE}}, **_CHANGES},
    openapi_extra={"security": [{session_scheme.scheme_name: []}]},  # it asks for no session
)
async def logout(opener: OpenerDep) -> Response:
    """End the session, let go all its sockets on every node, and clear the cookie.

    Without a session, or with one that has ended already, the answer is the same.
    """
    await opener.logout()
    return Response(status_code=204)


@router.post(
    "/session/rotate",
    status_code=204,
    summary="Renew the id",
    response_description="The session has a new id, and the cookie carries it.",
    responses={204: _COOKIE, **_OPENS, **_CHANGES},
)
async def rotate(session: SessionDep) -> Response:
    """Move the data to a new id and end the old one at once; its sockets reconnect with the new cookie.

    To be done whenever a visitor's rights change, a login above all: an id that somebody else knew
    before is worth nothing after it.
    """
    await session.rotate()
    return Response(status_code=204)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
