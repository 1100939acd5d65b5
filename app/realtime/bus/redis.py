"""The bus as Redis Streams: a common one, and one for each node."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from ...redis.client import Argument, RedisClient
from ...redis.errors import RedisClientError
from ...redis.probe import probe
from ..redis_keys import RedisKeys
from .base import (
    MAXLEN,
    START,
    Batch,
    Bus,
    BusUnavailableError,
    Entry,
    Offset,
    SequencedMessage,
)
from .merge import Stored, cut, merged, offset_of
from .redis_append import ClusterAppender, StreamAppender, fields_of

WAIT = 1.0
"""Seconds that a read waits for a message; the reader's client must wait longer for a reply."""

_WAIT_ON_CLUSTER = 0.55
"""A stream that moves to another server does not wake those who wait for it at the one it leaves."""

_CHECK_SECONDS = 0.5
"""How often a read checks whether its stream is still there: FLUSHALL cuts no connection."""

_ENTRIES_PER_READ = 500
_MAX_DIGITS = 18
_FIRST = (SequencedMessage(0, b""),)
"""What a node's stream begins with. Nodes pass over what they have published themselves."""

_NEEDED = (
    *("XADD KEY NOMKSTREAM * o n", "XTRIM KEY MAXLEN 1"),
    *("XLEN KEY", "XRANGE KEY - + COUNT 1", "XREVRANGE KEY + - COUNT 1"),
)


class RedisBus(Bus):
    """Publishes through `client`, which it shares, and reads through `reader`, which it owns.

    Ends of sessions are on the common stream, and what nodes of earlier versions publish. All else is
    addressed: to nodes that have sockets for it, by their own streams (see RedisPresence for who has).

    A read that waits blocks its connection, so it has one of its own. After a connection was lost,
    reading goes on after the last offset; if there is no entry there any more, the stream was trimmed
    past it or is another one (a server that restarted empty or was flushed, a replica that had not got
    everything). Of such a one all is read that may be new.

    Args:
        client: used for publishing; not closed by this.
        reader: used for reading, with a timeout above WAIT; closed by `aclose`.
        prefix: see RedisKeys.
        maxlen: entries that a stream keeps at least.
    """

    def __init__(
        self,
        client: RedisClient,
        reader: RedisClient,
        *,
        prefix: str = "mooring",
        maxlen: int = MAXLEN,
    ) -> None:
        self._client = client
        self._reader = reader
        self._keys = RedisKeys(prefix)
        self._stream = self._keys.bus
        self._maxlen = maxlen
        self._entries_per_read = min(_ENTRIES_PER_READ, maxlen)
        kind = ClusterAppender if client.is_cluster else StreamAppender
        self._appender = kind(
            client, self._keys, maxlen=maxlen, kept_when_full=self._entries_per_read
        )
        self._opened: set[str] = set()
        self._may_have_gap = True
        self._checked_at = 0.0
        self._wait_ms = int(1000 * (_WAIT_ON_CLUSTER if client.is_cluster else WAIT))

    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        try:
            await self._appender.append(node_id, SequencedMessage(sequence, payload))
        except RedisClientError as error:
            raise _unavailable(error) from error

    async def publish_all(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[SequencedMessage]:
        """Send them all in one write, several in one entry."""
        failed = await self._appender.append_all(node_id, messages)
        self.last_error = self._appender.last_error if failed else None
        return failed

    async def open(self, node: str) -> Offset:
        """Make the node's stream, which shows that it has one, with an entry to read on from."""
        own = self._keys.stream(node)
        first = await execute(self._client, "XADD", own, "*", *fields_of(node, _FIRST))
        self._opened.add(node)
        if self.keeps_log:
            log = self._keys.log(node)
            await execute(self._client, "XADD", log, "*", *fields_of(node, _FIRST))
        return (await self.tail())._replace(own=offset_of(first))

    async def ping(self) -> None:
        """Run each command that the bus needs on its stream; none of them changes anything."""
        stream = self._stream
        await asyncio.gather(
            execute(self._client, *probe(f"{stream}:ready", *_NEEDED)),
            execute(self._client, *probe(f"{self._keys.streams}ready", *_NEEDED)),
            execute(self._client, "XREAD", "COUNT", 1, "STREAMS", stream, "$"),
        )

    async def tail(self) -> Offset:
        return await self._tail(self._stream)

    async def _tail(self, stream: str) -> Offset:
        last = await execute(self._reader, "XREVRANGE", stream, "+", "-", "COUNT", 1)
        return offset_of(last[0][0]) if last else START

    async def read(self, after: Offset) -> Batch:
        return await self._read({self._stream: after}, "")

    async def read_addressed(self, node: str, after: Offset) -> Batch:
        """Read both streams at once: what one lacks of a reply, was appended after it. See `merge`."""
        common = after._replace(own=None)
        return await self._read(
            {self._keys.stream(node): after.own or START, self._stream: common}, node
        )

    async def aclose(self) -> None:
        """Close the reader; the streams of nodes go with their nodes."""
        opened, self._opened = self._opened, set()
        with suppress(BusUnavailableError):
            for node in () if self.stays else opened:
                await execute(self._client, "DEL", self._keys.stream(node))
                if self.keeps_log:
                    await execute(self._client, "DEL", self._keys.log(node))
        await self._reader.aclose()

    async def _read(self, after: dict[str, Offset], node: str) -> Batch:
        """Check for a gap only where there can be one: after a fault, behind a full read, now and then.

        Trimming leaves at least `maxlen` entries, so a read past what was trimmed is a full one.
        """
        if not await self._reach(self._unsure(after)):
            return await self._gap(after)
        self._may_have_gap = True
        found = await self._xread(after)
        full = {stream: after[stream] for stream in found if self._is_full(found[stream])}
        if full and not await self._reach(full):
            return await self._gap(after)
        self._may_have_gap = False
        return self._batch(after, found, set(full), node)

    def _unsure(self, after: dict[str, Offset]) -> dict[str, Offset]:
        """Return what is to be checked before a read: what one server may have lost, it lost at once."""
        now = time.monotonic()
        if self._may_have_gap or not self._reader.connected:
            self._checked_at = now
            return after
        if now - self._checked_at < _CHECK_SECONDS:
            return {}
        self._checked_at = now
        return dict(islice(after.items(), 1))

    def _batch(
        self, after: dict[str, Offset], found: dict[str, list[Stored]], full: set[str], node: str
    ) -> Batch:
        common = found.pop(self._stream, [])
        own = next(iter(found.values()), [])
        if full and own and common:
            is_full = self._stream in full
            own, common = cut(own, common, more_own=len(full) > is_full, more_common=is_full)
        entries = [
            entry
            for is_own, stored in merged(own, common)
            for entry in self._entries(*stored, node, own=is_own)
        ]
        own_before = next((each for name, each in after.items() if name != self._stream), None)
        last = offset_of(common[-1][0]) if common else after[self._stream]
        return Batch(entries, last._replace(own=offset_of(own[-1][0]) if own else own_before))

    def _entries(
        self, stored_at: bytes, fields: list[bytes], node: str, *, own: bool
    ) -> Iterable[Entry]:
        """Return the messages of an entry, none of a copy that is for other nodes."""
        if node and fields[:1] == [b"a"]:
            if node not in fields[1].decode(errors="replace").split():
                return ()
            self._may_have_gap = True  # this node's stream was not there
        return entries_of(stored_at, fields, own=own)

    def _is_full(self, stored: list[Stored]) -> bool:
        return len(stored) == self._entries_per_read

    async def _xread(self, after: dict[str, Offset]) -> dict[str, list[Stored]]:
        found = await execute(
            self._reader,
            *("XREAD", "COUNT", self._entries_per_read, "BLOCK", self._wait_ms),
            *("STREAMS", *after, *map(str, after.values())),
        )
        return {name.decode(): stored for name, stored in found or ()}

    async def _reach(self, after: dict[str, Offset]) -> bool:
        """Return True if the streams have everything that came after their offsets."""
        return all([await self._reaches(*each) for each in after.items()])

    async def _reaches(self, stream: str, after: Offset) -> bool:
        if after == START:
            return bool(await execute(self._reader, "XLEN", stream) < self._maxlen)
        return bool(await execute(self._reader, "XRANGE", stream, str(after), str(after)))

    async def _gap(self, after: dict[str, Offset]) -> Batch:
        offsets = {stream: await self._resume(stream, offset) for stream, offset in after.items()}
        common = offsets.pop(self._stream)
        own = next(iter(offsets.values()), None)
        return Batch([], common._replace(own=own), gap=True)

    async def _resume(self, stream: str, after: Offset) -> Offset:
        """Return where to read on behind a gap: at what is left of what was read.

        A stream of which nothing is left has begun anew, and is read from its start, or has been trimmed.
        """
        left = await execute(self._reader, "XREVRANGE", stream, str(after), "-", "COUNT", 1)
        if left:
            return offset_of(left[0][0])
        if await execute(self._reader, "XLEN", stream) < self._maxlen:
            return START
        return await self._tail(stream)


async def execute(client: RedisClient, *arguments: Argument) -> Any:
    """Return the reply to a command; raise BusUnavailableError if there is none, or an error."""
    try:
        return await client.execute(*arguments)
    except RedisClientError as error:
        raise _unavailable(error) from error


def _unavailable(error: RedisClientError) -> BusUnavailableError:
    return BusUnavailableError(f"bus unavailable: {error}")


def entries_of(stored_at: bytes, fields: list[bytes], *, own: bool = False) -> Iterable[Entry]:
    """Return the messages of a stored entry; for one without any, a message that does not parse.

    Those of the log of one node, `own`, are numbered.
    """
    offset = offset_of(stored_at)
    node_id, sequence, payload = "", 0, None
    index, step = (0, 1) if own else (-1, 0)
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if name == b"o":
            node_id = value.decode(errors="replace")
        elif name == b"n":
            sequence = int(value) if value.isdigit() and len(value) <= _MAX_DIGITS else 0
        elif name == b"m":
            payload = value
            yield Entry(offset, node_id, sequence, payload, index)
            index += step
    if payload is None:
        yield Entry(offset, node_id, sequence, b"", index)
