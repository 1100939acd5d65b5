"""The door of the Socket.IO server: handshakes open a session, and nobody gets at another's socket."""

from functools import lru_cache
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send

from app.fields import first, private
from app.limits import Admission
from app.problems import Problem
from app.realtime.server import SocketServer
from app.sessions import SCOPE_KEY, Opener, StoreUnavailableError

PATHS = ("/socket.io/", "/socket.io")

Query = dict[str, list[str]]

_TRANSPORTS = {"http": {"polling"}, "websocket": {"websocket"}}

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
_NO_LENGTH = Problem(
    411,
    "length-required",
    "A post needs a Content-Length",
    "The engine reads as much as the request says that there is.",
)
_TOO_MANY_SOCKETS = Problem(
    429,
    "too-many-sockets",
    "This session has too many sockets",
    "Close one of them first.",
    headers={"retry-after": "5"},
)


class RealtimeApp:
    """The Socket.IO server as an ASGI app. It expects a SessionTransport around it.

    A session that has ended, or a store that gives no answer, refuses the handshake by its HTTP
    response (the transport turns the error into one): the JavaScript client then tries again,
    while a refused Socket.IO connect would have it give up.
    """

    def __init__(self, server: SocketServer, admission: Admission, *, max_sockets: int) -> None:
        self._server = server
        self._admission = admission
        self._max_sockets = max_sockets
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one engine request or WebSocket."""
        query = _parse(scope["query_string"])
        greets = "sid" not in query and _is_handshake(scope, query)
        refusal = await self._refusal(scope, query, greets=greets)
        if refusal is not None:
            await refusal.answer(scope, send)
        elif greets and scope["type"] == "websocket":
            await self._server.eio.greet(scope, receive, send)
        elif scope["type"] == "http" and "sid" in query:
            await self._server.handle_request(scope, receive, _private(send))
        else:
            await self._server.handle_request(scope, receive, send)

    async def _refusal(self, scope: Scope, query: Query, *, greets: bool) -> Problem | None:
        """Open the session of a handshake; say what speaks against a request, if anything does."""
        if "j" in query:
            return _JSONP
        opener: Opener = scope[SCOPE_KEY]
        if scope.get("method") == "POST" and first(scope, b"content-length") is None:
            return _NO_LENGTH
        if "sid" in query:
            return None if self._owns(scope, query, opener) else _NOT_YOURS
        if not greets:
            return None  # the engine says what is wrong with it
        self._refuse_if_draining()
        self._admission.check(scope)
        session = await opener.open()
        self._refuse_if_draining()
        if len(self._server.moorings.sockets(session.key)) >= self._max_sockets:
            return _TOO_MANY_SOCKETS
        return None

    def _refuse_if_draining(self) -> None:
        if self.draining:
            raise StoreUnavailableError("this node is shutting down")

    def _owns(self, scope: Scope, query: Query, opener: Opener) -> bool:
        """Tell whether a request with an engine id may have it: the id alone is no key.

        A socket that is being closed may be polled for its last packets whatever the cookie is: the
        response that ended its session has cleared or replaced it.
        """
        socket = self._server.eio.sockets.get(query["sid"][0])
        if socket is None or socket.owner == opener.presented_key:
            return True
        return bool(socket.closing) and scope.get("method") == "GET"


@lru_cache(maxsize=64)
def _parse(query_string: bytes) -> Query:
    """Parse a query, of which most handshakes have the same. The answer is not to be changed."""
    return parse_qs(query_string.decode("latin-1"))


def _is_handshake(scope: Scope, query: Query) -> bool:
    """Tell whether the engine will take this for a handshake; it refuses all other first contacts."""
    return (
        query.get("EIO") == ["4"]
        and query.get("transport", ["polling"])[0] in _TRANSPORTS[scope["type"]]
        and scope.get("method", "GET") == "GET"
    )


def _private(send: Send) -> Send:
    """Keep the engine's answers out of caches: they hold one user's events."""

    async def uncached(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = private(message.get("headers", ()))
        await send(message)

    return uncached
