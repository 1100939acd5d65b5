"""The session module: it knows no web framework, no socket and no settings."""

from app.sessions.errors import (
    RotationImpossibleError,
    SessionDataError,
    SessionEndedError,
    SessionError,
    SessionExistsError,
    SessionTooLargeError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from app.sessions.memory import MemoryStore
from app.sessions.opener import SCOPE_KEY, Opener
from app.sessions.records import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Found,
    Gone,
    Lease,
    Newer,
    Record,
    Tombstone,
    Unchanged,
)
from app.sessions.redis_store import RedisStore
from app.sessions.service import Policy, Sessions
from app.sessions.session import Session
from app.sessions.signing import CookieSigner
from app.sessions.store import SessionStore

__all__ = [
    "SCOPE_KEY",
    "CommitOutcome",
    "Committed",
    "Conflict",
    "CookieSigner",
    "EndReason",
    "Found",
    "Gone",
    "Lease",
    "MemoryStore",
    "Newer",
    "Opener",
    "Policy",
    "Record",
    "RedisStore",
    "RotationImpossibleError",
    "Session",
    "SessionDataError",
    "SessionEndedError",
    "SessionError",
    "SessionExistsError",
    "SessionStore",
    "SessionTooLargeError",
    "Sessions",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "Tombstone",
    "Unchanged",
]
