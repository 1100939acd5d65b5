"""Streams of one node: those that it sends, and those that its sockets read."""

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

from ...aio.tasks import cancel
from ...asgi.errors import ServiceUnavailableError
from ...sessions import EndReason
from ..bus.messages import StreamMessage
from ..errors import INTERNAL_ERROR, ack_of
from ..events import EventRouter
from ..sender import PacketSender
from ..session_sockets import Member
from ..targets import Target
from .audience import Audience
from .log import StreamLog, StreamName
from .producer import Surroundings
from .readers import RETRY_SECONDS, StreamReader
from .sending import send_stream, stream_name

logger = logging.getLogger(__name__)

MembersOf = Callable[[Target, str], Iterable[Member]]
Announce = Callable[[StreamMessage], None]

_AUTH = "streams"
_MOST_OFFSETS = 1000
_MOST_ENDED = 1000
_END_SECONDS = 1.0


class _Readings:
    """What one socket reads."""

    __slots__ = ("ended", "finding", "offsets", "readers")

    def __init__(self, offsets: dict[str, int]) -> None:
        self.offsets = offsets
        self.readers: dict[StreamName, tuple[StreamReader, asyncio.Task[None]]] = {}
        self.ended: dict[StreamName, None] = {}
        self.finding: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Cancel the tasks and forget them: each keeps what it was doing, and so this object."""
        if self.finding is not None:
            self.finding.cancel()
        for _reader, task in self.readers.values():
            task.cancel()
        self.finding = None
        self.readers.clear()

    def note_ended(self, name: StreamName) -> None:
        """Remember that a stream has been sent: a message that speaks of it may come late."""
        self.ended[name] = None
        if len(self.ended) > _MOST_ENDED:
            del self.ended[next(iter(self.ended))]


class NodeStreams:
    """Sends streams, and has the sockets of this node read them.

    Args:
        router: says which events are streams.
        log: keeps them.
        sender: sends to the sockets of this node.
        members_of: returns those of a session or user, in a namespace.
        announce: notifies other nodes that there is more of a stream.
        audience_of: returns what says whether anybody of those that are meant is left.
    """

    def __init__(
        self,
        router: EventRouter,
        log: StreamLog,
        sender: PacketSender,
        members_of: MembersOf,
        announce: Announce,
        audience_of: Callable[[Target], Audience],
    ) -> None:
        self._router = router
        self._log = log
        self._sender = sender
        self._members_of = members_of
        self._announce = announce
        self._readings: dict[Member, _Readings] = {}
        self._sending: set[asyncio.Future[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self.around = Surroundings(log, audience_of, self._notify, _explain)

    async def stream(
        self,
        to: Target,
        event: str,
        source: AsyncIterable[Any],
        *,
        namespace: str,
        id_: str | None,
    ) -> EndReason | None:
        """Send a source; see `Emitter.stream`."""
        declared = self._router.namespaces.get(namespace)
        sent = None if declared is None else declared.sent.get(event)
        if sent is None or sent.item is None:
            raise ValueError(
                f"{event!r} is no stream of {namespace}: sends({event!r}, T, stream=True)"
            )
        name = stream_name(to, namespace, id_)
        ended = asyncio.get_running_loop().create_future()
        self._sending.add(ended)
        try:
            return await send_stream(self.around, name, event, source, sent.item.accept)
        finally:
            self._sending.discard(ended)
            ended.set_result(None)

    def take(self, member: Member, auth: Any) -> Any:
        """Note where a client that connects was, by `auth`; return what is left of that for handlers."""
        events = self._router.namespaces.get(member.namespace)
        if events is None or not events.streams:
            return auth
        said = auth.get(_AUTH) if isinstance(auth, dict) else None
        self._readings[member] = _Readings(_offsets(said))
        if said is None:
            return auth
        return {name: value for name, value in auth.items() if name != _AUTH}

    def begin(self, member: Member) -> None:
        """Send a socket that has connected what there is for it."""
        readings = self._readings.get(member)
        if readings is not None:
            readings.finding = asyncio.create_task(self._find(member, readings))

    def forget(self, member: Member) -> None:
        """Stop sending to a socket that has left."""
        readings = self._readings.pop(member, None)
        if readings is None:
            return
        for reader, _task in readings.readers.values():
            leaving = asyncio.create_task(_leave(reader))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        readings.cancel()

    def receive(self, message: StreamMessage) -> None:
        """Read a stream on for the sockets here that are its readers."""
        to = Target(message.space, message.name)
        name = StreamName(to, message.namespace, message.stream)
        for member in self._members_of(to, message.namespace):
            readings = self._readings.get(member)
            if readings is None or readings.finding is None or name in readings.ended:
                continue
            reading = readings.readers.get(name)
            if reading is None:
                self._start(member, readings, name)
            else:
                reading[0].wake()

    async def end(self) -> None:
        """End the streams that this node sends; readers elsewhere are notified."""
        self.around.closing.set()
        if self._sending:
            await asyncio.wait(self._sending, timeout=_END_SECONDS)

    async def aclose(self) -> None:
        """Stop all that it does. May be called twice."""
        await self.end()
        readings, self._readings = self._readings, {}
        tasks = [task for each in readings.values() for _reader, task in each.readers.values()]
        finding = [each.finding for each in readings.values()]
        await cancel(*tasks, *finding, *self._leaving)

    async def _find(self, member: Member, readings: _Readings) -> None:
        """Start with the streams that there are; those that begin later are announced."""
        targets = [Target("session", member.connection.session_sockets.key)]
        if member.user is not None:
            targets.append(Target("user", member.user))
        for to in targets:
            for id_ in await self._ids(to, member.namespace):
                name = StreamName(to, member.namespace, id_)
                if name not in readings.ended and name not in readings.readers:
                    self._start(member, readings, name)

    async def _ids(self, to: Target, namespace: str) -> list[str]:
        while True:
            try:
                return await self._log.find(to, namespace)
            except ServiceUnavailableError:
                await asyncio.sleep(RETRY_SECONDS)

    def _start(self, member: Member, readings: _Readings, name: StreamName) -> None:
        offset = readings.offsets.get(name.id, 0)
        reader = StreamReader(self._log, self._sender, member, name, offset)
        task = asyncio.create_task(self._run(reader, readings, name))
        readings.readers[name] = reader, task

    async def _run(self, reader: StreamReader, readings: _Readings, name: StreamName) -> None:
        try:
            await reader.run()
        except Exception:
            logger.exception("a stream was not sent to a socket")
        readings.readers.pop(name, None)
        readings.note_ended(name)

    def _notify(self, name: StreamName) -> None:
        message = StreamMessage(
            space=name.to.space, name=name.to.name, namespace=name.namespace, stream=name.id
        )
        self.receive(message)
        self._announce(message)


async def _leave(reader: StreamReader) -> None:
    with suppress(ServiceUnavailableError):
        await reader.leave()


def _offsets(said: Any) -> dict[str, int]:
    """Return the offsets that a client has said, as far as they are any."""
    if not isinstance(said, dict):
        return {}
    newest = islice(reversed(said.items()), _MOST_OFFSETS)  # a page adds streams as they come
    return {id_: offset for id_, offset in newest if type(offset) is int and 0 <= offset < 2**53}


def _explain(error: BaseException) -> dict[str, Any]:
    ack = ack_of(error) if isinstance(error, Exception) else None
    found: dict[str, Any] = (ack or INTERNAL_ERROR)["error"]
    return found
