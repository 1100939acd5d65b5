"""The Socket.IO server as an ASGI app: handshakes open sessions, and sockets belong to them."""

from collections.abc import Hashable
from functools import partial

from starlette.types import Message, Receive, Scope, Send

from ..asgi.headers import mark_private
from ..asgi.problems import Problem
from ..asgi.rate_limit import RateLimiter
from ..asgi.refusals import Refusal
from ..asgi.scope import PRESENTED, TOKEN, Presented, Token
from ..sessions import SCOPE_KEY, RequestSession
from ..sessions.ids import short
from .carry.carrier import Client, RequestCarrier
from .engineio.asgi import EngineApp
from .engineio.owner import OWNER, Owner
from .engineio.query import Query, parse_query
from .engineio.requests import NOT_YOURS, UPGRADE_ELSEWHERE, BadRequestError, check
from .options import RealtimeOptions
from .server import SocketServer
from .tracing import NO_OUTCOME, tracing

_JSONP = Problem(
    400,
    "jsonp-refused",
    "JSONP is not served",
    "A script tag may load JSONP from any site, with the user's cookie.",
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
        engine_app: serves requests that were checked.
        carrier: has requests answered whose sockets are at other nodes; None where there are no others.
    """

    def __init__(
        self, server: SocketServer, rate_limiter: RateLimiter, options: RealtimeOptions
    ) -> None:
        self.draining = False
        self._server = server
        self.carrier: RequestCarrier | None = None
        self.engine_app = EngineApp(server.engine)
        self._rate_limiter = rate_limiter
        self._max_sockets = options.max_sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        query = parse_query(scope["query_string"])
        problem = await (self._check if query.sid is not None else self._open)(scope, query)
        if problem is not None:
            await problem.respond(scope, send, session=_shown(scope))
        elif query.sid is not None and (node := self._elsewhere(query.sid)) is not None:
            await self._carry(node, query.sid, scope, receive, send)
        elif scope["type"] == "http" and query.sid is not None:
            await self.engine_app(query, scope, receive, _private(send))
        else:
            await self.engine_app(query, scope, receive, send)

    async def _open(self, scope: Scope, query: Query) -> Problem | None:
        transport = "websocket" if scope["type"] == "websocket" else "polling"
        span = tracing.handshake(transport)
        if span is NO_OUTCOME:
            return await self._check(scope, query)
        with span as outcome:
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
            return None if self._owns(scope, query.sid, request_session) else NOT_YOURS
        if self.draining:
            return _DRAINING
        self._rate_limiter.check(scope)
        if scope.get(TOKEN) in (Token.BAD, Token.GOOD) and await request_session.get() is None:
            return _INVALID_TOKEN  # rather than a session that nobody will use
        key = (await request_session.get_or_create(in_use=True)).key
        had_cookie = request_session.names(key)
        presented = None if had_cookie else _presented(scope)
        scope[OWNER] = Owner(key, presented, had_cookie=had_cookie)
        return self._check_session(key)

    def _check_session(self, key: str) -> Problem | None:
        if self.draining:  # since the session was asked for
            return _DRAINING
        if len(self._server.registry.sockets(key)) >= self._max_sockets:
            return _TOO_MANY_SOCKETS
        return None

    def _owns(self, scope: Scope, sid: str, request_session: RequestSession) -> bool:
        """Return True if a request may use the socket that it names."""
        engine = self._server.engine
        polls = scope.get("method") == "GET"
        return engine.may_use(
            engine.sockets.get(sid), request_session.names, partial(_presented, scope), polls=polls
        )

    def _elsewhere(self, sid: str) -> str | None:
        """Return the node that has the socket of an id, if it may be another one, and can be asked."""
        engine = self._server.engine
        if self.carrier is None or sid in engine.sockets:
            return None
        return engine.node_elsewhere(sid)

    async def _carry(self, node: str, sid: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request as the node answers it that has the socket; refuse an upgrade."""
        if self.carrier is None or scope["type"] == "websocket":
            await UPGRADE_ELSEWHERE.respond(scope, send, session=_shown(scope))
            return
        request_session: RequestSession = scope[SCOPE_KEY]
        presented = _presented(scope)
        client = Client(
            request_session.requested_keys, None if presented is None else str(presented)
        )
        try:
            response = await self.carrier.respond(node, sid, client, scope, receive)
        except BadRequestError as error:
            private = send if error.problem is NOT_YOURS else _private(send)
            await error.problem.respond(scope, private, session=_shown(scope))
        else:
            await response.send(scope, _private(send))


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
