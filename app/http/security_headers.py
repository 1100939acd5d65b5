"""What browsers are told not to do with our answers (OWASP ASVS 5.0, 3.4)."""

from starlette.types import Scope

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


def security_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Give the header fields for the answer to a request; our pages get a policy under which they work."""
    return _PAGE_HEADERS.get(scope["path"], _HEADERS)
