"""Errors of sessions and their stores.

SessionError
├── SessionEndedError         it has ended: logout, rotation, revocation or time
├── SessionDataError          its data cannot be stored as they are
│   └── SessionTooLargeError  its data is over the limit
├── SessionHandleError        the request or event of this session object is over
├── RotationImpossibleError   this session object has no cookie that could carry a new id
├── SignInError               it is not signed in as a route or an event asks for
│   ├── SignInRequiredError        nobody is signed in
│   ├── RecentSignInRequiredError  the sign-in is too long ago
│   └── SignedInAlreadyError       another user is signed in
├── OnceError                 what takes effect once is not done again, and has no answer either
│   ├── OnceKeyError               its key cannot be used
│   ├── OnceUnderWayError          the first one is under way
│   ├── OnceKeyReusedError         the key was used for something else
│   ├── OnceOutcomeUnknownError    the node of the first one has died
│   └── TooManyOnceKeysError       the session has as many keys as are kept
└── StoreError
    ├── SessionExistsError    a record was to be created under a key that is in use
    ├── UnreadableRecordError what is stored is no record
    └── StoreUnavailableError there was no reply; a write may or may not have happened
        ├── StoreFullError    the store has reached its limit of sessions
        └── TooLateError      a record was to be created by a time that is over
"""

from .models import EndReason


class SessionError(Exception):
    """Base of all errors of sessions and stores."""


class SessionEndedError(SessionError):
    """The session has ended; nothing was read or written, and nothing will be.

    Attributes:
        reason: why it has ended.
    """

    def __init__(self, reason: EndReason) -> None:
        super().__init__(f"the session has ended ({reason})")
        self.reason = reason


class SessionDataError(SessionError):
    """The session's data cannot be stored as they are; what was stored before is intact.

    Attributes:
        path: where in the data, as in `cart.items[3].at`; None if it is all of them.
    """

    def __init__(self, detail: str, *, path: str | None = None) -> None:
        super().__init__(detail)
        self.path = path


class SessionTooLargeError(SessionDataError):
    """The session's data is over SESSION_MAX_BYTES; what was stored before is intact.

    Attributes:
        size: bytes that the data takes as JSON.
        limit: bytes that it may take.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the session's data takes {size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


class SessionHandleError(SessionError):
    """Nobody stores what is written to this session object: its request or event is over, or refused.

    After the end of either, `transact` works on.
    """


class RotationImpossibleError(SessionError):
    """No cookie can carry a new id: to a socket none, to a request none after its response has started."""


class SignInError(SessionError):
    """The session is not signed in as it is asked for.

    Attributes:
        type: of the problem document, or error ack, that a client gets.
    """

    def __init__(self, type: str, detail: str) -> None:  # noqa: A002 - the member's name
        super().__init__(detail)
        self.type = type


class SignInRequiredError(SignInError):
    """Nobody is signed in to the session, or there is none."""

    def __init__(self) -> None:
        super().__init__("sign-in-required", "this needs a user who is signed in")


class RecentSignInRequiredError(SignInError):
    """The sign-in is too long ago for what is asked for (OWASP ASVS 5.0, 7.5.1).

    Attributes:
        minutes: how long ago it may be.
    """

    def __init__(self, minutes: float) -> None:
        super().__init__(
            "recent-sign-in-required", f"this needs a sign-in within the last {minutes:g} minutes"
        )
        self.minutes = minutes


class SignedInAlreadyError(SignInError):
    """Another user is signed in to the session, and has to be signed out first."""

    def __init__(self) -> None:
        super().__init__(
            "signed-in-already", "another user is signed in to this session: sign out first"
        )


class OnceError(SessionError):
    """What is to take effect once is not done again, and there is no first answer to be had.

    Attributes:
        type: of the problem document, or error ack, that a client gets.
        retry_after: seconds after which it makes sense to try again; None if it makes none.
    """

    def __init__(
        self,
        type: str,  # noqa: A002 - the member's name
        detail: str,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.type = type
        self.retry_after = retry_after


class OnceKeyError(OnceError):
    """The key of what is to take effect once cannot be used: it is malformed, or of no session."""


class OnceUnderWayError(OnceError):
    """The first one with this key is under way."""

    def __init__(self) -> None:
        super().__init__(
            "request-under-way", "the first request with this key is under way", retry_after=1.0
        )


class OnceKeyReusedError(OnceError):
    """The key was used for something else: another route, event, body or argument."""

    def __init__(self) -> None:
        super().__init__(
            "idempotency-key-reused", "this key was used before, for a request that was another one"
        )


class OnceOutcomeUnknownError(OnceError):
    """The first one with this key has not ended in time: its node has died, and how far it got is unknown."""

    def __init__(self) -> None:
        super().__init__(
            "outcome-unknown",
            "the first request with this key was interrupted: whether it took effect is not known",
        )


class TooManyOnceKeysError(OnceError):
    """The session has as many keys as are kept; none is forgotten before its time."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "too-many-idempotency-keys",
            "this session has used as many keys as are kept for ten minutes",
            retry_after=retry_after,
        )


class StoreError(SessionError):
    """Base of what a store raises."""


class SessionExistsError(StoreError):
    """There is a record or a tombstone under that key already."""


class UnreadableRecordError(StoreError):
    """What is stored under a key is neither a record nor a tombstone.

    Attributes:
        key: its session key.
    """

    def __init__(self, key: str = "") -> None:
        super().__init__(f"the record of session {key[:8]} cannot be read")
        self.key = key


class StoreUnavailableError(StoreError):
    """The store did not reply, or replied with an error. A write may have happened.

    Attributes:
        retry_after: seconds after which it makes sense to try again.
    """

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StoreFullError(StoreUnavailableError):
    """The store has reached its limit of sessions."""


class TooLateError(StoreUnavailableError):
    """A record was to be created by a time that is over; nothing was stored."""
