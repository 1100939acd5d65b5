"""How a node writes its numbers of sockets to a Redis server, and removes them."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..redis.client import Argument, RedisClient
from ..redis.commands import Repeatable
from ..redis.errors import RedisClientError
from ..redis.scripts import Script
from .bus.base import BusUnavailableError
from .bus.redis import execute
from .redis_keys import RedisKeys

_KEYS_AT_ONCE = 200

_EVAL, _HSET, _PEXPIRE, _SADD = map(Repeatable, ("EVAL", "HSET", "PEXPIRE", "SADD"))
"""No socket waits for replicas: what a failover loses is written again."""

# A server whose memory is full refuses what adds to it, but not to a script that has written already. What is
# added is small, and without it messages are lost: so each of these begins with what adds nothing.

_WRITE = Script("""
-- KEYS: the nodes, this node's keys, hashes. ARGV: node, lifetime; of each hash its key, and its count or ''.
local known, counted, gone = 1, {}, {}
local expires = redis.call('PEXPIRE', KEYS[2], ARGV[2])
for i = 3, #KEYS do
  local key, count = ARGV[2 * i - 3], ARGV[2 * i - 2]
  if count == '' then
    redis.call('HDEL', KEYS[i], ARGV[1])
    gone[#gone + 1] = key
  else
    redis.call('HSET', KEYS[i], ARGV[1], count)
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    counted[#counted + 1] = key
  end
end
if #counted > 0 then
  known = 1 - redis.call('SADD', KEYS[1], ARGV[1])
  redis.call('SADD', KEYS[2], unpack(counted))
  if expires == 0 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
end
if #gone > 0 then redis.call('SREM', KEYS[2], unpack(gone)) end
return known
""")

_PUT_WHEN_FULL = Script("""
-- ARGV: lifetime, commands that remove and add, what
redis.call(ARGV[2], KEYS[1], ARGV[4])
redis.call(ARGV[3], KEYS[1], unpack(ARGV, 4))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
""")

Counts = Mapping[str, int | None]
"""Numbers of sockets by key; None where a node needs no messages for it any more."""


class RedisCounts:
    """Writes the counts of one node: all that are written together in one step, but on a Cluster.

    Args:
        client: sends the commands.
        node: this node's id.
        lifetime: seconds after which what no node clears expires.
        keys: the names of what is written.
    """

    def __init__(self, client: RedisClient, *, node: str, lifetime: float, keys: RedisKeys) -> None:
        self._client = client
        self._node = node
        self._lifetime_ms = int(lifetime * 1000)
        self._keys = keys

    async def write(self, counts: Counts) -> bool:
        """Write counts, and return True if the server knew this node.

        Raises:
            BusUnavailableError: some of them may be written, and others not.
        """
        if self._client.is_cluster:
            return all(await asyncio.gather(*(self._write_one(*item) for item in counts.items())))
        items = list(counts.items())
        parts = [items[at : at + _KEYS_AT_ONCE] for at in range(0, len(items), _KEYS_AT_ONCE)]
        return all([await self._write_together(part) for part in parts])

    async def remove(self, keys: Collection[str], node: str) -> None:
        """Remove a node's counts; the set that names them last."""
        await _execute_all(self._client, *(("HDEL", self._keys.sockets(key), node) for key in keys))
        await execute(self._client, "SREM", self._keys.counted(node), *keys)

    async def _write_together(self, counts: Iterable[tuple[str, int | None]]) -> bool:
        names = [self._keys.nodes, self._keys.counted(self._node)]
        arguments: list[Argument] = [self._node, self._lifetime_ms]
        for key, sockets in counts:
            names.append(self._keys.sockets(key))
            arguments += (key, "" if sockets is None else sockets)
        return bool(await execute(self._client, _EVAL, _WRITE, len(names), *names, *arguments))

    async def _write_one(self, key: str, sockets: int | None) -> bool:
        if sockets is None:
            await self.remove([key], self._node)
            return True
        name, counted = self._keys.sockets(key), self._keys.counted(self._node)
        try:
            is_new, *_ = await _execute_all(
                self._client,
                (_SADD, self._keys.nodes, self._node),
                (_HSET, name, self._node, sockets),
                (_PEXPIRE, name, self._lifetime_ms),
                (_SADD, counted, key),
                (_PEXPIRE, counted, self._lifetime_ms),
            )
        except BusUnavailableError as error:
            if "OOM" not in str(error):
                raise
            await self._write_when_full(key, sockets)
            return True
        return not is_new

    async def _write_when_full(self, key: str, sockets: int) -> None:
        name, counted = self._keys.sockets(key), self._keys.counted(self._node)
        script = (_EVAL, _PUT_WHEN_FULL, 1)
        await asyncio.gather(
            execute(
                self._client,
                *(*script, counted, self._lifetime_ms, "SREM", "SADD", key),
            ),
            execute(
                self._client,
                *(*script, name, self._lifetime_ms, "HDEL", "HSET", self._node, sockets),
            ),
        )


async def _execute_all(client: RedisClient, *commands: tuple[Argument, ...]) -> list[Any]:
    """Return the replies to commands, without a task for each; raises what `execute` does."""
    try:
        return await asyncio.gather(*(client.execute(*each) for each in commands))
    except RedisClientError as error:
        raise BusUnavailableError(f"bus unavailable: {error}") from error
