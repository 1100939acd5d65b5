"""Streams on a Redis server, for readers of all nodes."""

from typing import Any

from ...asgi.errors import TooManyStreamsError
from ...redis.client import Argument, RedisClient
from ..bus.redis import execute
from ..targets import Target
from . import redis_scripts as scripts
from .log import (
    Chunk,
    KeptChunk,
    Progress,
    Reader,
    Reading,
    State,
    StreamLimits,
    StreamLog,
    StreamName,
)


class RedisStreamLog(StreamLog):
    """A hash and a Redis Stream for each stream, which expire by themselves.

    On a Cluster all of one session or user are in one slot.

    Args:
        client: used for commands; not closed by this.
        prefix: with which all keys begin.
        limits: what is kept.
    """

    def __init__(
        self, client: RedisClient, prefix: str = "mooring", limits: StreamLimits | None = None
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._limits = limits or StreamLimits()
        self._lease = _ms(self._limits.lease)
        self._hold = _ms(self._limits.hold)
        self._keep = _ms(self._limits.keep)

    async def open(self, name: StreamName, event: str) -> bool:
        most = self._limits.streams
        times = self._lease, self._keep, self._hold
        reply = await self._run(scripts.OPEN, name, _member(name), *times, most, event)
        if reply == b"full":
            raise TooManyStreamsError(most, self._limits.keep)
        return bool(reply == b"opened")

    async def append(self, name: StreamName, chunk: Chunk) -> Progress:
        return _progress(
            await self._run(
                scripts.APPEND,
                name,
                *(_member(name), self._lease, self._keep),
                *(chunk.start, chunk.end, chunk.body, int(chunk.last), self._limits.bytes),
            )
        )

    async def renew(self, name: StreamName) -> Progress:
        reply = await self._run(scripts.RENEW, name, _member(name), self._lease, self._keep)
        return _progress(reply)

    async def abandon(self, name: StreamName, chunk: Chunk) -> bool:
        return bool(
            await self._run(
                scripts.ABANDON,
                name,
                *(_member(name), self._keep, chunk.end, chunk.body, self._limits.bytes),
            )
        )

    async def discard(self, name: StreamName) -> None:
        await self._run(scripts.DISCARD, name, _member(name))

    async def find(self, to: Target, namespace: str) -> list[str]:
        found = await execute(self._client, "EVAL", scripts.FIND, 1, self._index(to))
        members = [each.decode().partition(" ") for each in found]
        return [id_ for id_, _, of in members if of == namespace]

    async def read(self, name: StreamName, reader: Reader, count: int) -> Reading:
        position = "" if reader.position is None else reader.position
        state, *rest = await self._run(
            scripts.READ, name, reader.id, reader.offset, position, count, self._hold
        )
        if not rest:
            return Reading(State.GONE, [])
        reached, overdue, event, found = rest
        chunks = [_chunk(*each) for each in found]
        return Reading(State(state.decode()), chunks, int(reached), bool(overdue), event.decode())

    async def leave(self, name: StreamName, reader: Reader) -> None:
        position = "" if reader.position is None else reader.position
        await self._run(scripts.LEAVE, name, reader.id, position, self._hold)

    async def _run(self, script: str, name: StreamName, *arguments: Argument) -> Any:
        index = self._index(name.to)
        stream = f"{index}:{name.id} {name.namespace}"
        return await execute(
            self._client, "EVAL", script, 3, stream, f"{stream}:chunks", index, *arguments
        )

    def _index(self, to: Target) -> str:
        return f"{self._prefix}:streams:{{{to.space}-{to.name}}}"


def _member(name: StreamName) -> str:
    return f"{name.id} {name.namespace}"


def _progress(reply: list[Any]) -> Progress:
    state, ahead = reply
    return Progress(State(state.decode()), ahead)


def _chunk(id_: bytes, fields: list[bytes]) -> KeptChunk:
    end, last = id_.split(b"-")
    _, start, _, position, _, body = fields
    return KeptChunk(Chunk(int(start), int(end), body, last == b"1"), int(position))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
