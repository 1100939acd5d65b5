"""Commands to the master that Sentinels name."""

from typing import Any

from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from app.sessions.redis_command import Command, Gate
from app.sessions.redis_link import RedisLink


class SentinelLink(RedisLink):
    """A link that asks the Sentinels for the master whenever it connects.

    A master that has lost its replicas may have lost them to another one, and not know it yet: the
    Sentinels tell it after ten seconds. So they are asked at once.
    """

    def __init__(
        self,
        sentinel: Sentinel,
        service: str,
        *,
        connection: dict[str, Any],
        timeout: float,
        replicas: int,
    ) -> None:
        pool = SentinelConnectionPool(service, sentinel, **connection)  # type: ignore[no-untyped-call] # it has no types
        super().__init__(pool.make_connection, timeout=timeout, replicas=replicas)
        self._sentinel = sentinel

    def is_demoted(self, command: Command, reply: Any) -> bool:
        """Tell whether a reply is one of a server that is, or may be, the master no longer."""
        too_few = isinstance(command, Gate) and command.too_few
        return too_few or super().is_demoted(command, reply)

    async def aclose(self) -> None:
        """Close the connections to the master and to the Sentinels; what is under way fails."""
        await super().aclose()
        await self._sentinel.aclose()
