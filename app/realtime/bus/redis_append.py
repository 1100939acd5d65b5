"""How messages are appended to the streams of a Redis server: to the common one, or to those of nodes."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from ...redis.client import Argument, RedisClient, Reply
from ...redis.errors import RedisClientError, RedisReplyError
from ...redis.scripts import Script
from ..redis_keys import RedisKeys
from .base import EVERY_NODE, SequencedMessage

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
-- adds to it. A reader for which too much was trimmed gets a full read, and finds the gap.
local left = math.max(redis.call('XLEN', KEYS[1]) - 2, tonumber(ARGV[1]))
redis.call('XTRIM', KEYS[1], 'MAXLEN', left)
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
""")

_APPEND_ADDRESSED = Script("""
-- KEYS: the common stream; who has sockets for the address of each entry; who will have some for what is
-- joined by each, if anything is.
-- ARGV: the command that reads who has, what the nodes' streams begin with, the publisher, entries that
-- stay, how many have to where the memory is full (0: it is not), for how long joining nodes are marked
-- (0: none joins), the publisher's own log (empty: it need not have them); for each entry how many messages
-- it has, and their sequences and payloads in turn. A node without a stream of its own is of an earlier
-- version, or has lost it: the common stream gets a copy, which says for whom.
local command, prefix, publisher, stay = unpack(ARGV, 1, 4)
local left, lifetime, log = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local function append(stream, ...)
  if left > 0 then
    redis.call('XTRIM', stream, 'MAXLEN', math.max(redis.call('XLEN', stream) - 2, left))
  end
  return redis.call('XADD', stream, ...)
end
local function fields_of(first, last)
  local fields = {'o', publisher}
  for at = first, last, 2 do
    for _, word in ipairs({'n', ARGV[at], 'm', ARGV[at + 1]}) do fields[#fields + 1] = word end
  end
  return unpack(fields)
end
local function send(readers, joined, first, last)
  local nodes, without, marks, id = {}, {}, {}, false
  local seen = {[publisher] = true}
  for _, name in ipairs(redis.call(command, readers)) do
    local mark, node = string.match(name, '^(%+?)(.*)$')
    if mark ~= '' then marks[#marks + 1] = name end
    if not seen[node] then
      seen[node] = true
      nodes[#nodes + 1] = node
      local own = append(prefix .. node, 'NOMKSTREAM', 'MAXLEN', '~', stay, '*', fields_of(first, last))
      if own then id = own else without[#without + 1] = node end
    end
  end
  if #without > 0 then
    local all = table.concat(without, ' ')
    id = append(KEYS[1], 'MAXLEN', '~', stay, '*', 'a', all, fields_of(first, last))
  end
  if log ~= '' then append(log, 'NOMKSTREAM', 'MAXLEN', '~', stay, '*', fields_of(first, last)) end
  if not id then return end
  local now = tonumber(string.match(id, '^%d+'))
  for _, mark in ipairs(marks) do
    if tonumber(redis.call('HGET', readers, mark)) < now then redis.call('HDEL', readers, mark) end
  end
  if lifetime == 0 then return end
  for _, node in ipairs(nodes) do
    redis.call('HSET', joined, '+' .. node, string.format('%.0f', now + lifetime))
  end
  if redis.call('PTTL', joined) < 0 then redis.call('PEXPIRE', joined, lifetime) end
end
local count = lifetime > 0 and (#KEYS - 1) / 2 or #KEYS - 1
local at = 8
for entry = 1, count do
  local last = at + 2 * ARGV[at]
  send(KEYS[1 + entry], KEYS[1 + entry + count], at + 1, last)
  at = last + 1
end
return count
""")

_ADDRESS = SequencedMessage._fields.index("to")
_ENTRIES_PER_SCRIPT = 16
"""The server does nothing else while a script runs."""

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
        groups = list(grouped(packed(messages)))
        replies = [self._append(node_id, packs) for packs in groups]
        failed: list[SequencedMessage] = []
        for packs, reply in zip(groups, replies, strict=True):
            try:
                await reply
            except RedisClientError as error:
                for pack in packs:
                    if not await self._was_appended_anyway(error, node_id, pack):
                        self.last_error = error
                        failed += pack
        return failed

    async def append(self, node_id: str, message: SequencedMessage) -> None:
        """Append one message to the common stream."""
        try:
            await self._append(node_id, [[message]])
        except RedisClientError as error:
            if not _is_full(error, [message]):
                raise
            await self._append(node_id, [[message]], when_full=True)

    async def _was_appended_anyway(self, error: RedisClientError, node_id: str, pack: Pack) -> bool:
        if not _is_full(error, pack):
            return False
        try:
            await self._append(node_id, [pack], when_full=True)
        except RedisClientError:
            return False
        return True

    def _append(self, node_id: str, packs: Sequence[Pack], *, when_full: bool = False) -> Reply:
        """Append a group, see `grouped`."""
        [pack, *_] = packs
        common = self._keys.bus
        if pack[0].to is not None:
            return self._append_addressed(node_id, packs, when_full=when_full)
        fields = fields_of(node_id, pack)
        if when_full:
            script = ("EVAL", _APPEND_WHEN_FULL, 1, common, self._kept_when_full)
            return self._client.execute(*script, *fields)
        return self._client.execute("XADD", common, "MAXLEN", "~", self._maxlen, "*", *fields)

    def _append_addressed(self, node_id: str, packs: Sequence[Pack], *, when_full: bool) -> Reply:
        first = packs[0][0]
        keys: list[Argument] = [self._keys.bus, *(self._readers(pack[0].to) for pack in packs)]
        if first.joins is not None:
            keys += [self._keys.sockets(pack[0].joins or "") for pack in packs]
        entries: list[Argument] = []
        for pack in packs:
            entries.append(len(pack))
            for message in pack:
                entries += (message.sequence, message.payload)
        return self._client.execute(
            *("EVAL", _APPEND_ADDRESSED, len(keys), *keys),
            *("SMEMBERS" if first.to == EVERY_NODE else "HKEYS", self._keys.streams, node_id),
            *(self._maxlen, self._kept_when_full if when_full else 0),
            *(_MARKED_MS if first.joins else 0, self._keys.log(node_id) if first.logged else ""),
            *entries,
        )

    def _readers(self, to: str | None) -> str:
        """Return the key that says which nodes an address has."""
        return self._keys.nodes if to == EVERY_NODE else self._keys.sockets(to or "")


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
        if message.to is None:
            return []
        nodes = sorted(await self._found(message.to) - {node_id})
        if message.joins is not None and nodes:
            until = int(time.time() * 1000) + _MARKED_MS
            marks = [word for node in nodes for word in (MARK + node, until)]
            key = self._keys.sockets(message.joins)
            await self._client.execute("EVAL", _MARK, 1, key, _MARKED_MS, *marks)
        return nodes

    async def _found(self, to: str) -> set[str]:
        key = self._readers(to)
        if to == EVERY_NODE:
            return {node.decode() for node in await self._client.execute("SMEMBERS", key)}
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
            return self._append(node_id, [pack])
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
    pack: Pack = []
    for message in messages:
        if pack and (message[_ADDRESS:] != pack[0][_ADDRESS:] or len(pack) == _MESSAGES_PER_ENTRY):
            yield pack
            pack = []
        pack.append(message)
    if pack:
        yield pack


def grouped(packs: Iterable[Pack]) -> Iterator[list[Pack]]:
    """Yield packs as they share a command: neighbours that are addressed alike, so many at the most."""
    for (addressed, *_), found in groupby(packs, _kind_of):
        group = list(found)
        size = _ENTRIES_PER_SCRIPT if addressed else 1
        for at in range(0, len(group), size):
            yield group[at : at + size]


def _kind_of(pack: Pack) -> tuple[bool, bool, bool, bool]:
    """Return what packs in one script have in common."""
    first = pack[0]
    every = first.to == EVERY_NODE
    return first.to is not None, every, first.joins is not None, first.logged


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
