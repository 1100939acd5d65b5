"""The bus as a Redis Stream."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from ...redis.connection import Argument, RedisClient, Reply
from ...redis.errors import RedisClientError, RedisReplyError
from ...redis.probe import probe
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

WAIT = 1.0
"""Seconds that a read waits for a message; the reader's client must wait longer for a reply."""

_LARGEST_WHEN_FULL = 65_536
"""Bytes that are appended to the stream though the server's memory is full: ends of sessions, and more."""
_ENTRIES_PER_READ = 500
_MAX_DIGITS = 18
_MESSAGES_PER_ENTRY = 16
"""The server trims by entries, however many messages are in them."""

_NEEDED = (
    *("XADD KEY NOMKSTREAM * o n", "XTRIM KEY MAXLEN 1"),
    *("XLEN KEY", "XRANGE KEY - + COUNT 1", "XREVRANGE KEY + - COUNT 1"),
)

_APPEND_WHEN_FULL = """
-- ARGV: entries that have to stay, fields. Frees first, as a server whose memory is full refuses what
-- adds to it. A reader for which too much was trimmed gets a full read, and looks for the gap.
local left = math.max(redis.call('XLEN', KEYS[1]) - 2, tonumber(ARGV[1]))
redis.call('XTRIM', KEYS[1], 'MAXLEN', left)
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
"""

_StoredEntry = tuple[bytes, list[bytes]]
"""An offset, and alternating names and values: `o`, the node's id; then `n` and `m` for each message."""


class RedisBus(Bus):
    """Publishes through `client`, which it shares, and reads through `reader`, which it owns.

    A read that waits blocks its connection, so it has one of its own. After a connection was lost,
    reading goes on after the last offset; if there is no entry there any more, the stream was trimmed
    past it or is another one (a server that restarted empty, a replica that had not got everything).

    Args:
        client: used for publishing; not closed by this.
        reader: used for reading, with a timeout above WAIT; closed by `aclose`.
        prefix: the stream is `<prefix>:bus`.
        maxlen: entries that are kept at least.
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
        self._stream = f"{prefix}:bus"
        self._maxlen = maxlen
        self._entries_per_read = min(_ENTRIES_PER_READ, maxlen)
        self._may_have_gap = True

    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        pack = [SequencedMessage(sequence, payload)]
        try:
            await self._append(node_id, pack)
        except RedisClientError as error:
            if not _is_full(error, pack):
                raise _unavailable(error) from error
            await execute(self._client, *self._append_when_full(node_id, pack))

    async def publish_all(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[SequencedMessage]:
        """Send them all in one write, several in one entry."""
        size = _MESSAGES_PER_ENTRY
        packs = [messages[at : at + size] for at in range(0, len(messages), size)]
        replies = [self._append(node_id, pack) for pack in packs]
        failed: list[SequencedMessage] = []
        for pack, reply in zip(packs, replies, strict=True):
            try:
                await reply
            except RedisClientError as error:
                if not _is_full(error, pack) or not await self._was_appended(node_id, pack):
                    failed += pack
        return failed

    async def ping(self) -> None:
        """Run each command that the bus needs on its stream; none of them changes anything."""
        stream = self._stream
        await asyncio.gather(
            execute(self._client, *probe(f"{stream}:ready", *_NEEDED)),
            execute(self._client, "XREAD", "COUNT", 1, "STREAMS", stream, "$"),
        )

    async def tail(self) -> Offset:
        last = await execute(self._reader, "XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        return _offset(last[0][0]) if last else START

    async def read(self, after: Offset) -> Batch:
        """Check for a gap only where there can be one: after a fault, and behind a full read.

        Trimming leaves at least `maxlen` entries, so a read past what was trimmed is a full one.
        """
        unsure = self._may_have_gap or not self._reader.connected
        if unsure and not await self._reaches(after):
            return await self._gap()
        self._may_have_gap = True
        stored = await self._xread(after)
        if len(stored) == self._entries_per_read and not await self._reaches(after):
            return await self._gap()
        self._may_have_gap = False
        entries = [entry for each in stored for entry in _entries(*each)]
        return Batch(entries, entries[-1].offset if entries else after)

    async def aclose(self) -> None:
        await self._reader.aclose()

    def _append(self, node_id: str, messages: Sequence[SequencedMessage]) -> Reply:
        limit = ("MAXLEN", "~", self._maxlen)
        return self._client.execute("XADD", self._stream, *limit, "*", *_fields(node_id, messages))

    def _append_when_full(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[Argument]:
        fields = _fields(node_id, messages)
        return ["EVAL", _APPEND_WHEN_FULL, 1, self._stream, self._entries_per_read, *fields]

    async def _was_appended(self, node_id: str, messages: Sequence[SequencedMessage]) -> bool:
        try:
            await self._client.execute(*self._append_when_full(node_id, messages))
        except RedisClientError:
            return False
        return True

    async def _xread(self, after: Offset) -> list[_StoredEntry]:
        wait_ms = int(WAIT * 1000)
        found = await execute(
            self._reader,
            *("XREAD", "COUNT", self._entries_per_read, "BLOCK", wait_ms),
            *("STREAMS", self._stream, str(after)),
        )
        return found[0][1] if found else []

    async def _reaches(self, after: Offset) -> bool:
        """Return True if the stream has everything that came after an offset."""
        if after == START:
            return bool(await execute(self._reader, "XLEN", self._stream) < self._maxlen)
        return bool(await execute(self._reader, "XRANGE", self._stream, str(after), str(after)))

    async def _gap(self) -> Batch:
        return Batch([], await self.tail(), gap=True)


async def execute(client: RedisClient, *arguments: Argument) -> Any:
    """Return the reply to a command; raise BusUnavailableError if there is none, or an error."""
    try:
        return await client.execute(*arguments)
    except RedisClientError as error:
        raise _unavailable(error) from error


def _unavailable(error: RedisClientError) -> BusUnavailableError:
    return BusUnavailableError(f"bus unavailable: {error}")


def _is_full(error: RedisClientError, messages: Sequence[SequencedMessage]) -> bool:
    """Return True if messages were refused as the memory is full, and are small enough to go anyway."""
    if not isinstance(error, RedisReplyError) or "OOM" not in str(error):
        return False
    return sum(len(payload) for _, payload in messages) <= _LARGEST_WHEN_FULL


def _fields(node_id: str, messages: Sequence[SequencedMessage]) -> list[Argument]:
    arguments: list[Argument] = ["o", node_id]
    for sequence, payload in messages:
        arguments += ("n", sequence, "m", payload)
    return arguments


def _offset(text: bytes) -> Offset:
    ms, number = text.split(b"-")
    return Offset(int(ms), int(number))


def _entries(stored_at: bytes, fields: list[bytes]) -> Iterable[Entry]:
    """Return the messages of a stored entry; for one without any, a message that does not parse."""
    offset = _offset(stored_at)
    node_id, sequence, payload = "", 0, None
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if name == b"o":
            node_id = value.decode(errors="replace")
        elif name == b"n":
            sequence = int(value) if value.isdigit() and len(value) <= _MAX_DIGITS else 0
        elif name == b"m":
            payload = value
            yield Entry(offset, node_id, sequence, payload)
    if payload is None:
        yield Entry(offset, node_id, sequence, b"")
