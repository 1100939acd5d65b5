"""How messages are appended to the streams of a Redis server: to the common one, or to those of nodes."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from ...redis.connection import Argument, RedisClient, Reply
from ...redis.errors import RedisClientError, RedisReplyError
from ...redis.scripts import Script
from ..redis_keys import RedisKeys
from .base import EVERY_NODE, OWN_LOG, SequencedMessage

MARK = "+"
"""Begins the name of a node that has been sent to a room, and does not say so itself yet."""

_MARKED_MS = 600_000
"""For so long: a node that has not applied the message by then is dead, and its sockets are gone."""

_LARGEST_WHEN_FULL = 65_536
"""Bytes that are appended to a stream though the server's memory is full: ends of sessions, and more."""
_MESSAGES_PER_ENTRY = 16
"""The server trims by entries, however many messages are in them."""

_APPEND_WHEN_FULL = Script("""
-- ARGV: entries that have to stay, fields. Frees first, as a server whose memory is full refuses what
-- adds to it. A reader for which too much was trimmed gets a full read, and looks for the gap.
local left = math.max(redis.call('XLEN', KEYS[1]) - 2, tonumber(ARGV[1]))
redis.call('XTRIM', KEYS[1], 'MAXLEN', left)
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
""")

_APPEND_ADDRESSED = Script("""
-- KEYS: who has sockets for the address; the common stream; who will have some for what is joined.
-- ARGV: the command that reads KEYS[1], what the nodes' streams begin with, the publisher, entries that
-- stay, how many have to where the memory is full (0: it is not), for how long joining nodes are marked
-- (0: none joins), the publisher's own log (empty: it need not have it), fields. A node without a stream of
-- its own is of an earlier version, or has lost it: the common stream gets a copy, which says for whom.
local function append(stream, ...)
  local left = tonumber(ARGV[5])
  if left > 0 then
    redis.call('XTRIM', stream, 'MAXLEN', math.max(redis.call('XLEN', stream) - 2, left))
  end
  return redis.call('XADD', stream, ...)
end
local nodes, without, marks, id = {}, {}, {}, false
local seen = {[ARGV[3]] = true}
for _, name in ipairs(redis.call(ARGV[1], KEYS[1])) do
  local mark, node = string.match(name, '^(%+?)(.*)$')
  if mark ~= '' then marks[#marks + 1] = name end
  if not seen[node] then
    seen[node] = true
    nodes[#nodes + 1] = node
    local own = append(ARGV[2] .. node, 'NOMKSTREAM', 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 8))
    if own then id = own else without[#without + 1] = node end
  end
end
if #without > 0 then
  local all = table.concat(without, ' ')
  id = append(KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'a', all, unpack(ARGV, 8))
end
if ARGV[7] ~= '' then append(ARGV[7], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 8)) end
if not id then return 0 end
local now = tonumber(string.match(id, '^%d+'))
for _, mark in ipairs(marks) do
  if tonumber(redis.call('HGET', KEYS[1], mark)) < now then redis.call('HDEL', KEYS[1], mark) end
end
local marked = tonumber(ARGV[6])
if marked > 0 then
  for _, node in ipairs(nodes) do
    redis.call('HSET', KEYS[3], '+' .. node, string.format('%.0f', now + marked))
  end
  if redis.call('PTTL', KEYS[3]) < 0 then redis.call('PEXPIRE', KEYS[3], marked) end
end
return #nodes
""")

Pack = list[SequencedMessage]
"""Messages with one address, that share an entry."""


class StreamAppender:
    """Appends to the streams of one server: who is addressed is read in the same step.

    Args:
        client: used for writing.
        keys: names of the streams, and of what says who has sockets.
        maxlen: entries that a stream keeps at least.
        kept_when_full: entries that it keeps where the memory is full.
    """

    def __init__(
        self, client: RedisClient, keys: RedisKeys, *, maxlen: int, kept_when_full: int
    ) -> None:
        self._client = client
        self._keys = keys
        self._maxlen = maxlen
        self._kept_when_full = kept_when_full
        self.last_error: RedisClientError | None = None
        """Why messages could not be appended the last time."""

    async def append_all(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[SequencedMessage]:
        """Append messages in order, all of them in one write; return those that failed."""
        packs = list(packed(messages))
        replies = [self._append(node_id, pack) for pack in packs]
        failed: list[SequencedMessage] = []
        for pack, reply in zip(packs, replies, strict=True):
            try:
                await reply
            except RedisClientError as error:
                if not await self._was_appended_anyway(error, node_id, pack):
                    self.last_error = error
                    failed += pack
        return failed

    async def append(self, node_id: str, message: SequencedMessage) -> None:
        """Append one message to the common stream."""
        try:
            await self._append(node_id, [message])
        except RedisClientError as error:
            if not _is_full(error, [message]):
                raise
            await self._append(node_id, [message], when_full=True)

    async def _was_appended_anyway(self, error: RedisClientError, node_id: str, pack: Pack) -> bool:
        if not _is_full(error, pack):
            return False
        try:
            await self._append(node_id, pack, when_full=True)
        except RedisClientError:
            return False
        return True

    def _append(self, node_id: str, pack: Pack, *, when_full: bool = False) -> Reply:
        fields = fields_of(node_id, pack)
        common, to = self._keys.bus, pack[0].to
        if to is None and when_full:
            script = ("EVAL", _APPEND_WHEN_FULL, 1, common, self._kept_when_full)
            return self._client.execute(*script, *fields)
        if to is None:
            return self._client.execute("XADD", common, "MAXLEN", "~", self._maxlen, "*", *fields)
        joins = pack[0].joins
        log = self._keys.log(node_id) if pack[0].logged else ""
        if to == OWN_LOG:
            limit = ("NOMKSTREAM", "MAXLEN", "~", self._maxlen, "*")
            return self._client.execute("XADD", log, *limit, *fields)
        command, readers = self._readers(to)
        return self._client.execute(
            *("EVAL", _APPEND_ADDRESSED, 3, readers, common, self._keys.sockets(joins or "")),
            *(command, self._keys.streams, node_id, self._maxlen),
            *(self._kept_when_full if when_full else 0, _MARKED_MS if joins else 0, log),
            *fields,
        )

    def _readers(self, to: str) -> tuple[str, str]:
        """Return the command and the key that say which nodes an address has."""
        if to == EVERY_NODE:
            return "SMEMBERS", self._keys.nodes
        return "HKEYS", self._keys.sockets(to)


class ClusterAppender(StreamAppender):
    """The same on a Cluster, where who is addressed is read first: it stands on another server.

    A node that comes in between has no claim to a message whose emit it has crossed.
    """

    async def append_all(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[SequencedMessage]:
        failed: list[SequencedMessage] = []
        for _, packs in groupby(packed(messages), lambda pack: pack[0].joins is not None):
            failed += await self._append_some(node_id, list(packs))
        return failed

    async def _append_some(self, node_id: str, packs: list[Pack]) -> list[SequencedMessage]:
        found = [asyncio.ensure_future(self._nodes(node_id, pack[0])) for pack in packs]
        await asyncio.wait(found)
        replies = [self._append_to(node_id, *each) for each in zip(packs, found, strict=True)]
        done = await asyncio.gather(*replies, return_exceptions=True)
        failed: list[SequencedMessage] = []
        for pack, error in zip(packs, done, strict=True):
            if isinstance(error, RedisClientError):
                self.last_error = error
                full = pack[0].to is None and await self._was_appended_anyway(error, node_id, pack)
                failed += [] if full else pack
            elif isinstance(error, BaseException):
                raise error
        return failed

    async def _nodes(self, node_id: str, message: SequencedMessage) -> list[str]:
        """Return whom a message goes to; those that join by it are marked."""
        if message.to is None or message.to == OWN_LOG:
            return []
        nodes = sorted(await self._found(message.to) - {node_id})
        if message.joins is not None and nodes:
            until = int(time.time() * 1000) + _MARKED_MS
            marks = [word for node in nodes for word in (MARK + node, until)]
            key = self._keys.sockets(message.joins)
            await self._client.execute("EVAL", _MARK, 1, key, _MARKED_MS, *marks)
        return nodes

    async def _found(self, to: str) -> set[str]:
        command, key = self._readers(to)
        if command == "SMEMBERS":
            return {node.decode() for node in await self._client.execute(command, key)}
        found = await self._client.execute("HGETALL", key)
        now = time.time() * 1000
        names = dict(zip((each.decode() for each in found[::2]), found[1::2], strict=True))
        late = [name for name in names if name.startswith(MARK) and int(names[name]) < now]
        if late:
            await self._client.execute("HDEL", key, *late)
        return {name.removeprefix(MARK) for name in names if name not in late}

    def _append_to(
        self, node_id: str, pack: Pack, found: "asyncio.Future[list[str]]"
    ) -> "asyncio.Future[Any]":
        error = found.exception()
        if error is not None:
            failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed
        if pack[0].to is None:
            return self._append(node_id, pack)
        fields = fields_of(node_id, pack)
        limit = ("NOMKSTREAM", "MAXLEN", "~", self._maxlen, "*")
        nodes = found.result()
        streams = [self._keys.stream(node) for node in nodes]
        sent = [self._client.execute("XADD", each, *limit, *fields) for each in streams]
        return asyncio.ensure_future(self._copy(nodes, sent, fields))

    async def _copy(self, nodes: list[str], sent: list[Reply], fields: list[Argument]) -> None:
        """Wait for the replies, and append a copy to the common stream for those without their own."""
        appended = await asyncio.gather(*sent)
        without = [node for node, at in zip(nodes, appended, strict=True) if at is None]
        if without:
            limit = ("MAXLEN", "~", self._maxlen, "*")
            copy = ("XADD", self._keys.bus, *limit, "a", " ".join(without), *fields)
            await self._client.execute(*copy)


_MARK = Script("""
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
""")


def packed(messages: Iterable[SequencedMessage]) -> Iterator[Pack]:
    """Yield messages as they share entries: neighbours with one address, so many at the most."""
    for _, found in groupby(messages, lambda each: (each.to, each.joins, each.logged)):
        pack = list(found)
        for at in range(0, len(pack), _MESSAGES_PER_ENTRY):
            yield pack[at : at + _MESSAGES_PER_ENTRY]


def fields_of(node_id: str, messages: Iterable[SequencedMessage]) -> list[Argument]:
    """Return the fields of an entry: `o`, the node's id; then `n` and `m` for each message."""
    arguments: list[Argument] = ["o", node_id]
    for message in messages:
        arguments += ("n", message.sequence, "m", message.payload)
    return arguments


def _is_full(error: RedisClientError, messages: Iterable[SequencedMessage]) -> bool:
    """Return True if messages were refused as the memory is full, and are small enough to go anyway."""
    if not isinstance(error, RedisReplyError) or "OOM" not in str(error):
        return False
    return sum(len(each.payload) for each in messages) <= _LARGEST_WHEN_FULL
