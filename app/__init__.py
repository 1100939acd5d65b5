"""Mooring: one server-side session for FastAPI routes and Socket.IO sockets."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import import_guard as _import_guard  # noqa: F401 - it raises for a second copy
from .extras import explain_missing as _explain_missing

if TYPE_CHECKING:
    from .asgi.errors import RequestRefusedError, ServiceUnavailableError
    from .backends import Backend
    from .dependencies import (
        EmitterDep,
        OptionalSessionDep,
        SessionDep,
        SocketDep,
        UserDep,
        UsersDep,
        idempotent,
        recent_sign_in,
    )
    from .mooring import Mooring
    from .realtime.bus.base import BusUnavailableError
    from .realtime.context import EventContext
    from .realtime.emitter import Emitter
    from .realtime.event_error import EventError
    from .realtime.events import EventRouter
    from .realtime.handlers import Event
    from .realtime.socket import Socket
    from .realtime.sync_emitter import SyncEmitter
    from .realtime.targets import EVERYBODY, to_session, to_socket, to_user
    from .sessions import (
        Answer,
        AnswerLimits,
        AnswerStore,
        CommitOutcome,
        Committed,
        ConditionalResult,
        Conflict,
        EndReason,
        Gone,
        Lease,
        LoadResult,
        MemoryStore,
        NoRoom,
        NotModified,
        Once,
        OnceError,
        OnceKeyError,
        OnceKeyReusedError,
        OnceOutcomeUnknownError,
        OnceUnderWayError,
        RecentSignInRequiredError,
        Record,
        RotationImpossibleError,
        Session,
        SessionDataError,
        SessionEndedError,
        SessionError,
        SessionExistsError,
        SessionHandleError,
        SessionStore,
        SessionTooLargeError,
        SignedInAlreadyError,
        SignInError,
        SignInRequiredError,
        StoreError,
        StoreFullError,
        StoreUnavailableError,
        Tombstone,
        TooLateError,
        TooManyOnceKeysError,
        UnreadableRecordError,
        UserIndex,
    )
    from .sessions.stores.redis import RedisStore
    from .settings import Settings, SettingsError
    from .users.models import UserSession
    from .users.users import Users

__version__ = "0.2.0"

__all__ = [
    "EVERYBODY",
    "Answer",
    "AnswerLimits",
    "AnswerStore",
    "Backend",
    "BusUnavailableError",
    "CommitOutcome",
    "Committed",
    "ConditionalResult",
    "Conflict",
    "Emitter",
    "EmitterDep",
    "EndReason",
    "Event",
    "EventContext",
    "EventError",
    "EventRouter",
    "Gone",
    "Lease",
    "LoadResult",
    "MemoryStore",
    "Mooring",
    "NoRoom",
    "NotModified",
    "Once",
    "OnceError",
    "OnceKeyError",
    "OnceKeyReusedError",
    "OnceOutcomeUnknownError",
    "OnceUnderWayError",
    "OptionalSessionDep",
    "RecentSignInRequiredError",
    "Record",
    "RedisStore",
    "RequestRefusedError",
    "RotationImpossibleError",
    "ServiceUnavailableError",
    "Session",
    "SessionDataError",
    "SessionDep",
    "SessionEndedError",
    "SessionError",
    "SessionExistsError",
    "SessionHandleError",
    "SessionStore",
    "SessionTooLargeError",
    "Settings",
    "SettingsError",
    "SignInError",
    "SignInRequiredError",
    "SignedInAlreadyError",
    "Socket",
    "SocketDep",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "SyncEmitter",
    "Tombstone",
    "TooLateError",
    "TooManyOnceKeysError",
    "UnreadableRecordError",
    "UserDep",
    "UserIndex",
    "UserSession",
    "Users",
    "UsersDep",
    "idempotent",
    "recent_sign_in",
    "to_session",
    "to_socket",
    "to_user",
]


_ELSEWHERE = {
    "Backend": "backends",
    "BusUnavailableError": "realtime.bus.base",
    "EVERYBODY": "realtime.targets",
    "Emitter": "realtime.emitter",
    "EmitterDep": "dependencies",
    "Event": "realtime.handlers",
    "EventContext": "realtime.context",
    "EventError": "realtime.event_error",
    "EventRouter": "realtime.events",
    "Mooring": "mooring",
    "OptionalSessionDep": "dependencies",
    "RedisStore": "sessions.stores.redis",
    "RequestRefusedError": "asgi.errors",
    "ServiceUnavailableError": "asgi.errors",
    "SessionDep": "dependencies",
    "Settings": "settings",
    "SettingsError": "settings",
    "Socket": "realtime.socket",
    "SocketDep": "dependencies",
    "SyncEmitter": "realtime.sync_emitter",
    "UserDep": "dependencies",
    "UserSession": "users.models",
    "Users": "users.users",
    "UsersDep": "dependencies",
    "idempotent": "dependencies",
    "recent_sign_in": "dependencies",
    "to_session": "realtime.targets",
    "to_socket": "realtime.targets",
    "to_user": "realtime.targets",
}
"""The modules of names; all others are of `sessions`. A worker's Emitter needs no FastAPI, nor a server."""


def __getattr__(name: str) -> Any:
    """Import a name at its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = getattr(import_module(f".{_ELSEWHERE.get(name, 'sessions')}", __name__), name)
    except ModuleNotFoundError as error:
        if name != "RedisStore":
            raise
        raise ImportError(f"RedisStore: {_explain_missing('redis', error)}") from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
