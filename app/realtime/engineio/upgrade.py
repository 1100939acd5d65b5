"""The time limit of an upgrade from polling to WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

UPGRADE_TIMEOUT_SECONDS = 10.0

LAST_STEP_TIMEOUT_SECONDS = 0.5
"""Time that is left to an upgrade when its socket is closed."""


class Upgrade:
    """The upgrade of one socket that is under way, if there is one: of two at once the second is closed."""

    __slots__ = ("_timeout",)

    def __init__(self) -> None:
        self._timeout: asyncio.Timeout | None = None

    @property
    def under_way(self) -> bool:
        """Return True while a client is upgrading."""
        return self._timeout is not None

    @asynccontextmanager
    async def time_limit(self) -> AsyncIterator[None]:
        """Raise TimeoutError if the block takes too long."""
        self._timeout = timeout = asyncio.timeout(UPGRADE_TIMEOUT_SECONDS)
        try:
            async with timeout:
                yield
        finally:
            self._timeout = None

    def hasten(self) -> None:
        """Shorten the limit: a client that upgrades a closing socket still gets its last packets."""
        if self._timeout is not None and not self._timeout.expired():
            now = asyncio.get_running_loop().time()
            self._timeout.reschedule(now + LAST_STEP_TIMEOUT_SECONDS)
