"""GET /session, POST /logout, POST /session/rotate."""

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field

from ..dependencies import (
    OptionalSessionDep,
    RequestSessionDep,
    SessionDep,
    SocketCounterDep,
    session_scheme,
)
from ..openapi import BODY_TOO_LARGE, CLEAR_COOKIE, FOREIGN, SET_COOKIE, UNAVAILABLE
from .get import add_get


class SessionView(BaseModel):
    """What a browser may know of its session."""

    created_at: AwareDatetime = Field(
        description="When the session was opened.", examples=["2026-11-23T09:00:00Z"]
    )
    expires_at: AwareDatetime = Field(
        description="When it ends unless something is done with it.",
        examples=["2026-11-23T09:30:00Z"],
    )
    sockets: int = Field(description="Its connected sockets, on all nodes.", ge=0, examples=[1])


def session_router(*, view: bool) -> APIRouter:
    """Return the routes of the session; without `view`, all but GET /session."""
    router = APIRouter(tags=["session"])
    if view:
        add_get(
            router,
            "/session",
            view_session,
            head=head_session,
            summary="Show the session",
            response_description="The session as it is now.",
            responses={200: {"headers": {"Set-Cookie": SET_COOKIE}}},
        )
    router.add_api_route(
        "/logout",
        logout,
        methods=["POST"],
        status_code=204,
        summary="End the session",
        response_description="There is no session any more.",
        responses={
            204: {"headers": {"Set-Cookie": CLEAR_COOKIE}},
            **FOREIGN,
            **BODY_TOO_LARGE,
            **UNAVAILABLE,
        },
        openapi_extra={"security": [{session_scheme.scheme_name: []}]},  # it opens no session
    )
    router.add_api_route(
        "/session/rotate",
        rotate,
        methods=["POST"],
        status_code=204,
        summary="Renew the session id",
        response_description="The session has a new id, and the cookie carries it.",
        responses={204: {"headers": {"Set-Cookie": SET_COOKIE}}},
    )
    return router


async def view_session(session: SessionDep, sockets: SocketCounterDep) -> SessionView:
    """Return the session's times and its number of sockets; opens a session if the visitor has none."""
    return SessionView(
        created_at=session.created_at,
        expires_at=session.expires_at,
        sockets=await sockets.count(session),
    )


async def head_session(_session: OptionalSessionDep) -> Response:
    """Answer as GET does, without a body; opens no session."""
    response = Response(media_type="application/json")
    del response.headers["content-length"]  # GET has a body, whose length is not known here
    return response


async def logout(request_session: RequestSessionDep) -> Response:
    """End the session, disconnect all its sockets on every node, and clear the cookie.

    Without a session, or with one that has ended already, the answer is the same.
    """
    await request_session.logout()
    return Response(status_code=204)


async def rotate(session: SessionDep) -> Response:
    """Move the data to a new id and end the old one at once; its sockets reconnect with the new cookie.

    To be done whenever a visitor's rights change, at a login above all: an id that somebody else
    knew before is worth nothing after it (OWASP: session fixation).
    """
    await session.rotate()
    return Response(status_code=204)
