"""The Origin check on handshakes and unsafe methods: who may use a user's cookie."""

from collections.abc import Awaitable
from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from ...asgi.headers import fields_of
from ...asgi.paths import SocketPath
from ...asgi.problems import Problem
from ...asgi.refusals import Refusal
from ..cookies import SessionCookie
from ..origins import OriginPolicy
from ..tokens import SessionToken

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_OPAQUE = "null"
FOREIGN_ORIGIN = Problem(
    403,
    "foreign-origin",
    "This origin is not allowed",
    "The request comes from an origin that neither CORS_ORIGINS nor the app's own CORS allows.",
)
_CROSS_SITE = replace(FOREIGN_ORIGIN, refusal=Refusal.CROSS_SITE_REQUEST)


class CrossOriginProtection:
    """Refuse what CORS does not prevent: WebSockets, polling and unsafe requests of foreign pages.

    CORS keeps a foreign page from reading a response; a request without preflight still runs, with
    the user's cookie (OWASP: CSRF), and a WebSocket has no CORS at all. `SameSite=Lax` does not
    help between ports or subdomains of one site. Routes that get no session cookie are the app's.
    """

    def __init__(
        self,
        app: ASGIApp,
        origins: OriginPolicy,
        cookie: SessionCookie,
        socket_path: SocketPath,
        token: SessionToken | None = None,
    ) -> None:
        self._app = app
        self._token = token
        self._origins = origins
        self._cookie = cookie
        self._socket_path = socket_path

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection, or refuse it with 403."""
        if self._is_refused(scope):
            problem = FOREIGN_ORIGIN if self._socket_path.matches(scope) else _CROSS_SITE
            return problem.respond(scope, send, origin=_named(scope))
        return self._app(scope, receive, send)

    def _is_refused(self, scope: Scope) -> bool:
        if not self._is_foreign(scope):
            return False
        if self._token is not None and self._token.given(scope) is not None:
            return False  # no browser sends it by itself
        if self._socket_path.matches(scope):
            return True
        return self._is_unsafe(scope) and self._cookie.present(scope["headers"])

    def _is_unsafe(self, scope: Scope) -> bool:
        """Return True if a request changes something, or is answered so that its page may read it."""
        if scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS:
            return True
        # Every sandboxed frame of every site has this origin: where it is listed, CORS would show it
        # the answer to a cookie.
        return fields_of(scope).get(b"origin") == _OPAQUE.encode() and self._origins.allows(
            _OPAQUE, scope
        )

    def _is_foreign(self, scope: Scope) -> bool:
        fields = fields_of(scope)
        origin = fields.get(b"origin")
        if origin is None:
            return fields.get(b"sec-fetch-site") == b"cross-site"
        named = origin.decode("latin-1")
        if named != _OPAQUE and self._origins.allows(named, scope):
            return False
        # A page cannot set this, and the browser knows both addresses, whatever proxies make of them.
        return fields.get(b"sec-fetch-site") != b"same-origin"


def _named(scope: Scope) -> str:
    """Return the origin that a request names, for the log: it may be missing in CORS_ORIGINS."""
    return (fields_of(scope).get(b"origin") or b"none").decode("latin-1")
