"""How many sockets each session has, over all nodes."""

from abc import ABC, abstractmethod


class Presence(ABC):
    """Publishes this node's socket counts, and reads those of the others."""

    @abstractmethod
    def publish_count(self, key: str, sockets: int) -> None:
        """Publish how many sockets of a session are on this node; returns without waiting."""

    @abstractmethod
    async def count_remote(self, key: str) -> int:
        """Return the number of a session's sockets on the other nodes that are alive.

        Raises:
            BusUnavailableError: the counts cannot be read.
        """

    async def ping(self) -> None:
        """Return if counts can be published and read.

        Raises:
            BusUnavailableError: they cannot; the message says why.
        """
        return

    async def claim(self, name: str) -> bool:
        """Return True to one node of those that ask within a minute."""
        return True

    def start(self) -> None:
        """Start background tasks; needs a running event loop."""
        return

    async def aclose(self) -> None:
        """Stop them. May be called twice."""
        return


class LocalPresence(Presence):
    """The presence of a single node."""

    def publish_count(self, key: str, sockets: int) -> None:
        """Do nothing: there is no other node."""

    async def count_remote(self, key: str) -> int:
        return 0
