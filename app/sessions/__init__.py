"""The session core: independent of web framework, sockets and settings."""

from .attempt import Attempt
from .errors import (
    OnceError,
    OnceKeyError,
    OnceKeyReusedError,
    OnceOutcomeUnknownError,
    OnceUnderWayError,
    RecentSignInRequiredError,
    RotationImpossibleError,
    SessionDataError,
    SessionEndedError,
    SessionError,
    SessionExistsError,
    SessionHandleError,
    SessionTooLargeError,
    SignedInAlreadyError,
    SignInError,
    SignInRequiredError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    TooLateError,
    TooManyOnceKeysError,
    UnreadableRecordError,
)
from .manager import SessionManager
from .models import (
    CommitOutcome,
    Committed,
    ConditionalResult,
    Conflict,
    EndReason,
    Gone,
    Lease,
    LoadResult,
    NotModified,
    Record,
    Tombstone,
)
from .policy import Policy
from .request_session import SCOPE_KEY, RequestSession
from .session import Session
from .signing import CookieSigner
from .stores.answers import Answer, AnswerLimits, AnswerStore, NoRoom, Once
from .stores.base import SessionStore
from .stores.memory import MemoryStore
from .stores.user_index import UserIndex
from .usage import Usage, Visitor

__all__ = [
    "SCOPE_KEY",
    "Answer",
    "AnswerLimits",
    "AnswerStore",
    "Attempt",
    "CommitOutcome",
    "Committed",
    "ConditionalResult",
    "Conflict",
    "CookieSigner",
    "EndReason",
    "Gone",
    "Lease",
    "LoadResult",
    "MemoryStore",
    "NoRoom",
    "NotModified",
    "Once",
    "OnceError",
    "OnceKeyError",
    "OnceKeyReusedError",
    "OnceOutcomeUnknownError",
    "OnceUnderWayError",
    "Policy",
    "RecentSignInRequiredError",
    "Record",
    "RequestSession",
    "RotationImpossibleError",
    "Session",
    "SessionDataError",
    "SessionEndedError",
    "SessionError",
    "SessionExistsError",
    "SessionHandleError",
    "SessionManager",
    "SessionStore",
    "SessionTooLargeError",
    "SignInError",
    "SignInRequiredError",
    "SignedInAlreadyError",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "Tombstone",
    "TooLateError",
    "TooManyOnceKeysError",
    "UnreadableRecordError",
    "Usage",
    "UserIndex",
    "Visitor",
]
