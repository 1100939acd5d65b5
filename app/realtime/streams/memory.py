"""Streams within one process, for the memory store."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import dropwhile, islice

from ...asgi.errors import TooManyStreamsError
from ..targets import Target
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

_START = ""
"""The reader that each stream begins with."""


@dataclass(slots=True)
class _Place:
    """Where a reader was last, and until when it is waited for."""

    position: int
    until: float


@dataclass(slots=True)
class _Stream:
    event: str
    lease_until: float
    kept_until: float
    state: State = State.OPEN
    end: int = 0
    size: int = 0
    kept: int = 0
    chunks: deque[KeptChunk] = field(default_factory=deque)
    live: dict[str, _Place] = field(default_factory=dict)
    left: dict[str, _Place] = field(default_factory=dict)

    def ahead(self, now: float) -> int:
        """Return the bytes that the slowest reader has not read."""
        for places in (self.live, self.left):
            for each in [name for name, place in places.items() if place.until <= now]:
                del places[each]
        waited_for = self.live or self.left
        return self.size - min((each.position for each in waited_for.values()), default=self.size)

    def add(self, chunk: Chunk, keep: int) -> None:
        """Append a chunk, and drop the oldest ones if more than so many bytes are kept."""
        self.end = chunk.end
        self.size += len(chunk.body)
        self.kept += len(chunk.body)
        self.chunks.append(KeptChunk(chunk, self.size))
        while self.kept - len(self.chunks[0].chunk.body) >= keep:
            self.kept -= len(self.chunks.popleft().chunk.body)


class MemoryStreamLog(StreamLog):
    """Keeps streams in this process.

    Args:
        limits: what is kept.
        clock: returns seconds of a clock that never goes back.
    """

    def __init__(
        self, limits: StreamLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits or StreamLimits()
        self._clock = clock
        self._streams: dict[Target, dict[StreamName, _Stream]] = {}
        self._clean_at = 0.0

    async def open(self, name: StreamName, event: str) -> bool:
        now = self._clock()
        self._clean(now)
        streams = self._alive(name.to, now)
        if name in streams:
            return False
        if len(streams) >= self._limits.streams:
            raise TooManyStreamsError(self._limits.streams, self._limits.keep)
        stream = _Stream(event, now + self._limits.lease, now + self._limits.keep)
        stream.left[_START] = _Place(0, now + self._limits.hold)
        self._streams[name.to] = streams | {name: stream}
        return True

    async def append(self, name: StreamName, chunk: Chunk) -> Progress:
        stream = self._find(name)
        if stream is not None and stream.state is State.OPEN:
            if stream.end < chunk.start:
                return Progress(State.GONE)
            if stream.end == chunk.start:
                stream.add(chunk, self._limits.bytes)
                stream.state = State.ENDED if chunk.last else State.OPEN
                stream.kept_until = self._clock() + self._limits.keep
        return await self.renew(name)

    async def renew(self, name: StreamName) -> Progress:
        stream, now = self._find(name), self._clock()
        if stream is None:
            return Progress(State.GONE)
        if stream.state is State.OPEN:
            stream.lease_until = now + self._limits.lease
            stream.kept_until = now + self._limits.keep
        return Progress(stream.state, stream.ahead(now))

    async def abandon(self, name: StreamName, chunk: Chunk) -> bool:
        stream, now = self._find(name), self._clock()
        if stream is None or stream.state is not State.OPEN or stream.lease_until > now:
            return False
        if stream.end != chunk.start:
            return False
        stream.add(chunk, self._limits.bytes)
        stream.state = State.ABANDONED
        stream.kept_until = now + self._limits.keep
        return True

    async def discard(self, name: StreamName) -> None:
        streams = self._streams.get(name.to, {})
        streams.pop(name, None)
        if not streams:
            self._streams.pop(name.to, None)

    async def find(self, to: Target, namespace: str) -> list[str]:
        found = self._alive(to, self._clock())
        return [each.id for each in found if each.namespace == namespace]

    async def read(self, name: StreamName, reader: Reader, count: int) -> Reading:
        stream, now = self._find(name), self._clock()
        if stream is None:
            return Reading(State.GONE, [])
        following = dropwhile(lambda kept: _is_read(kept.chunk, reader.offset), stream.chunks)
        chunks = list(islice(following, count))
        position = reader.position
        if position is None:
            position = chunks[0].position - len(chunks[0].chunk.body) if chunks else stream.size
        stream.live[reader.id] = _Place(position, now + self._limits.hold)
        for each in (reader.id, _START):
            stream.left.pop(each, None)
        overdue = stream.state is State.OPEN and stream.lease_until <= now
        return Reading(stream.state, chunks, position, overdue, stream.event)

    async def leave(self, name: StreamName, reader: Reader) -> None:
        stream = self._find(name)
        place = None if stream is None else stream.live.pop(reader.id, None)
        if stream is not None and place is not None:
            position = place.position if reader.position is None else reader.position
            stream.left[reader.id] = _Place(position, self._clock() + self._limits.hold)

    def _find(self, name: StreamName) -> _Stream | None:
        stream = self._streams.get(name.to, {}).get(name)
        return stream if stream is not None and stream.kept_until > self._clock() else None

    def _alive(self, to: Target, now: float) -> dict[StreamName, _Stream]:
        streams = self._streams.get(to, {})
        return {name: each for name, each in streams.items() if each.kept_until > now}

    def _clean(self, now: float) -> None:
        """Forget what is kept no longer, now and then: it goes through all."""
        if now >= self._clean_at:
            self._clean_at = now + self._limits.keep / 10
            alive = [(to, self._alive(to, now)) for to in self._streams]
            self._streams = {to: streams for to, streams in alive if streams}


def _is_read(chunk: Chunk, offset: int) -> bool:
    return chunk.end <= offset and not chunk.last
