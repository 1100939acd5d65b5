"""Has other nodes send on what is for disconnected sockets."""

from collections.abc import Iterable

from ..presence import Presence
from .recoverable import Disconnected


class RetainingPresence(Presence):
    """Publishes that a node has no sockets under a key only once none is disconnected either.

    Until then the number is 0, and messages are addressed to the node all the same.

    Args:
        presence: what it publishes with.
    """

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._disconnected: dict[str, dict[Disconnected, None]] = {}
        self._emptied: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Return True if a disconnected socket is to get what is sent to a key."""
        return key in self._disconnected

    @property
    def retains(self) -> bool:
        """Whether any socket is disconnected."""
        return bool(self._disconnected)

    def disconnected(self, key: str) -> Iterable[Disconnected]:
        """Return the disconnected sockets that are to get what is sent to a key."""
        return list(self._disconnected.get(key, ()))

    def retain(self, disconnected: Disconnected) -> None:
        """Keep the addresses of a socket, until it is released."""
        for key in disconnected.addresses:
            self._disconnected.setdefault(key, {})[disconnected] = None

    def retain_also(self, disconnected: Disconnected, key: str) -> None:
        """Keep one more address of a socket, if it is kept, and publish it."""
        if any(disconnected in self._disconnected.get(each, ()) for each in disconnected.addresses):
            disconnected.addresses.add(key)
            if key not in self._disconnected:
                self._emptied.add(key)
                self._presence.publish_count(key, 0)
            self._disconnected.setdefault(key, {})[disconnected] = None

    def release(self, disconnected: Disconnected) -> None:
        """Drop the addresses of a socket, and publish those that nobody needs. May be called twice."""
        for key in disconnected.addresses:
            sockets = self._disconnected.get(key, {})
            sockets.pop(disconnected, None)
            if not sockets and key in self._disconnected:
                del self._disconnected[key]
                if key in self._emptied:
                    self._emptied.discard(key)
                    self._presence.publish_count(key, None)

    def publish_count(self, key: str, sockets: int | None) -> None:
        if sockets is None and key in self._disconnected:
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
        """Close it; what disconnected sockets need is left to other nodes."""
        self._presence.stays = self.retains
        await self._presence.aclose()
