"""What routes and WebSocket routes may ask for."""

from typing import Annotated, Any, Protocol

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie
from starlette.requests import HTTPConnection

from ..asgi.provided import provides
from ..asgi.scope import EMITTER
from ..sessions import SCOPE_KEY, RequestSession, Session


class SocketCounter(Protocol):
    """What a route may ask of a session's sockets."""

    async def count(self, session: Session) -> int:
        """Return the number of connected sockets of a session, on all nodes."""


class _SessionCookieScheme(APIKeyCookie):
    """The session cookie in OpenAPI. Every request passes: a visitor without a session gets one."""

    async def __call__(self, request: HTTPConnection) -> None:
        """Accept the request."""


session_scheme = _SessionCookieScheme(
    name="session",
    scheme_name="session",
    description="Set by the first response that opens a session; the browser sends it by itself.",
    auto_error=False,
)


async def request_session(connection: HTTPConnection) -> RequestSession:
    """Return lazy access to the session of the request, for routes that open none."""
    found: RequestSession = find(connection, SCOPE_KEY)
    return found


@provides("session")
async def session(
    request_session: Annotated[RequestSession, Depends(request_session)],
    _cookie: Annotated[None, Security(session_scheme)],
) -> Session:
    """Return the visitor's session, created if there is none yet."""
    return await request_session.get_or_create()


@provides("session")
async def optional_session(
    request_session: Annotated[RequestSession, Depends(request_session)],
    _cookie: Annotated[None, Security(session_scheme)],
) -> Session | None:
    """Return the visitor's session, or None; creates none."""
    return await request_session.get()


@provides("emitter")
async def emitter(connection: HTTPConnection) -> Any:
    """Return the Emitter of the app's Mooring."""
    return find(connection, EMITTER)


def find(connection: HTTPConnection, key: str) -> Any:
    """Return what a Mooring has put into a scope; raise RuntimeError if there is none."""
    try:
        return connection.scope[key]
    except KeyError:
        raise RuntimeError(
            "this app has no sessions: attach them with `mooring = Mooring(app)`, to it or to the "
            "app that it is mounted in"
        ) from None


RequestSessionDep = Annotated[RequestSession, Depends(request_session)]
SessionDep = Annotated[Session, Depends(session)]
"""The visitor's Session, created if there is none yet; in events that of the socket.

In a route, a session that has just ended raises SessionEndedError (409) and a store that does not reply
StoreUnavailableError (503); an address that opens more sessions than CLIENT_RATE is refused (429).
"""

OptionalSessionDep = Annotated[Session | None, Depends(optional_session)]
"""The visitor's Session, or None if there is none: it creates none. Ask `is None`: an empty one is falsy."""
SocketCounterDep = Annotated[SocketCounter, Depends(emitter)]
