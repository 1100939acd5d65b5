"""Error acks: what a client gets instead of an answer."""

from typing import Any

from app.sessions import (
    SessionEndedError,
    SessionError,
    SessionTooLargeError,
    StoreUnavailableError,
)

Refusal = dict[str, dict[str, str]]


def refusal(type_: str, detail: str) -> Refusal:
    """Make an error ack; the types are those of the HTTP problems."""
    return {"error": {"type": type_, "detail": detail}}


def session_refusal(error: SessionError) -> Refusal | None:
    """Say what an error of the session module means to a client; None for one that is our fault."""
    match error:
        case SessionEndedError():
            return refusal("session-ended", str(error))
        case StoreUnavailableError():
            return refusal("store-unavailable", "The session store gives no answer; try again.")
        case SessionTooLargeError():
            return refusal("session-too-large", str(error))
    return None


def unknown_event(name: Any) -> Refusal:
    """Refuse an event that nobody handles."""
    return refusal("unknown-event", f"There is no event {name!r:.80}.")


TOO_MANY_EVENTS = refusal("too-many-events", "This socket has too many events waiting.")
INTERNAL_ERROR = refusal("internal-error", "The error is in our log, not in your event.")
