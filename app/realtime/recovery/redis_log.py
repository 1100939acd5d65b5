"""The log of a node on a Redis server: two streams, of what is addressed to it and of what it sends."""

import asyncio
from collections.abc import Iterable
from typing import Any

from ...redis.client import RedisClient
from ..bus.base import Entry, Offset
from ..bus.redis import entries_of, execute
from ..redis_keys import RedisKeys
from .log import (
    Identity,
    Loggable,
    Logged,
    LogLostError,
    MessageIndex,
    NodeLog,
    TargetKey,
    read_message,
)
from .position import Position

_PAGE = 500
_NEWEST = 100
_RETRIES = 5
_RETRY_SECONDS = 0.05
"""What a client has received already may still be on its way to the server."""
_BEFORE = 100
"""Entries before a position that are read, too: what another node delivers late may stand there, or what was
published again in an outage."""


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
        self._received: dict[Identity, tuple[Offset, int]] = {}
        self._oldest: Offset | None = None
        self._own: set[int] = set()
        self._own_numbers: dict[int, int] = {}
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

    def had(self, identity: Identity, position: Position) -> bool:
        node, numbered, number = identity
        if node == self._node:
            own = number if numbered else self._own_numbers.get(number)
            return own is not None and own <= position.own
        place = self._received.get(identity)
        return place is not None and place <= position.received

    async def check(self) -> None:
        if not await execute(self._client, "EXISTS", self._keys.log(self._node)):
            raise LogLostError

    async def _read_before(self, start: Offset) -> None:
        """Note what had been delivered at a position."""
        stream = self._keys.stream(self._node)
        page = await execute(self._client, "XREVRANGE", stream, f"({start}", "-", "COUNT", _BEFORE)
        for stored_at, fields in reversed(page):
            for entry in entries_of(stored_at, fields, own=True):
                self._note_received(entry, read_message(entry.payload))

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
        while not self._own_is_whole and min(self._own, default=start + 1) > max(
            start - _BEFORE, 0
        ):
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
            message = read_message(entry.payload)
            is_new = self._note_own(entry, message) if own else self._note_received(entry, message)
            if is_new and message is not None:
                identities = tuple(_identities(entry, message))
                self._index.add(Logged(entry.offset, entry.index, own, identities, message))
        return entry.offset

    def _note_own(self, entry: Entry, message: Loggable | None) -> bool:
        """Return False for what has no number, or was published again, as there was no reply."""
        number = None if message is None else message.number
        if number is None or number in self._own:
            return False
        self._own.add(number)
        self._own_numbers[entry.sequence] = number
        return True

    def _note_received(self, entry: Entry, message: Loggable | None) -> bool:
        """Return False for what was published again, as there was no reply."""
        identities = _identities(entry, message)
        if any(each in self._received for each in identities):
            return False
        place = entry.offset, entry.index
        self._received.update(dict.fromkeys(identities, place))
        return True


def _identities(entry: Entry, message: Loggable | None) -> list[Identity]:
    """Return what a message is known by; one without a sequence number is known by nothing."""
    found = [(entry.node_id, False, entry.sequence)] if entry.sequence else []
    if message is not None and message.number is not None:
        found.append((entry.node_id, True, message.number))
    return found
