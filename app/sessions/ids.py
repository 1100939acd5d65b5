"""Session ids and the keys that everything else knows sessions by."""

import hashlib
import re
import secrets
from functools import lru_cache

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url without padding."""

_ID_BYTES = 32
_SHOWN = 8


def new_session_id() -> str:
    """Make a session id: 256 bits from the operating system, base64url (OWASP asks for 64 bits)."""
    return secrets.token_urlsafe(_ID_BYTES)


@lru_cache(maxsize=10_000)
def session_key(session_id: str) -> str:
    """Give the key of a session id: SHA-256, hex. Whoever reads a store, a room or a log has no cookie."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def short(key: str) -> str:
    """Give the first digits of a key, for log lines."""
    return key[:_SHOWN]
