"""What refuses an event: workers raise it, too, who have no FastAPI."""

from typing import Any


class EventError(Exception):
    """Refuses an event, or a connect: raise it in a handler, a dependency or a middleware.

    The event is acknowledged with `{"error": {"type", "detail", ...}}`. A connect is refused:
    in the client's `connect_error` the error's `message` is the detail, its `data` the inner object. A source
    of `Emitter.stream` that raises it ends its stream with that error.

    Args:
        type: stable name of the problem, for programs.
        detail: what happened this time, for people.
        **extra: further members, as JSON values.
    """

    def __init__(self, type: str, detail: str, **extra: Any) -> None:  # noqa: A002 - the member's name
        super().__init__(detail)
        self.type = type
        self.detail = detail
        self.extra = extra
