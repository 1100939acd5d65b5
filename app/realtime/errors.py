"""What clients get for an event, or a connect, that was refused."""

import asyncio
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ..asgi.errors import RequestRefusedError, ServiceUnavailableError, TooManyStreamsError
from ..asgi.problems import status_type
from ..asgi.rate_limit import RateLimitExceededError
from ..sessions import (
    OnceError,
    SessionEndedError,
    SessionError,
    SessionTooLargeError,
    SignInError,
    StoreUnavailableError,
)
from .event_error import EventError

ErrorAck = dict[str, dict[str, Any]]

_TYPES: dict[type[Exception], str] = {
    SessionEndedError: "session-ended",
    SessionTooLargeError: "session-too-large",
    RateLimitExceededError: "too-many-requests",
    TooManyStreamsError: "too-many-streams",
}


class InvalidPayloadError(EventError):
    """The arguments of an event do not fit its handler; the message says which and why."""

    def __init__(self, detail: str) -> None:
        super().__init__("invalid-payload", detail)


def error_ack(type_: str, detail: Any, **extra: Any) -> ErrorAck:
    """Return an error ack; the types are those of the HTTP problems."""
    return {"error": {**extra, "type": type_, "detail": detail}}


def ack_of(error: Exception) -> ErrorAck | None:
    """Return the ack for an error; None for one that is no refusal, but a fault of a handler's, or ours."""
    match error:
        case EventError():
            return error_ack(error.type, error.detail, **error.extra)
        case HTTPException():
            slug, _phrase = status_type(error.status_code)
            return error_ack(slug, error.detail)
        case RequestValidationError():
            return error_ack("invalid-request", _explain(error))
        case SessionError() | RequestRefusedError():
            return session_error_ack(error)
    return None


def session_error_ack(error: SessionError | RequestRefusedError) -> ErrorAck | None:
    """Return the ack for an error of the session module, or a refusal; None for an error of ours."""
    if isinstance(error, StoreUnavailableError | ServiceUnavailableError):
        return error_ack("store-unavailable", "The session store is unavailable; try again.")
    if isinstance(error, SignInError | OnceError):
        return error_ack(error.type, str(error))
    found = next((type_ for kind, type_ in _TYPES.items() if isinstance(error, kind)), None)
    return None if found is None else error_ack(found, str(error))


def connect_error(ack: ErrorAck) -> dict[str, Any]:
    """Return the data of a CONNECT_ERROR packet: clients show the message, and hand on the rest as `data`."""
    inner = ack["error"]
    detail = inner["detail"]
    return {"message": detail if isinstance(detail, str) else inner["type"], "data": inner}


def unknown_event(name: Any) -> ErrorAck:
    """Return the ack for an event that has no handler."""
    return error_ack("unknown-event", f"There is no event {name!r:.80}.")


def _explain(error: RequestValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())


TOO_MANY_EVENTS = error_ack("too-many-events", "This socket has too many events waiting.")
INTERNAL_ERROR = error_ack("internal-error", "The error is in the server's log.")


def refuse_what_is_no_error(error: BaseException) -> None:
    """Raise RuntimeError for what is no Exception, unless the handler is cancelled or the process ends.

    It may be that what the handler waited for was cancelled, or that an extension in Rust has panicked.
    """
    match error:
        case asyncio.CancelledError():
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                raise RuntimeError("the handler waited for a task that was cancelled") from error
        case Exception() | GeneratorExit() | KeyboardInterrupt() | SystemExit():
            return
        case _:
            raise RuntimeError("the handler has raised what is no Exception") from error


class _ErrorsOnly:
    """Around what an app's functions do: see `refuse_what_is_no_error`."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            refuse_what_is_no_error(error)


errors_only = _ErrorsOnly()
