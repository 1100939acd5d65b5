"""What nodes share on a Redis server. Importing this needs the extra `redis`."""

from dataclasses import dataclass

from .backends import Backend, new_node_id
from .realtime.bus.redis import WAIT, RedisBus
from .realtime.carry.redis import RedisCarryStreams
from .realtime.recovery.redis import RedisRecoveryStore
from .realtime.recovery.store import MemoryRecoveryStore, RecoveryStore
from .realtime.redis_counters import RedisCounters
from .realtime.redis_presence import RedisPresence
from .realtime.redis_user_presence import RedisUserPresence
from .realtime.streams.redis import RedisStreamLog
from .redis.client import RedisClient
from .redis.url import TIMEOUT, connect_together
from .sessions.stores.redis import RedisStore


@dataclass(frozen=True)
class RedisBackendFactory:
    """Makes backends on a Redis server; see `backend_factory`."""

    url: str
    prefix: str
    lifetime: float

    def __call__(self) -> Backend:
        """Return a backend that connects at its first use.

        Raises:
            ValueError: the URL cannot be used.
        """
        node_id = new_node_id()
        try:
            commands, reader, listener, carried = connect_together(
                self.url, TIMEOUT, WAIT + TIMEOUT, TIMEOUT, WAIT + TIMEOUT
            )
        except ValueError as error:
            raise ValueError(f"REDIS_URL: {error}") from None
        presence = RedisPresence(
            commands, listener, node=node_id, lifetime=self.lifetime, prefix=self.prefix
        )
        return Backend(
            RedisStore(commands, prefix=self.prefix),
            RedisBus(commands, reader, prefix=self.prefix),
            presence,
            RedisCounters(commands, self.prefix),
            node_id,
            RedisUserPresence(
                commands,
                presence.is_alive,
                node=node_id,
                lifetime=self.lifetime,
                prefix=self.prefix,
            ),
            self._recovery(commands),
            RedisStreamLog(commands, self.prefix),
            RedisCarryStreams(
                commands, carried, presence.is_alive, node=node_id, prefix=self.prefix
            ),
        )

    def _recovery(self, commands: RedisClient) -> RecoveryStore:
        """Return what keeps sockets: on a Cluster no two streams can be read in one step."""
        if commands.is_cluster:
            return MemoryRecoveryStore()
        return RedisRecoveryStore(commands, lifetime=self.lifetime, prefix=self.prefix)
