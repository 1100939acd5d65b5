"""Header fields that make browsers careful with responses (OWASP ASVS 5.0, 3.4)."""

from collections.abc import Awaitable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_TYPE = b"content-type"
_POLICY = b"content-security-policy"
_NAMES = {_POLICY, *(name for name, _ in _ALWAYS)}
_NOTHING = (*_ALWAYS, (_POLICY, b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"))
_PAGE = (
    *_ALWAYS,
    (
        _POLICY,
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)


class SecurityHeadersMiddleware:
    """Add the fields to each response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        def secured(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = _with_security(message.get("headers", ()))
            return send(message)

        return self._app(scope, receive, secured)


def _with_security(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    fields = list(headers)
    names = [name for name, _ in fields]
    added = _PAGE if _is_page(fields, names) else _NOTHING
    fields += added if _NAMES.isdisjoint(names) else [e for e in added if e[0] not in names]
    return fields


def _is_page(fields: list[tuple[bytes, bytes]], names: list[bytes]) -> bool:
    return _TYPE in names and fields[names.index(_TYPE)][1].startswith(b"text/html")
