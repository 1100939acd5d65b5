"""Counts what happens within a window of time, on a Redis server."""

from ..redis.client import RedisClient
from ..redis.scripts import Script
from .bus.redis import execute
from .counters import Window
from .redis_keys import RedisKeys

_ADD = Script("""
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
""")


class RedisCounters:
    """A key for each name, which expires with its window.

    Args:
        client: used for counting; not closed by this.
        prefix: see RedisKeys.
    """

    def __init__(self, client: RedisClient, prefix: str = "mooring") -> None:
        self._client = client
        self._keys = RedisKeys(prefix)

    async def add(self, name: str, seconds: float) -> Window:
        """Count one more; see Counters."""
        key = self._keys.counter(name)
        count, left_ms = await execute(self._client, "EVAL", _ADD, 1, key, int(seconds * 1000))
        return Window(count, left_ms / 1000)
