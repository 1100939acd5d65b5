"""Who may speak to us with somebody's cookie: the Origin check on handshakes and unsafe methods."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from app.fields import first
from app.http.cookies import SessionCookie
from app.problems import Problem

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
FOREIGN = Problem(
    403,
    "foreign-origin",
    "This origin is not allowed",
    "The request comes from an origin that is not in CORS_ORIGINS.",
)


class OriginRules:
    """Refuses what CORS does not stop: WebSockets, polling and unsafe requests of foreign pages.

    CORS keeps a foreign page from reading an answer; a request without preflight still runs, with
    the user's cookie (OWASP: CSRF), and a WebSocket knows no CORS at all. `SameSite=Lax` does not
    help between ports or subdomains of one site.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed: Collection[str],
        cookie: SessionCookie,
        *,
        sockets: Collection[str],
    ) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._cookie = cookie
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection, or refuse it with 403."""
        if scope["type"] in ("http", "websocket") and self._refused(scope):
            await FOREIGN.answer(scope, send)
            return
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> bool:
        if not self._foreign(scope):
            return False
        if scope["type"] == "websocket" or scope["path"] in self._sockets:
            return True
        return scope["method"] not in _SAFE and self._cookie.present(scope["headers"])

    def _foreign(self, scope: Scope) -> bool:
        origin = first(scope, b"origin")
        if origin is None:
            return first(scope, b"sec-fetch-site") == b"cross-site"
        named = origin.decode("latin-1")
        return named not in self._allowed and named != _own_origin(scope)


def _own_origin(scope: Scope) -> str:
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    host = first(scope, b"host") or b""
    return f"{scheme}://{host.decode('latin-1')}"
