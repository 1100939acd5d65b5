"""Which nodes have sockets of a session, a room, a user or a namespace, and how many."""

from abc import ABC, abstractmethod


class Presence(ABC):
    """Publishes this node's socket counts, and reads those of the others.

    By what is published nodes find whom to send a message: a bus may leave out a node that has
    published nothing under the key that a message is addressed to.
    """

    stays: bool = False
    """Whether what this node has published is to stay when it closes, for other nodes to remove."""

    @abstractmethod
    def publish_count(self, key: str, sockets: int | None) -> None:
        """Publish how many sockets this node has under a key; returns without waiting.

        None: it needs no messages for the key. With 0 it does: sockets are about to connect.
        """

    @abstractmethod
    async def count_remote(self, key: str) -> int:
        """Return the number of sockets under a key on the other nodes that are alive.

        Raises:
            BusUnavailableError: the counts cannot be read.
        """

    async def settle(self, key: str) -> None:
        """Return when other nodes can read what this one has published under a key, or after a second.

        Raises:
            BusUnavailableError: by then they cannot even know that it has published something.
        """
        return

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

    def publish_count(self, key: str, sockets: int | None) -> None:
        """Do nothing: there is no other node."""

    async def count_remote(self, key: str) -> int:
        return 0
