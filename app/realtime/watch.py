"""Keeps this node's moored sessions true to the store: each look has a consequence, drawn here once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from app.realtime.deadlines import Deadlines
from app.realtime.moorings import MooredSocket, Mooring, Moorings
from app.realtime.reload import CHUNK
from app.sessions import (
    EndReason,
    Found,
    Gone,
    Record,
    Sessions,
    StoreUnavailableError,
    Unchanged,
)

logger = logging.getLogger(__name__)

LetGo = Callable[[MooredSocket, EndReason], Awaitable[None]]

OnReloaded = Callable[[Mooring, Record], None]

_OUTAGE_RETRY = 1.0
_SETTLE = 0.002
"""Seconds after a deadline to look: the store's clock ticks in milliseconds, and ours is another."""


class Watch:
    """Looks at sessions and acts on what it finds.

    A live record refreshes the handles of its sockets; a tombstone, or nothing, lets them go for
    its reason. A store that gives no answer changes nothing: an outage is no logout.
    `extend` makes every look of a socket's event count as activity of the session.
    """

    def __init__(
        self, sessions: Sessions, moorings: Moorings, let_go: LetGo, *, extend: bool
    ) -> None:
        self._sessions = sessions
        self._moorings = moorings
        self._let_go = let_go
        self._extend = extend
        self.deadlines = Deadlines(self.check)
        self.on_reloaded: OnReloaded = _nothing
        moorings.on_empty(self.deadlines.forget)

    @property
    def extends(self) -> bool:
        """Whether an event counts as activity of its session."""
        return self._extend

    async def look(self, mooring: Mooring) -> Found:
        """Read a session for an event or a connect; those of one event-loop turn share one read."""
        found = await mooring.look(self._read)
        self._settle_alive(mooring.key, found)
        return found

    async def _read(self, key: str) -> Found:
        return await self._sessions.find(key, extend=self._extend)

    async def check(self, keys: Sequence[str], *, extend: bool = False) -> None:
        """Look at sessions whose deadline is said to have come (or, with `extend`, push it back)."""
        reads = (self._sessions.find(key, extend=extend) for key in keys)
        for key, found in zip(
            keys, await asyncio.gather(*reads, return_exceptions=True), strict=True
        ):
            if isinstance(found, StoreUnavailableError):
                self.deadlines.note(key, _OUTAGE_RETRY)
            elif isinstance(found, BaseException):
                raise found
            else:
                await self.settle(key, found)

    async def reload(self, keys: Sequence[str]) -> None:
        """Read many sessions in one round trip, and act on each."""
        seen = [self._moorings.seen(key) for key in keys]
        for key, found in zip(keys, await self._sessions.find_newer(keys, seen), strict=True):
            if isinstance(found, Unchanged):
                continue
            if not isinstance(found, Record):
                await self.settle(key, found)
            elif (mooring := self._moorings.mooring(key)) is not None:
                mooring.refresh(found)
                self.on_reloaded(mooring, found)
                mooring.seen = found.version

    async def reload_all(self) -> None:
        """Reload every moored session at once: something was missed, and nobody knows what."""
        keys = self._moorings.keys()
        for start in range(0, len(keys), CHUNK):
            await self.reload(keys[start : start + CHUNK])

    async def settle(self, key: str, found: Found) -> None:
        """Act on what was found under a key."""
        if isinstance(found, Record):
            self._settle_alive(key, found)
        else:
            await self.end(key, Gone(found).reason)

    async def end(self, key: str, reason: EndReason) -> None:
        """Let go all sockets of a session on this node."""
        for socket in self._moorings.sockets(key):
            await self._let_go(socket, reason)

    def _settle_alive(self, key: str, found: Found) -> None:
        mooring = self._moorings.mooring(key)
        if mooring is None or not isinstance(found, Record):
            return
        mooring.refresh(found)
        if found.lease is not None:
            self.deadlines.note(key, found.lease.seconds + _SETTLE)


def _nothing(_mooring: Mooring, _record: Record) -> None:
    return
