"""Session ids, and the keys by which stores, rooms and logs name sessions."""

import hashlib
import re
import secrets
from functools import lru_cache

import orjson

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url without padding."""

SESSION_KEY = re.compile(r"[0-9a-f]{64}")
"""SHA-256 in hex."""

_ID_BYTES = 32
_SHOWN = 8


def new_session_id() -> str:
    """Return a fresh session id: 256 bits from the operating system, base64url (OWASP asks for 64)."""
    return secrets.token_urlsafe(_ID_BYTES)


@lru_cache(maxsize=10_000)
def session_key(session_id: str) -> str:
    """Return the key of a session id, its SHA-256 in hex: no store, room or log holds a valid cookie."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def short(key: str) -> str:
    """Return the first digits of a key, for log lines."""
    return key[:_SHOWN]


def user_name(user: str) -> str:
    """Return the name under which an index keeps a user: no id of a user stands in the name of a key."""
    return hashlib.sha256(b"user " + user.encode()).hexdigest()


def oidc_name(kind: str, issuer: str, value: str) -> str:
    """Return the name under which an index keeps a provider's user (`sub`) or session (`sid`)."""
    return hashlib.sha256(orjson.dumps([kind, issuer, value])).hexdigest()
