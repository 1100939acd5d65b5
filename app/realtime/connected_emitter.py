"""The Emitter of code outside of the app."""

from typing import TYPE_CHECKING, Any

from ..aio.closing import Closing
from ..extras import explain_missing
from ..sessions import Session
from ..unclosed import warn_unclosed
from .emitter import Emitter

if TYPE_CHECKING:
    from .outside import Outside


def connect_outside(redis_url: str, prefix: str) -> "Outside":
    """Return what sends without an app; raise ImportError if the extra `redis` is not installed."""
    try:
        from .outside import Outside  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as error:
        raise ImportError(f"Emitter.connect: {explain_missing('redis', error)}") from error
    return Outside(redis_url, prefix)


class ConnectedEmitter(Emitter, Closing):
    """The Emitter of code outside of the app; see `Emitter.connect`. It closes its connections at the end."""

    __slots__ = ("_outside",)

    def __init__(self, outside: "Outside") -> None:
        super().__init__(lambda: outside)
        self._outside = outside

    def __del__(self) -> None:
        if self._outside.connected:
            warn_unclosed(self, "async with Emitter.connect(...), or await emitter.aclose()")

    async def publish(self, event: str, value: Any, *, session: Session) -> None:
        """Raise TypeError: a worker has no Session, whose version orders state.

        Args:
            event: as above.
            value: as above.
            session: as above.
        """
        raise TypeError(
            "a worker publishes no state; emit(..., to=to_session(key)) sends a message"
        )

    async def aclose(self) -> None:
        """Send what is left, and close the connections. May be called twice."""
        await self._outside.aclose()
