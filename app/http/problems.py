"""Problem documents for errors of sessions, and for requests that are refused."""

import math
from dataclasses import replace

from starlette.types import Scope

from ..asgi.errors import RequestRefusedError, ServiceUnavailableError, TooManyStreamsError
from ..asgi.headers import get_header
from ..asgi.problems import MEDIA_TYPE, Problem
from ..asgi.rate_limit import RateLimitExceededError
from ..asgi.refusals import Refusal
from ..sessions import (
    OnceError,
    RecentSignInRequiredError,
    SessionEndedError,
    SessionError,
    SessionTooLargeError,
    SignedInAlreadyError,
    SignInError,
    SignInRequiredError,
    StoreFullError,
    StoreUnavailableError,
)
from .health import MissingRightError

__all__ = ["INTERNAL_ERROR", "MEDIA_TYPE", "Problem", "answer_to", "session_problem"]

INTERNAL_ERROR = Problem(
    500, "internal-error", "Internal server error", "The error is in the server's log."
)


def answer_to(error: SessionError | RequestRefusedError, scope: Scope) -> Problem:
    """Return the problem document for a request.

    A page that a browser has asked for with the cookie of a session that has just ended is asked for
    once more, a second later: for no longer than requests may be under way, the answer is the same.
    """
    problem = session_problem(error)
    if isinstance(error, SessionEndedError) and _asks_for_a_page(scope):
        return replace(problem, headers={**problem.headers, "refresh": "1"})
    return problem


def _asks_for_a_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    mode = get_header(scope, b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    return b"text/html" in (get_header(scope, b"accept") or b"")


def session_problem(error: SessionError | RequestRefusedError) -> Problem:
    """Return the problem document that a client gets for an error; INTERNAL_ERROR for a bug of ours."""
    match error:
        case SessionEndedError():
            return Problem(
                409,
                "session-ended",
                "The session has ended",
                f"The session of this request has ended ({error.reason}). "
                "A request without its cookie starts a new one.",
                extra={"reason": error.reason},
            )
        case StoreUnavailableError() | ServiceUnavailableError():
            return _unavailable_problem(error)
        case RateLimitExceededError() | TooManyStreamsError():
            return _too_many_problem(error)
        case OnceError() | SignInError():
            return _once_problem(error) if isinstance(error, OnceError) else _sign_in_problem(error)
        case SessionTooLargeError():
            return Problem(413, "session-too-large", "The session is too large", str(error))
    return INTERNAL_ERROR


def _too_many_problem(error: RateLimitExceededError | TooManyStreamsError) -> Problem:
    headers = {"retry-after": str(math.ceil(error.retry_after))}
    if isinstance(error, TooManyStreamsError):
        text = str(error)
        detail = f"{text[:1].upper()}{text[1:]}."
        return Problem(429, "too-many-streams", "Too many streams", detail, headers)
    return Problem(
        429,
        "too-many-requests",
        "Too many new sessions and sockets",
        "This address has opened too many of them within a minute.",
        headers,
    )


def _unavailable_problem(error: StoreUnavailableError | ServiceUnavailableError) -> Problem:
    title, detail = (
        ("The store lacks a right", f"The store's user may not do all that is needed: {error}")
        if isinstance(error, MissingRightError)
        else (
            "Session store unavailable",
            "The session store did not answer. Nothing is lost; try again.",
        )
    )
    return Problem(
        503,
        "store-unavailable",
        title,
        detail,
        headers={"retry-after": str(math.ceil(error.retry_after))},
        refusal=Refusal.STORE_FULL if isinstance(error, StoreFullError) else None,
    )


_ONCE_PROBLEMS = {
    "invalid-idempotency-key": (400, "The Idempotency-Key is malformed"),
    "idempotency-needs-session": (400, "An Idempotency-Key needs a session"),
    "request-under-way": (409, "The first request is under way"),
    "outcome-unknown": (409, "The first request was interrupted"),
    "idempotency-key-reused": (422, "The key was used for another request"),
    "too-many-idempotency-keys": (429, "Too many keys"),
}


def _once_problem(error: OnceError) -> Problem:
    status, title = _ONCE_PROBLEMS[error.type]
    wait = error.retry_after
    headers = {} if wait is None else {"retry-after": str(max(1, math.ceil(wait)))}
    text = str(error)
    return Problem(status, error.type, title, f"{text[:1].upper()}{text[1:]}.", headers)


def _sign_in_problem(error: SignInError) -> Problem:
    match error:
        case SignInRequiredError():
            return Problem(
                401,
                error.type,
                "Sign-in required",
                "This needs a user who is signed in.",
                # RFC 9110, 15.5.2 wants a challenge; no browser knows this one, so that none asks.
                headers={"www-authenticate": "Session"},
            )
        case RecentSignInRequiredError():
            return Problem(
                403,
                error.type,
                "Recent sign-in required",
                f"This needs a sign-in within the last {error.minutes:g} minutes: sign in again.",
            )
        case SignedInAlreadyError():
            return Problem(
                409,
                error.type,
                "Another user is signed in",
                "Another user is signed in to this session: sign out first.",
            )
    return INTERNAL_ERROR
