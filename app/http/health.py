"""Whether this process is ready for traffic."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ..asgi.errors import ServiceUnavailableError
from ..sessions import StoreUnavailableError

Check = Callable[[], Awaitable[None]]

_FORBIDDEN = "NOPERM"


class MissingRightError(ServiceUnavailableError):
    """The server forbids something that is needed; the message has its own words."""


class Health:
    """The readiness of a process. `draining` is set when it is about to stop.

    Args:
        checks: each raises an error if something that is needed does not work.
    """

    def __init__(self, *checks: Check) -> None:
        self._checks: Sequence[Check] = checks
        self.draining = False

    async def ready(self) -> None:
        """Return if requests can be served.

        Raises:
            ServiceUnavailableError: the process is shutting down, or nodes cannot reach each other.
            MissingRightError: the server's user may not do all that is needed.
            StoreUnavailableError: the store takes no writes.
        """
        if self.draining:
            raise ServiceUnavailableError("this node is shutting down")
        try:
            await asyncio.gather(*(check() for check in self._checks))
        except (ServiceUnavailableError, StoreUnavailableError) as error:
            if _FORBIDDEN in str(error):
                raise MissingRightError(str(error)) from error
            raise
