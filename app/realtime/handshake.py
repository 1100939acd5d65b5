"""The door of the Socket.IO server: handshakes open a session, everything else passes."""

from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from app.realtime.server import SocketServer
from app.sessions import SCOPE_KEY, StoreUnavailableError

PATHS = ("/socket.io/", "/socket.io")

_TRANSPORTS = {"http": {"polling"}, "websocket": {"websocket"}}


class RealtimeApp:
    """The Socket.IO server as an ASGI app. It expects a SessionTransport around it.

    A session that has ended, or a store that gives no answer, refuses the handshake by its HTTP
    response (the transport turns the error into one): the JavaScript client then tries again,
    while a refused Socket.IO connect would have it give up.
    """

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one engine request or WebSocket."""
        if _is_handshake(scope):
            if self.draining:
                raise StoreUnavailableError("this node is shutting down")
            await scope[SCOPE_KEY].open()
        await self._server.handle_request(scope, receive, send)


def _is_handshake(scope: Scope) -> bool:
    """Tell whether the server will take this for a handshake; it refuses all other first contacts."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return (
        "sid" not in query
        and query.get("EIO") == ["4"]
        and query.get("transport", ["polling"])[0] in _TRANSPORTS[scope["type"]]
        and scope.get("method", "GET") == "GET"
    )
