"""The routes of the example: look at the session, count, rotate, log out."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field

from app import counter
from app.http.dependencies import OpenerDep, RoomsDep, SessionDep
from app.http.documents import ENDED, UNAVAILABLE

router = APIRouter(tags=["session"], responses={503: UNAVAILABLE})
_ENDED: dict[int | str, dict[str, Any]] = {409: ENDED}


class SessionView(BaseModel):
    """What a browser may know of its session."""

    count: int = Field(description="How often this session was incremented.", examples=[3])
    created_at: AwareDatetime = Field(description="When the session was opened.")
    expires_at: AwareDatetime = Field(description="When it ends unless something is done with it.")
    sockets: int = Field(description="Its live sockets, on all nodes.", examples=[1])


@router.get("/session", summary="Look at the session", responses=_ENDED)
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


@router.post("/incr", summary="Count one more", responses=_ENDED)
async def incr(session: SessionDep, rooms: RoomsDep) -> int:
    """Increment the session's count, tell `current count` to all its sockets, give the new count."""
    return await counter.incr(session, rooms)


@router.post("/logout", status_code=204, summary="End the session")
async def logout(opener: OpenerDep) -> Response:
    """End the session, let go all its sockets on every node, and clear the cookie.

    Without a session, or with one that has ended already, the answer is the same.
    """
    await opener.logout()
    return Response(status_code=204)


@router.post("/session/rotate", status_code=204, summary="Renew the id", responses=_ENDED)
async def rotate(session: SessionDep) -> Response:
    """Move the data to a new id and end the old one at once; its sockets reconnect with the new cookie."""
    await session.rotate()
    return Response(status_code=204)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
