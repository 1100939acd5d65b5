"""Reasons to refuse a request or a handshake that are no fault of its session.

RequestRefusedError
├── ServiceUnavailableError   this node is shutting down, or a part that the request needs is unavailable
├── TooManyStreamsError       a session, or a user, has as many streams as may be
└── RateLimitExceededError    a client opens sessions or sockets too fast (see rate_limit.py)
"""


class RequestRefusedError(Exception):
    """What is asked for is refused for a reason that is no fault of the session.

    Attributes:
        retry_after: seconds after which it makes sense to try again.
    """

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ServiceUnavailableError(RequestRefusedError):
    """What is asked for cannot be done now (503): a part that it needs is unavailable, or this node stops."""


class TooManyStreamsError(RequestRefusedError):
    """A session, or a user, has as many streams as may be, those that have just ended included (429)."""

    def __init__(self, limit: int, seconds: float) -> None:
        super().__init__(
            f"there may be {limit} streams, with those of the last {seconds:g} seconds",
            retry_after=seconds,
        )
