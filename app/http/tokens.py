"""The session's token, for clients that keep no cookies: how it is read, set and cleared."""

import re

from starlette.types import Scope

from ..asgi.headers import get_header
from ..sessions import CookieSigner
from ..sessions.ids import SESSION_ID
from .cookies import Headers, fingerprint

HEADER = b"x-session-token"
_AUTHORIZATION = b"authorization"
_BEARER = re.compile(rb"bearer +(\S+) *", re.IGNORECASE)
_OURS = re.compile(rb"%s\.[A-Za-z0-9_-]{43}" % SESSION_ID.pattern.encode())


class SessionToken:
    """Carries signed session ids in header fields, as SessionCookie does in cookies.

    A request is one of a token if it has the field `X-Session-Token`, empty for none yet, or a Bearer
    value of our form; any other Bearer value is somebody else's. Such a request's cookies count for
    nothing, so that it cannot have two sessions, and a page of another origin cannot forge it: a
    browser sends neither field by itself.
    """

    response_field = HEADER

    def __init__(self, signer: CookieSigner) -> None:
        self._signer = signer

    @staticmethod
    def given(scope: Scope) -> bytes | None:
        """Return what a request has as its token, which may be empty; None if it has none."""
        token = get_header(scope, HEADER)
        if token is not None:
            return token.strip()
        found = _BEARER.fullmatch(get_header(scope, _AUTHORIZATION) or b"")
        return found[1] if found is not None and _OURS.fullmatch(found[1]) else None

    def session_ids(self, scope: Scope) -> list[str]:
        """Return the session id of a request's token, if it is valid."""
        verified = self._signer.verify((self.given(scope) or b"").decode("latin-1"))
        return [] if verified is None else [verified]

    def presented(self, headers: Headers) -> str | None:
        """Return a fingerprint of the token, None if there is none yet."""
        token = self.given({"headers": list(headers)})
        return fingerprint(token.decode("latin-1")) if token else None

    def set(self, session_id: str, _seconds: float) -> str:
        """Return the field's value for an id."""
        return self._signer.sign(session_id)

    def clear(self) -> str:
        """Return the field's value that has the client forget its token."""
        return ""

    def clear_others(self) -> list[str]:
        """Return nothing: a client has one token."""
        return []
