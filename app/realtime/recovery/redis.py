"""What is kept of sockets that may come back, on a Redis server."""

import asyncio
from contextlib import suppress
from typing import Any

from ...aio.tasks import cancel
from ...redis.client import RedisClient
from ...redis.commands import Repeatable
from ..bus.base import BusUnavailableError
from ..bus.redis import entries_of, execute
from ..redis_keys import RedisKeys
from .log import LogLostError, NodeLog, read_message
from .position import Position
from .redis_log import RedisNodeLog
from .store import RecoveryStore

_LOG_SECONDS = 5.0
"""How long a log stays read when nobody has asked for it: clients come back together."""
_RENEWALS_PER_WINDOW = 4
_RETRY_SECONDS = 1.0

_EVAL, _SET = Repeatable("EVAL"), Repeatable("SET")

_PUT = """
-- ARGV: the socket, what the entry that is there has to begin with, the new entry (empty: none), lifetime.
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if string.sub(before, 1, #ARGV[2]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""

_LAST = """
local last = {}
for index, stream in ipairs(KEYS) do last[index] = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1) end
return last
"""


class RedisRecoveryStore(RecoveryStore):
    """A hash for each session, with a field for each socket; and a key that each node renews.

    What is there of a node that has died is removed with all else that it has left; see RedisPresence.

    Args:
        client: used for reading and writing; not closed by this.
        lifetime: seconds after which a hash that nobody has cleared expires.
        prefix: see RedisKeys.
    """

    logs_received = False

    def __init__(self, client: RedisClient, *, lifetime: float, prefix: str = "mooring") -> None:
        self._client = client
        self._lifetime_ms = int(lifetime * 1000)
        self._keys = RedisKeys(prefix)
        self._logs: dict[str, tuple[RedisNodeLog, float]] = {}
        self._unused: dict[str, asyncio.TimerHandle] = {}
        self._node: str | None = None
        self._window = 0.0
        self._seen_seconds = 0.0
        self._renew_seconds = 0.0
        self._healed = 0.0
        self._renewer: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    async def load(self, key: str, pid: str) -> bytes | None:
        found: bytes | None = await execute(self._client, "HGET", self._keys.recovery(key), pid)
        return found

    async def save(self, key: str, pid: str, entry: bytes, over: bytes | None) -> bool:
        return await self._put(key, pid, over or b"", entry)

    async def remove(self, key: str, pid: str, over: bytes) -> bool:
        return await self._put(key, pid, over, b"")

    async def _put(self, key: str, pid: str, over: bytes, entry: bytes) -> bool:
        script = (_EVAL, _PUT, 1, self._keys.recovery(key))
        return bool(
            await execute(self._client, *script, pid, over, entry, self._lifetime_ms),
        )

    async def is_kept(self, node: str) -> bool:
        return bool(await execute(self._client, "EXISTS", self._keys.seen(node)))

    async def snapshot(self, theirs: str, ours: str) -> tuple[Position, Position]:
        names = [
            each(node) for node in (theirs, ours) for each in (self._keys.stream, self._keys.log)
        ]
        last = await execute(self._client, _EVAL, _LAST, len(names), *names)
        if not all(last):
            raise LogLostError
        return _end(theirs, *last[:2]), _end(ours, *last[2:])

    def log(self, node: str) -> NodeLog:
        loop = asyncio.get_running_loop()
        found, opened_at = self._logs.get(node, (None, 0.0))
        # One that is always in use would keep all that it has ever read: after a window it is read anew.
        if found is None or loop.time() - opened_at > self._window:
            found = RedisNodeLog(self._client, self._keys, node, self._healed)
            self._logs[node] = found, loop.time()
        if node in self._unused:
            self._unused[node].cancel()
        self._unused[node] = loop.call_later(_LOG_SECONDS, self._drop_log, node)
        return found

    def _drop_log(self, node: str) -> None:
        del self._logs[node], self._unused[node]

    def start(self, node: str, window: float, healed: float) -> None:
        self._node = node
        self._window = window
        self._healed = healed
        self._renew_seconds = window / _RENEWALS_PER_WINDOW
        self._seen_seconds = window + self._renew_seconds
        self._renewer = asyncio.create_task(self._renew_forever(), name="recovery")

    def renew(self) -> None:
        self._lost.set()

    async def aclose(self, *, stays: bool) -> None:
        await cancel(self._renewer)
        for timer in self._unused.values():
            timer.cancel()
        self._unused.clear()
        self._logs.clear()
        node, self._node = self._node, None
        if node is None:
            return
        with suppress(BusUnavailableError):
            if stays:
                await self._renew(node)
            else:
                await execute(self._client, "DEL", self._keys.seen(node))

    async def _renew_forever(self) -> None:
        while self._node is not None:
            self._lost.clear()
            seconds = self._renew_seconds
            try:
                await self._renew(self._node)
            except BusUnavailableError:
                seconds = min(_RETRY_SECONDS, seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._lost.wait()

    async def _renew(self, node: str) -> None:
        lifetime = int(self._seen_seconds * 1000)
        await execute(self._client, _SET, self._keys.seen(node), 1, "PX", lifetime)


def _end(node: str, stream: list[Any], log: list[Any]) -> Position:
    """Return the position behind the last entries of a node's streams."""
    [received] = list(entries_of(*stream[0], own=True))[-1:]
    own = 0
    for entry in entries_of(*log[0]):
        message = read_message(entry.payload)
        own = max(own, (message.number if message is not None else None) or 0)
    return Position(node, own, received.offset, received.index)
