"""What adapters ask of a Redis client, whichever servers are behind it."""

from typing import Protocol

from .commands import Argument, Reply

__all__ = ["Argument", "RedisClient", "Reply"]


class RedisClient(Protocol):
    """A connection to Redis, Sentinel or Cluster, as adapters use it.

    It may be used in one event loop after another: what belongs to a closed loop is dropped, and the
    next command connects anew.
    """

    @property
    def is_cluster(self) -> bool:
        """Whether keys are on several servers, so that no script may have any two of them."""
        ...

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or one is being made."""
        ...

    def execute(self, *arguments: Argument) -> Reply:
        """Send a command and return the future of its reply.

        The future raises RedisReplyError if the server replied with an error, RedisUnavailableError
        if no reply came in time.
        """
        ...

    async def lost(self) -> None:
        """Return when the current connection, if any, is lost."""
        ...

    async def aclose(self) -> None:
        """Close the connection; commands under way fail. May be called twice."""
        ...
