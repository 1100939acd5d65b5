"""The cookie's value: a session id and its signature."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from app.sessions.ids import SESSION_ID

_SIGNED = re.compile(rf"{SESSION_ID.pattern}\.[A-Za-z0-9_-]{{43}}")
_SALT = "mooring.session"
_REMEMBERED = 10_000
"""Cookies that were found to be valid: a browser sends the same one again and again."""


class CookieSigner:
    """Signs session ids with HMAC-SHA-256.

    `secrets` is newest first: the first signs, all verify, so that a secret can be replaced while
    cookies signed with the one before are still about.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        oldest_first = list(reversed(secrets))
        self._signer = Signer(oldest_first, salt=_SALT, digest_method=hashlib.sha256)
        self._known = lru_cache(maxsize=_REMEMBERED)(self._unsign)

    def sign(self, session_id: str) -> str:
        """Give the cookie's value, `<id>.<signature>`."""
        return self._signer.sign(session_id).decode()

    def verify(self, value: str) -> str | None:
        """Give the session id of a cookie's value, or None if we did not issue exactly this value."""
        try:
            return self._known(value)
        except BadSignature:
            return None

    def _unsign(self, value: str) -> str:
        """Raise for what is not valid, so that only what is valid is remembered: no guess drives it out."""
        if not _SIGNED.fullmatch(value):
            raise BadSignature("not of our form")
        session_id = self._signer.unsign(value).decode()
        if not _is_canonical(value.rpartition(".")[2]):
            raise BadSignature("another spelling")
        return session_id


def _is_canonical(signature: str) -> bool:
    """Tell whether base64 has no other spelling in mind: its last digit has two bits to spare."""
    return base64_encode(base64_decode(signature)) == signature.encode()
