"""The cookie's value: a session id and its signature."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from .ids import SESSION_ID

_SIGNED = re.compile(rf"{SESSION_ID.pattern}\.[A-Za-z0-9_-]{{43}}")
_SALT = "mooring.session"
_REMEMBERED = 10_000
"""Valid cookies that are cached: a browser sends the same one with every request."""


class CookieSigner:
    """Signs session ids with HMAC-SHA-256.

    Args:
        secrets: the newest first. The first signs and all verify, so that a secret can be replaced
            while cookies signed with the one before are still in use.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        oldest_first = list(reversed(secrets))
        self._signer = Signer(oldest_first, salt=_SALT, digest_method=hashlib.sha256)
        self._known = lru_cache(maxsize=_REMEMBERED)(self._unsign)

    def sign(self, session_id: str) -> str:
        """Return the cookie's value, `<id>.<signature>`."""
        return self._signer.sign(session_id).decode()

    def verify(self, value: str) -> str | None:
        """Return the session id of a cookie's value, or None if exactly this value was not issued."""
        try:
            return self._known(value)
        except BadSignature:
            return None

    def _unsign(self, value: str) -> str:
        """Return the session id; raise if invalid, so that guesses evict no valid value from the cache."""
        if not _SIGNED.fullmatch(value):
            raise BadSignature("not of the signed form")
        session_id = self._signer.unsign(value).decode()
        if not _is_canonical(value.rpartition(".")[2]):
            raise BadSignature("not the canonical form")
        return session_id


def _is_canonical(signature: str) -> bool:
    """Return True if it is the canonical base64: the last digit has two unused bits."""
    return base64_encode(base64_decode(signature)) == signature.encode()
