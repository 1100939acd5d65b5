"""What the errors of the session module mean to an HTTP client."""

import math

from app.limits import TooManyError
from app.problems import MEDIA_TYPE, Problem
from app.sessions import (
    SessionEndedError,
    SessionError,
    SessionTooLargeError,
    StoreUnavailableError,
)

__all__ = ["INTERNAL_ERROR", "MEDIA_TYPE", "Problem", "session_problem"]


def session_problem(error: SessionError) -> Problem:
    """Say what an error of the session module means to a client."""
    match error:
        case SessionEndedError():
            return Problem(
                409,
                "session-ended",
                "The session has ended",
                f"The session that this request belongs to has ended ({error.reason}). "
                "A request without its cookie starts a new one.",
                extra={"reason": error.reason},
            )
        case StoreUnavailableError():
            return Problem(
                503,
                "store-unavailable",
                "Sessions are out of reach for a moment",
                "The session store gives no answer. Nothing is lost; try again.",
                headers={"retry-after": str(math.ceil(error.retry_after))},
            )
        case TooManyError():
            return Problem(
                429,
                "too-many-requests",
                "Too many new sessions and sockets",
                "This address has opened too many of them within a minute.",
                headers={"retry-after": str(math.ceil(error.retry_after))},
            )
        case SessionTooLargeError():
            return Problem(413, "session-too-large", "The session is full", str(error))
    return INTERNAL_ERROR


INTERNAL_ERROR = Problem(
    500, "internal-error", "Something broke here", "The error is in our log, not in your request."
)
