"""Large packets and those with attachments: kept as they come, and decoded one at a time, in their turn."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from socketio import packet

from ..aio.byte_gate import ByteGate
from ..aio.growing_gate import GrowingGate
from ..aio.serial_executor import SerialExecutor
from ..asgi.limits import ATTACHED_BYTES, DECODED_BYTES, DECODED_SECONDS, LARGE_EVENT_BYTES
from ..asgi.refusals import Refusal, refused
from .arriving import Incomplete, decoded_bytes, put_in_place
from .client_packets import check_packet
from .engineio.payload import MALFORMED
from .sender import PacketSender

Handle = Callable[[str, packet.Packet, float], Awaitable[None]]
"""Handles a packet of a connection, with the time when it was complete."""

_MAY_BE_LARGE = ("2", "3", "5", "6")
"""Events and acks; what connects or disconnects has no use for so much."""


class _Large(NamedTuple):
    """A packet that is decoded in its turn: its text, and its attachments."""

    parts: list[Any]
    weight: int
    received_at: float
    decoded: asyncio.Future[None]

    def note_decoded(self) -> None:
        """Drop the text, and have the socket send more. May be called twice."""
        self.parts.clear()
        if not self.decoded.done():
            self.decoded.set_result(None)


class LargePackets:
    """The large packets of all connections of a node, within what they may take together.

    Args:
        sender: decodes packets, and closes connections that send what is none.
        executor: gives each connection's packets their turns.
        timeout: seconds for the attachments of a packet to come.
        handle: awaited with a packet, in its turn.

    Attributes:
        incomplete: the packet that lacks attachments, by connection.
    """

    def __init__(
        self, sender: PacketSender, executor: SerialExecutor, timeout: float, handle: Handle
    ) -> None:
        self.incomplete: dict[str, Incomplete] = {}
        self._sender = sender
        self._executor = executor
        self._timeout = timeout
        self._handle = handle
        self._attached = GrowingGate(ATTACHED_BYTES, timeout)
        self._decoded = ByteGate(DECODED_BYTES, DECODED_SECONDS)
        self._decoding = asyncio.Lock()

    async def await_attachments(self, eio_sid: str, text: str, count: int) -> None:
        """Hold a packet until so many attachments have come."""
        if len(text) <= LARGE_EVENT_BYTES:
            check_packet(self._sender.codec.decode(text))
        transport = self._sender.engine.sockets.get(eio_sid)
        incomplete = Incomplete(text, count, transport.address if transport is not None else "")
        self.incomplete[eio_sid] = incomplete
        await self._attached.grow(incomplete.address, incomplete, len(text))
        if self.incomplete.get(eio_sid) is incomplete:  # else it was closed meanwhile
            close = partial(self._close_incomplete, eio_sid, incomplete)
            incomplete.close_after(self._timeout, close)

    async def attach(self, eio_sid: str, incomplete: Incomplete, attachment: bytes) -> None:
        """Take an attachment; if it was the last one, put the packet in its turn."""
        await self._attached.grow(incomplete.address, incomplete, len(attachment))
        if self.incomplete.get(eio_sid) is incomplete and incomplete.add(attachment):
            del self.incomplete[eio_sid]
            incomplete.stop_clock()
            try:
                await self.put(eio_sid, incomplete.take_parts())
            finally:  # not before it was decoded: until then all of it is held
                self._attached.release(incomplete.address, incomplete)

    def drop_incomplete(self, eio_sid: str) -> None:
        """Drop the packet of a connection that lacks attachments, if there is one."""
        incomplete = self.incomplete.pop(eio_sid, None)
        if incomplete is not None:
            incomplete.stop_clock()
            self._attached.release(incomplete.address, incomplete)

    async def put(self, eio_sid: str, parts: list[Any]) -> None:
        """Handle a packet when its turn has come; return when it has been decoded.

        Until then it is kept as it came. Raise ValueError if its type is never large.
        """
        if parts[0][:1] not in _MAY_BE_LARGE:
            raise ValueError("a packet that is too large")
        decoded = asyncio.get_running_loop().create_future()
        large = _Large(parts, decoded_bytes(parts[0]), time.monotonic(), decoded)
        if self._executor.put(eio_sid, partial(self._decode_and_handle, eio_sid, large)):
            await decoded
        else:
            refused(Refusal.TOO_MANY_EVENTS)

    async def _decode_and_handle(self, eio_sid: str, large: _Large) -> None:
        async with self._decoded.hold("", large.weight):
            try:
                async with self._decoding:
                    pkt = await self._decode(large.parts)
            except MALFORMED as error:
                refused(Refusal.BAD_PACKET, reason=type(error).__name__)
                await self._sender.close(eio_sid)
            else:
                large.note_decoded()
                await self._handle(eio_sid, pkt, large.received_at)
            finally:
                large.note_decoded()

    async def _decode(self, parts: list[Any]) -> packet.Packet:
        """Return a packet with its attachments; raise one of MALFORMED for what is none."""
        text, *attachments = parts
        event = self._sender.codec.decode_event(text)
        if event is not None:
            pkt = packet.Packet(packet.EVENT, id=event.ack, namespace=event.namespace)
            pkt.data = event.data  # given with the others, the library would search it for bytes
        else:
            pkt = self._sender.codec.decode(text)
        check_packet(pkt)
        if pkt.attachment_count != len(attachments):
            raise ValueError("another number of attachments than announced")
        if attachments:
            await put_in_place(pkt.data, attachments)
        return pkt

    def _close_incomplete(self, eio_sid: str, incomplete: Incomplete) -> None:
        if self.incomplete.get(eio_sid) is incomplete:
            refused(Refusal.BAD_PACKET, reason="its attachments have not come")
            self.drop_incomplete(eio_sid)
            self._sender.engine.run(self._sender.close(eio_sid))
