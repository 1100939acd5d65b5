"""The streams of what is carried, on a Redis server."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from ...redis.client import Argument, RedisClient, Reply
from ...redis.commands import Repeatable, retrieve
from ..bus.base import BusUnavailableError
from ..bus.redis import execute
from ..redis_keys import RedisKeys
from .messages import Parcel
from .streams import LIFETIME_SECONDS, CarryStreams, Sent

_UNSEEN_SECONDS = 1.2
"""A node that has not renewed its stream for so long, and has no subscription either, was killed."""

_WAIT_MS = 500
_ENTRIES_PER_READ = 64
_LIFETIME_MS = int(LIFETIME_SECONDS * 1000)

_EVAL, _XADD, _XDEL, _PEXPIRE = map(Repeatable, ("EVAL", "XADD", "XDEL", "PEXPIRE"))
"""No request waits for replicas: what a failover loses is sent again, and what comes twice is known."""

_APPEND_WHEN_FULL = """
-- A server whose memory is full refuses what adds to it, but not to a script that has written already. What
-- is added is read, and deleted, at once.
if redis.call('XTRIM', KEYS[1], 'MAXLEN', 1000000) < 0 then return '' end
return redis.call('XADD', KEYS[1], 'NOMKSTREAM', '*', unpack(ARGV)) or ''
"""


class RedisCarryStreams(CarryStreams):
    """A stream for each node, apart from that of the bus: nothing of it is kept once it was read.

    Its first entry stays, and is another one when the server has lost the stream. The stream goes with its
    node, or a few seconds after it; to one that is not there nothing is appended.

    Args:
        client: used for writing; not closed by this.
        reader: used for reading, with a timeout above half a second; closed by `aclose`.
        is_alive: returns whether a node has its subscription (see RedisPresence).
        node: this node's id.
        prefix: see RedisKeys.
    """

    def __init__(
        self,
        client: RedisClient,
        reader: RedisClient,
        is_alive: Callable[[str], Awaitable[bool]],
        *,
        node: str,
        prefix: str = "mooring",
    ) -> None:
        self._client = client
        self._reader = reader
        self._is_alive = is_alive
        self._keys = RedisKeys(prefix)
        self._own = self._keys.carried(node)
        self._last: bytes | None = None

    def send(self, node: str, parcel: Parcel) -> Sent:
        sent: Sent = asyncio.get_running_loop().create_future()
        stream, words = self._keys.carried(node), ("h", parcel.head, "b", parcel.body)
        reply = self._client.execute(_XADD, stream, "NOMKSTREAM", "*", *words)
        reply.add_done_callback(partial(self._settle, sent, stream, words))
        return sent

    def _settle(
        self,
        sent: Sent,
        stream: str,
        words: Sequence[Argument],
        reply: Reply,
        *,
        again: bool = True,
    ) -> None:
        """Hand on what the server has replied; try again if its memory is full."""
        if reply.cancelled() or sent.done():
            retrieve(reply)
            sent.cancel()
            return
        error = reply.exception()
        if error is None:
            sent.set_result(reply.result() not in (None, b""))
        elif again and "OOM" in str(error):
            script = self._client.execute(_EVAL, _APPEND_WHEN_FULL, 1, stream, *words)
            script.add_done_callback(partial(self._settle, sent, stream, words, again=False))
        else:
            sent.set_exception(BusUnavailableError(f"bus unavailable: {error}"))

    async def read(self) -> list[Parcel]:
        if self._last is None:
            await self._open()
        last = self._last or b"0"
        found = await execute(
            self._reader,
            *("XREAD", "COUNT", _ENTRIES_PER_READ, "BLOCK", _WAIT_MS, "STREAMS", self._own, last),
        )
        if not found:
            return []
        entries = found[0][1]
        self._last = entries[-1][0]
        parcels = {at: parcel for at, words in entries if (parcel := _parcel(words)) is not None}
        if parcels:  # what the stream begins with stays
            self._client.execute(_XDEL, self._own, *parcels).add_done_callback(retrieve)
        return list(parcels.values())

    async def renew(self) -> bool:
        if self._last is None or await execute(self._client, _PEXPIRE, self._own, _LIFETIME_MS):
            return True
        await self._open()
        return False

    async def generation(self, node: str) -> str | None:
        stream = self._keys.carried(node)
        first, left_ms, is_subscribed = await asyncio.gather(
            execute(self._client, "XRANGE", stream, "-", "+", "COUNT", 1),
            execute(self._client, Repeatable("PTTL"), stream),
            self._is_alive(node),
        )
        unseen = LIFETIME_SECONDS - left_ms / 1000
        if not first or (not is_subscribed and unseen > _UNSEEN_SECONDS):
            return None
        stored_at: bytes = first[0][0]
        return stored_at.decode()

    async def aclose(self) -> None:
        if self._last is not None:
            self._last = None
            with suppress(BusUnavailableError):
                await execute(self._client, "DEL", self._own)
        await self._reader.aclose()

    async def _open(self) -> None:
        """Make the stream, with an entry to read on from."""
        stored_at, _ = await asyncio.gather(
            execute(self._client, _XADD, self._own, "*", "o", ""),
            execute(self._client, _PEXPIRE, self._own, _LIFETIME_MS),
        )
        self._last = stored_at


def _parcel(words: Sequence[bytes]) -> Parcel | None:
    """Return what is in an entry, which may be nothing."""
    fields = dict(zip(words[::2], words[1::2], strict=False))
    return Parcel(fields[b"h"], fields.get(b"b", b"")) if b"h" in fields else None
