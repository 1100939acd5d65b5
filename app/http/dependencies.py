"""What a route may ask for."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie

from app.rooms import Rooms
from app.sessions import SCOPE_KEY, Opener, Session

session_scheme = APIKeyCookie(
    name="session",
    scheme_name="session",
    description="Set by the first answer that opens a session; the browser sends it by itself.",
    auto_error=False,
)


async def opener(request: Request) -> Opener:
    """Give the request's opener, for routes that do not want a session opened."""
    found: Opener = request.scope[SCOPE_KEY]
    return found


async def session(
    opener: Annotated[Opener, Depends(opener)],
    _cookie: Annotated[str | None, Security(session_scheme)],
) -> Session:
    """Give the session of this browser, opened if there is none yet."""
    return await opener.open()


async def rooms(request: Request) -> Rooms:
    """Give the sockets of all sessions."""
    found: Rooms = request.app.state.rooms
    return found


OpenerDep = Annotated[Opener, Depends(opener)]
SessionDep = Annotated[Session, Depends(session)]
RoomsDep = Annotated[Rooms, Depends(rooms)]
