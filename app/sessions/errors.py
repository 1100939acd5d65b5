"""What can go wrong with a session.

SessionError
├── SessionEndedError         it has ended: logout, rotation, revocation or time
├── SessionDataError          its data cannot be stored as JSON
│   └── SessionTooLargeError  its data is over the limit
├── RotationImpossibleError   this handle cannot give a new id to its client
└── StoreError
    ├── SessionExistsError    a record was to be created under a key that is taken
    └── StoreUnavailableError the store gave no answer; the command may or may not have happened
        └── StoreFullError    the store has no room for another session
"""

from app.sessions.records import EndReason


class SessionError(Exception):
    """Base of all errors of the session module."""


class SessionEndedError(SessionError):
    """The session has ended; nothing was read or written, and nothing will be."""

    def __init__(self, reason: EndReason) -> None:
        super().__init__(f"the session has ended ({reason})")
        self.reason = reason


class SessionDataError(SessionError):
    """The session's data cannot be stored; what was stored before is intact."""


class SessionTooLargeError(SessionDataError):
    """The session's data is over the limit; what was stored before is intact."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the session's data takes {size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


class RotationImpossibleError(SessionError):
    """A socket cannot carry a new cookie to its client: rotate over HTTP."""


class StoreError(SessionError):
    """Base of what a store raises."""


class SessionExistsError(StoreError):
    """A record or tombstone stands under that key already."""


class StoreUnavailableError(StoreError):
    """The store gave no answer. A write that was under way may have happened.

    `retry_after` says, in seconds, when it makes sense to try again.
    """

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StoreFullError(StoreUnavailableError):
    """The store has reached its bound of sessions."""
