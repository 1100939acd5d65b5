"""The session middleware: one ASGI layer that carries the session over requests and handshakes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from ...asgi.errors import RequestRefusedError
from ...asgi.paths import SocketPath
from ...asgi.rate_limit import RateLimiter
from ...asgi.scope import PRESENTED, TOKEN, Presented, Token
from ...sessions import (
    SCOPE_KEY,
    RequestSession,
    SessionError,
    SessionManager,
)
from ...sessions.watch import SessionWatch
from ..cookies import SessionCookie
from ..session_websocket import SessionWebSocket
from ..tokens import SessionToken
from ..visitor import visitor
from .session_responder import STARLETTE_S, Carrier, SessionResponder

_TOKEN_FIELDS = (b"X-Session-Token", b"Authorization")
"""By which, beside Cookie, a response with a session varies where there are tokens."""
SendError = Callable[[Exception, Scope, Receive, Send], Awaitable[None]]
"""Sends the app's own response to an error that no handler of it took."""


@dataclass(frozen=True)
class SessionOptions:
    """What an app may have beside a session for browsers.

    Attributes:
        keep_address: the client's address is kept with a sign-in.
        loads: the session is loaded before the app is called, for what reads `request.session`.
        token: carries the session of clients that have no cookies; None where there are none.
        watch: returns what notifies of the end of sessions, for WebSockets of the app's own.
        socket_path: where WebSockets are Socket.IO's.
    """

    keep_address: bool = False
    loads: bool = False
    token: SessionToken | None = None
    watch: Callable[[Scope], SessionWatch] | None = None
    socket_path: SocketPath | None = None


_NO_OPTIONS = SessionOptions()


class SessionMiddleware:
    """Attach lazy session access to every request and WebSocket handshake, and commit at the response.

    What changed is committed, and the cookie set, before the response starts: a client that has
    its response can rely on both. If the commit finds the session ended, or the store unavailable,
    the client gets that answer instead. A response with a status of 500 and up commits no plain writes.
    A session that the request has opened, and that nothing was stored in, is deleted with a response of
    400 and up: it has no cookie then. What is written after the start is stored when the app returns.

    Args:
        manager: returns the manager of sessions for the event loop that serves a scope.
        rate_limiter: asked before a session is created.
        send_error: sends the app's response to an unhandled error where it has to carry a cookie;
            else the error goes on to the app's own outermost layer.
        options: what an app may have beside.
    """

    def __init__(
        self,
        app: ASGIApp,
        manager: Callable[[Scope], SessionManager],
        cookie: SessionCookie,
        rate_limiter: RateLimiter,
        send_error: SendError | None = None,
        options: SessionOptions = _NO_OPTIONS,
    ) -> None:
        self._app = app
        self._manager = manager
        self._cookie = cookie
        self.rate_limiter = rate_limiter
        self._send_error = send_error
        self.visitor = partial(visitor, keep_address=options.keep_address)
        self._loads = options.loads
        self._token = options.token
        self._watch = options.watch
        self._socket_path = options.socket_path
        self.varies = () if options.token is None else _TOKEN_FIELDS
        self._presented: Presented = cookie.presented

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection."""
        if scope["type"] in ("http", "websocket"):
            return self._serve(scope, receive, send)
        return self._app(scope, receive, send)

    def _carried(self, scope: Scope) -> tuple[Carrier, list[str]]:
        """Return what carries the session id of a request, and the ids that it has."""
        token = self._token
        if token is not None and (given := token.given(scope)) is not None:
            ids = token.session_ids(scope)
            scope[TOKEN] = Token.GOOD if ids else Token.BAD if given else Token.NONE_YET
            return token, ids
        return self._cookie, self._cookie.session_ids(scope["headers"])

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        carrier, ids = self._carried(scope)
        is_websocket = scope["type"] == "websocket"
        responder = SessionResponder(self, carrier, scope, send)
        request_session = responder.request_session = RequestSession(
            self._manager(scope),
            ids[0] if ids else None,
            responder.check_rate,
            other_ids=ids[1:],
            in_use=is_websocket,
        )
        request_session.usage.visitor = responder.visitor
        request_session.on_loaded = responder.offer
        scope[SCOPE_KEY] = request_session
        scope[PRESENTED] = self._presented if carrier is self._cookie else carrier.presented
        try:
            if self._loads:
                await _load(scope, request_session)
            if is_websocket and self._ends_with_session(scope):
                await self._serve_websocket(scope, receive, responder)
            else:
                await self._app(scope, receive, responder.send)
        except (SessionError, RequestRefusedError) as error:
            await responder.answer(error)
        except Exception as error:
            await responder.drop()
            if self._send_error is not None and responder.must_answer:
                await self._send_error(error, scope, receive, responder.send)
            raise
        finally:
            if request_session.session is not None:
                await responder.finish()
            request_session.usage.over = True
            request_session.release()

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, responder: SessionResponder
    ) -> None:
        """Serve a WebSocket of the app's own, which ends with its session."""
        assert self._watch is not None  # noqa: S101 - for the type checker; see _ends_with_session
        request_session: RequestSession = scope[SCOPE_KEY]
        websocket = SessionWebSocket(self._watch(scope), request_session, receive, responder.send)
        try:
            await self._app(scope, websocket.receive, websocket.send)
        finally:
            await websocket.over()

    def _ends_with_session(self, scope: Scope) -> bool:
        """Return True unless Socket.IO has the WebSocket, whose registry closes its own."""
        return self._watch is not None and not (
            self._socket_path is not None and self._socket_path.matches(scope)
        )


async def _load(scope: Scope, request_session: RequestSession) -> None:
    """Put the session into a scope, or what becomes one if something is written to it."""
    if await request_session.get() is None:
        scope.setdefault(STARLETTE_S, request_session.new_data)
