"""Has other nodes send on what is for sockets that are away."""

from collections.abc import Iterable

from ..presence import Presence
from .recoverable import Away


class RetainingPresence(Presence):
    """Publishes that a node has no sockets under a key only once none is away either.

    Until then the number is 0, and messages are addressed to the node all the same.

    Args:
        presence: what it publishes with.
    """

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._away: dict[str, dict[Away, None]] = {}
        self._emptied: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Return True if a socket that is away is to get what is sent to a key."""
        return key in self._away

    @property
    def retains(self) -> bool:
        """Whether any socket is away."""
        return bool(self._away)

    def away(self, key: str) -> Iterable[Away]:
        """Return the sockets that are away and are to get what is sent to a key."""
        return list(self._away.get(key, ()))

    def retain(self, away: Away) -> None:
        """Keep the addresses of a socket, until it is released."""
        for key in away.addresses:
            self._away.setdefault(key, {})[away] = None

    def retain_also(self, away: Away, key: str) -> None:
        """Keep one more address of a socket, if it is kept, and publish it."""
        if any(away in self._away.get(each, ()) for each in away.addresses):
            away.addresses.add(key)
            if key not in self._away:
                self._emptied.add(key)
                self._presence.publish_count(key, 0)
            self._away.setdefault(key, {})[away] = None

    def release(self, away: Away) -> None:
        """Drop the addresses of a socket, and publish those that nobody needs. May be called twice."""
        for key in away.addresses:
            sockets = self._away.get(key, {})
            sockets.pop(away, None)
            if not sockets and key in self._away:
                del self._away[key]
                if key in self._emptied:
                    self._emptied.discard(key)
                    self._presence.publish_count(key, None)

    def publish_count(self, key: str, sockets: int | None) -> None:
        if sockets is None and key in self._away:
            self._emptied.add(key)
            sockets = 0
        elif self._emptied:
            self._emptied.discard(key)
        self._presence.publish_count(key, sockets)

    async def count_remote(self, key: str) -> int:
        return await self._presence.count_remote(key)

    async def settle(self, key: str) -> None:
        await self._presence.settle(key)

    async def ping(self) -> None:
        await self._presence.ping()

    async def claim(self, name: str) -> bool:
        return await self._presence.claim(name)

    def start(self) -> None:
        self._presence.start()

    async def aclose(self) -> None:
        """Close it; what sockets need that are away is left to other nodes."""
        self._presence.stays = self.retains
        await self._presence.aclose()
