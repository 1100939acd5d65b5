"""The Socket.IO server as an ASGI app: handshakes open sessions, and sockets belong to them."""

from collections.abc import Hashable

from starlette.types import Message, Receive, Scope, Send

from ..asgi.headers import mark_private
from ..asgi.problems import Problem
from ..asgi.rate_limit import RateLimiter
from ..asgi.refusals import Refusal
from ..asgi.scope import PRESENTED, TOKEN, Presented, Token
from ..sessions import SCOPE_KEY, RequestSession
from ..sessions.ids import short
from .engineio.asgi import EngineApp
from .engineio.owner import OWNER, Owner
from .engineio.query import Query, parse_query
from .engineio.requests import BadRequestError, check
from .options import RealtimeOptions
from .server import SocketServer
from .tracing import tracing

_JSONP = Problem(
    400,
    "jsonp-refused",
    "JSONP is not served",
    "A script tag may load JSONP from any site, with the user's cookie.",
)
_NOT_YOURS = Problem(
    403,
    "not-your-socket",
    "This socket belongs to another session",
    "A socket is served with the session cookie of its handshake alone. Connect anew.",
)
_INVALID_TOKEN = Problem(
    401,
    "invalid-token",
    "The token is not valid",
    "The token stands for no session: get a new one by a request with an empty X-Session-Token.",
    headers={"www-authenticate": "Bearer"},
)
_TOO_MANY_SOCKETS = Problem(
    429,
    "too-many-sockets",
    "This session has too many sockets",
    "Close one of them first.",
    headers={"retry-after": "5"},
)
_DRAINING = Problem(
    503,
    "store-unavailable",  # for clients that compare it: as with the store, they are to try again
    "This server is shutting down",
    "Connect again: another server will answer.",
    headers={"retry-after": "1"},
    refusal=Refusal.SHUTTING_DOWN,
)


class SocketIOApp:
    """The Socket.IO server as an ASGI app. It expects a SessionMiddleware around it.

    If a session has ended, or the store is unavailable, the handshake is refused by its HTTP
    response, as the middleware answers such errors: the JavaScript client then tries again, while it
    would give up after a refused Socket.IO connect.

    Attributes:
        draining: refuse handshakes, because this node is shutting down.
    """

    def __init__(
        self, server: SocketServer, rate_limiter: RateLimiter, options: RealtimeOptions
    ) -> None:
        self.draining = False
        self._server = server
        self._engine_app = EngineApp(server.engine)
        self._rate_limiter = rate_limiter
        self._max_sockets = options.max_sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        query = parse_query(scope["query_string"])
        problem = await (self._check if query.sid is not None else self._open)(scope, query)
        if problem is not None:
            await problem.respond(scope, send, session=_shown(scope))
        elif scope["type"] == "http" and query.sid is not None:
            await self._engine_app(query, scope, receive, _private(send))
        else:
            await self._engine_app(query, scope, receive, send)

    async def _open(self, scope: Scope, query: Query) -> Problem | None:
        transport = "websocket" if scope["type"] == "websocket" else "polling"
        with tracing.handshake(transport) as outcome:
            problem = await self._check(scope, query)
            outcome("opened" if problem is None else "refused")
        return problem

    async def _check(self, scope: Scope, query: Query) -> Problem | None:
        """Return why a request is refused, if it is; open the session of a handshake."""
        if query.jsonp:
            return _JSONP
        try:
            check(query, scope)
        except BadRequestError as error:
            return error.problem
        request_session: RequestSession = scope[SCOPE_KEY]
        if query.sid is not None:
            return None if self._owns(scope, query.sid, request_session) else _NOT_YOURS
        if self.draining:
            return _DRAINING
        self._rate_limiter.check(scope)
        if scope.get(TOKEN) in (Token.BAD, Token.GOOD) and await request_session.get() is None:
            return _INVALID_TOKEN  # rather than a session that nobody will use
        key = (await request_session.get_or_create(in_use=True)).key
        scope[OWNER] = Owner(key, _presented(scope), had_cookie=request_session.names(key))
        return self._check_session(key)

    def _check_session(self, key: str) -> Problem | None:
        if self.draining:  # since the session was asked for
            return _DRAINING
        if len(self._server.registry.sockets(key)) >= self._max_sockets:
            return _TOO_MANY_SOCKETS
        return None

    def _owns(self, scope: Scope, sid: str, request_session: RequestSession) -> bool:
        """Return True if a request may use the socket that it names; see Owner.

        A socket that is closing may be polled for its last packets with any cookie: the response that
        ended its session has cleared or replaced it.
        """
        socket = self._server.engine.sockets.get(sid)
        if socket is None or socket.owner is None:
            return True
        if not request_session.names(socket.owner.key):
            polled = socket.closing and scope.get("method") == "GET"
            return polled or socket.owner.admits_as_opened(_presented(scope))
        if socket.owner.admits_cookie():
            return True
        self._server.engine.run(socket.close(abort=True))
        return False


def _shown(scope: Scope) -> str | None:
    """Return what the log shows of the session whose cookie a request has."""
    request_session: RequestSession = scope[SCOPE_KEY]
    key = request_session.requested_key
    return None if key is None else short(key)


def _presented(scope: Scope) -> Hashable:
    presented: Presented = scope[PRESENTED]
    return presented(scope["headers"])


def _private(send: Send) -> Send:
    """Keep the responses out of caches: they hold one user's events."""

    async def send_private(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = mark_private(message.get("headers", ()))
        await send(message)

    return send_private
