"""What refuses a stream."""

from ...asgi.errors import ServiceUnavailableError


class TooManyStreamsError(ServiceUnavailableError):
    """A session, or a user, has as many streams as may be, with those that have just ended."""

    def __init__(self, limit: int, seconds: float) -> None:
        super().__init__(
            f"a session or a user may have {limit} streams, those of the last {seconds:g} s included",
            retry_after=seconds,
        )
