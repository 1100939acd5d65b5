"""The log of a node on a Redis server: two streams, of what is addressed to it and of what it sends."""

import asyncio
from collections.abc import Iterable
from typing import Any

from ...redis.client import RedisClient
from ..bus.base import Offset
from ..bus.received import Received
from ..bus.redis import entries_of, execute
from ..redis_keys import RedisKeys
from .log import Logged, LogLostError, MessageIndex, NodeLog, TargetKey, read_message
from .position import Position

_PAGE = 500
_NEWEST = 100
_RETRIES = 5
_RETRY_SECONDS = 0.05
"""What a client has received already may still be on its way to the server."""
_BEFORE = 500
"""Entries before a position in which what was published again behind it may stand for the first time."""


class RedisNodeLog(NodeLog):
    """Reads both streams once for all sockets that come back, and from then on what is new.

    Args:
        client: used for reading.
        keys: names of the streams.
        node: whose log it is.
        healed: seconds after which a message has been received, if the client has not come back since:
            then it does not matter that the log no longer reaches back to it.
    """

    def __init__(self, client: RedisClient, keys: RedisKeys, node: str, healed: float) -> None:
        self._client = client
        self._keys = keys
        self._node = node
        self._healed_ms = healed * 1000
        self._lock = asyncio.Lock()
        self._forget()

    def _forget(self) -> None:
        self._index = MessageIndex()
        self._begin: Offset | None = None
        self._last: Offset | None = None
        self._places: set[Offset] = set()
        self._received = Received()
        self._oldest: Offset | None = None
        self._own: set[int] = set()
        self._own_newest: Offset | None = None
        self._own_oldest: Offset | None = None
        self._own_is_whole = False

    async def read(self, start: Position) -> None:
        async with self._lock:
            if self._begin is None or start.stream < self._begin:
                self._forget()
                await self._read_before(start.stream)
                self._begin = start.stream
            await self._read_received(start.stream)
            if not await self._has_received(start.stream):
                raise LogLostError
            await self._read_own_until_there(start.own)

    def select(
        self, targets: Iterable[TargetKey], start: Position, end: Position | None
    ) -> list[Logged]:
        return self._index.select(targets, start, end)

    async def check(self) -> None:
        if not await execute(self._client, "EXISTS", self._keys.log(self._node)):
            raise LogLostError

    async def _read_before(self, start: Offset) -> None:
        """Note what was delivered at a position: amid an outage it may follow again, as in `Received`."""
        stream = self._keys.stream(self._node)
        page = await execute(self._client, "XREVRANGE", stream, f"({start}", "-", "COUNT", _BEFORE)
        for stored_at, fields in reversed(page):
            for entry in entries_of(stored_at, fields):
                self._received.is_duplicate(entry)

    async def _read_received(self, start: Offset) -> None:
        stream = self._keys.stream(self._node)
        while True:
            first = str(start) if self._last is None else f"({self._last}"
            page = await execute(self._client, "XRANGE", stream, first, "+", "COUNT", _PAGE)
            for stored_at, fields in page:
                at = self._add(stored_at, fields, own=False)
                self._places.add(at)
                self._oldest = self._oldest or at
                self._last = at
            if len(page) < _PAGE:
                return

    async def _has_received(self, start: Offset) -> bool:
        if start in self._places:
            return True
        oldest = self._oldest
        return oldest is not None and start < oldest and await self._is_healed(oldest)

    async def _is_healed(self, oldest: Offset) -> bool:
        """Return True if what came before the oldest message was received by who has not come back.

        By the server's clock, as offsets are: one of a node may be wrong.
        """
        seconds, _ = await execute(self._client, "TIME")
        return oldest.ms < int(seconds) * 1000 - self._healed_ms

    async def _read_own_until_there(self, start: int) -> None:
        for _ in range(_RETRIES):
            await self._read_own(start)
            if start <= max(self._own, default=0):
                break
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            raise LogLostError
        if self._own_newest is None:
            raise LogLostError  # there is no log: it begins with an entry
        needed = range(start + 1, max(self._own, default=0) + 1)
        lowest = min(self._own, default=1)
        if lowest > start + 1 and self._own_is_whole and self._own_oldest is not None:
            if not await self._is_healed(self._own_oldest):
                raise LogLostError
            needed = range(lowest, needed.stop)
        if not all(number in self._own for number in needed):
            raise LogLostError

    async def _read_own(self, start: int) -> None:
        log = self._keys.log(self._node)
        while self._own_newest is not None:
            first = f"({self._own_newest}"
            page = await execute(self._client, "XRANGE", log, first, "+", "COUNT", _PAGE)
            self._add_own(page)
            if len(page) < _PAGE:
                break
        while not self._own_is_whole and min(self._own, default=start + 1) > start:
            last = "+" if self._own_oldest is None else f"({self._own_oldest}"
            page = await execute(self._client, "XREVRANGE", log, last, "-", "COUNT", _NEWEST)
            self._add_own(page)
            self._own_is_whole = len(page) < _NEWEST

    def _add_own(self, page: list[Any]) -> None:
        for stored_at, fields in page:
            at = self._add(stored_at, fields, own=True)
            self._own_newest = max(self._own_newest or at, at)
            self._own_oldest = min(self._own_oldest or at, at)

    def _add(self, stored_at: bytes, fields: list[bytes], *, own: bool) -> Offset:
        for entry in entries_of(stored_at, fields, own=True):
            if not own and self._received.is_duplicate(entry):
                continue
            message = read_message(entry.payload)
            if message is None:
                continue
            number = message.number
            if own and (number is None or number in self._own):
                continue  # published again, as there was no reply the first time
            identities = [(entry.node_id, False, entry.sequence)]
            if number is not None:
                identities.append((entry.node_id, True, number))
            if own:
                self._own.add(number or 0)
            self._index.add(Logged(entry.offset, entry.index, own, tuple(identities), message))
        return entry.offset
