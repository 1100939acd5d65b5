"""What says on a Redis server which nodes have sockets, written as a node would."""

from app.realtime.bus.base import Bus
from app.realtime.bus.redis import RedisBus


class EntersOnRedis:
    """How the contract of the bus has a node say that it has sockets."""

    async def enter(self, bus: Bus, node: str, key: str) -> None:
        """Write what RedisPresence writes."""
        assert isinstance(bus, RedisBus)
        await bus._client.execute("SADD", bus._keys.nodes, node)
        await bus._client.execute("HSET", bus._keys.sockets(key), node, 1)
