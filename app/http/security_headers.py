"""What browsers are told not to do with our answers (OWASP ASVS 5.0, 3.4)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The two documentation pages are others' code: both style by attribute, and AsyncAPI's parser
# compiles its JSON schemas with eval.
_SWAGGER = _PAGE.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_ASYNCAPI = _SWAGGER.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'")


def _encode(policy: str) -> list[tuple[bytes, bytes]]:
    headers = _ALWAYS | {"Content-Security-Policy": policy}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_HEADERS = _encode(_NOTHING)
_PAGE_HEADERS = {
    "/": _encode(_PAGE),
    "/docs": _encode(_SWAGGER),
    "/docs/events": _encode(_ASYNCAPI),
}


class SecurityHeaders:
    """Adds them to every HTTP response; our pages get a policy under which they work."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = _PAGE_HEADERS.get(scope["path"], _HEADERS)
                message["headers"] = [*message.get("headers", ()), *ours]
            await send(message)

        await self._app(scope, receive, secured)
