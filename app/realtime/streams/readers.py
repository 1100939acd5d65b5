"""Sends streams to the sockets of this node, each from where it was, as fast as its client reads."""

import asyncio
from contextlib import suppress
from typing import Any

import orjson

from ...asgi.errors import ServiceUnavailableError
from ..bodies import Body
from ..sender import PacketSender
from ..session_sockets import Member
from .chunks import body_of
from .log import Chunk, KeptChunk, Reader, State, StreamLog, StreamName
from .producer import PRODUCER_GONE

IDLE_SECONDS = 1.0
"""How often a stream is read without a message that there is more."""
RETRY_SECONDS = 0.2
OVERDUE_SECONDS = 2.0
"""How long a producer's lease must be seen to be over: after an outage it needs a moment to renew it."""
DRAIN_SECONDS = 0.01
"""How often the queue of a client that does not keep up is checked: its writer notifies nobody."""
UNSENT_BYTES = 65_536
REPORT_SECONDS = 2.0
_CHUNKS_PER_READ = 8

STREAM_LOST = {"type": "stream-lost", "detail": "What was kept of the stream is lost."}


class StreamReader:
    """Sends one stream to one socket.

    Args:
        log: has the stream.
        sender: sends packets.
        member: the socket.
        name: of the stream.
        offset: the number of the first item that the client lacks.
    """

    def __init__(
        self, log: StreamLog, sender: PacketSender, member: Member, name: StreamName, offset: int
    ) -> None:
        self._log = log
        self._sender = sender
        self._member = member
        self._name = name
        self._reader = Reader(member.sid, offset)
        self._event = ""
        self._overdue_since: float | None = None
        self._more = asyncio.Event()

    def wake(self) -> None:
        """Note that there is more."""
        self._more.set()

    async def run(self) -> None:
        """Return when the client has been sent all, up to the stream's end."""
        while not await self._step():
            pass

    async def leave(self) -> None:
        """Note that the socket has left."""
        await self._log.leave(self._name, self._reader)

    async def _step(self) -> bool:
        """Send what there is; return True if that was all."""
        await self._until_drained()
        self._more.clear()
        try:
            reading = await self._log.read(self._name, self._reader, _CHUNKS_PER_READ)
        except ServiceUnavailableError:
            await asyncio.sleep(RETRY_SECONDS)
            return False
        if reading.state is State.GONE:
            return await self._lose()
        self._event = reading.event
        self._reader = self._reader._replace(position=reading.position)
        until = asyncio.get_running_loop().time() + REPORT_SECONDS
        for kept in reading.chunks:
            await self._until_drained()
            self._send(kept)
            if kept.chunk.last:
                return True
            if asyncio.get_running_loop().time() >= until:
                break  # a read says that the client reads, and how far it has come
        if not reading.chunks:
            if reading.state is not State.OPEN:
                return True  # the client has said that it has more than there is
            await self._wait(overdue=reading.overdue)
        return False

    async def _until_drained(self) -> None:
        """Wait until the client has read most of what it was sent."""
        while not self._is_drained():  # noqa: ASYNC110 - see DRAIN_SECONDS
            await asyncio.sleep(DRAIN_SECONDS)

    def _is_drained(self) -> bool:
        return self._sender.unsent_bytes(self._member) <= UNSENT_BYTES

    def _send(self, kept: KeptChunk) -> None:
        start, end = kept.chunk.start, kept.chunk.end
        if start > self._reader.offset:
            self._say(missed=start - self._reader.offset)
        self._deliver(kept.chunk.body)
        self._reader = self._reader._replace(offset=end, position=kept.position)

    def _say(self, **said: Any) -> None:
        self._deliver(self._body(**said))

    def _body(self, **said: Any) -> bytes:
        argument = {"stream": self._name.id, "offset": self._reader.offset, **said}
        return body_of(self._event, argument)

    def _deliver(self, kept: bytes) -> None:
        body = Body.from_the_bus(orjson.loads(kept))
        self._sender.deliver(
            self._member, self._sender.codec.encode_body(body, self._member.namespace)
        )

    async def _wait(self, *, overdue: bool) -> None:
        """Wait until there may be more; end the stream if its producer has gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._more.wait()
        now = asyncio.get_running_loop().time()
        if not overdue:
            self._overdue_since = None
        elif self._overdue_since is None:
            self._overdue_since = now
        elif now - self._overdue_since >= OVERDUE_SECONDS:
            await self._abandon()

    async def _abandon(self) -> None:
        end = self._reader.offset
        last = Chunk(end, end, self._body(error=PRODUCER_GONE), last=True)
        with suppress(ServiceUnavailableError):
            await self._log.abandon(self._name, last)

    async def _lose(self) -> bool:
        """Report a stream as lost; the end of a session, which ends this wait, is reported otherwise."""
        await asyncio.sleep(IDLE_SECONDS)
        if self._event:
            self._say(error=STREAM_LOST)
        return True
