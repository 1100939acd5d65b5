"""Sends Socket.IO packets to the sockets of this node."""

from collections.abc import Callable, Iterable
from typing import Any

from socketio import packet

from .codec import Encoded, LibraryCodec
from .engineio.server import EngineServer
from .held_packets import HeldPackets
from .session_sockets import Member


class PacketSender:
    """Queues packets for sockets; never waits for their clients.

    What is sent to a socket that has just been closed is dropped. What is sent to one whose connect is
    under way follows the answer to it. While `is_stopped()` nothing is sent: see StopDetector.
    """

    def __init__(self, engine: EngineServer, codec: LibraryCodec) -> None:
        self.engine = engine
        self.codec = codec
        self.held = HeldPackets()
        self.is_stopped: Callable[[], bool] = bool
        self.just_checked = False
        """Whether `is_stopped` was called in this turn of the event loop: what is sent leaves at its end."""

    def send_event(self, members: Iterable[Member], name: str, *arguments: Any) -> None:
        """Send an event to sockets of one namespace."""
        encoded: Encoded | None = None
        for member in members:
            if encoded is None:
                encoded = self.codec.encode_event(name, *arguments, namespace=member.namespace)
            self.deliver(member, encoded)

    def deliver(self, member: Member, encoded: Encoded, *, volatile: bool = False) -> None:
        """Send a packet to a socket; with `volatile` not if its client does not keep up."""
        if member.held is not None:
            if not volatile:
                member.held.append(encoded)
        elif not volatile or self._keeps_up(member.connection.eio_sid):
            self.send_encoded(member.connection.eio_sid, encoded)

    def greet(self, member: Member) -> None:
        """Answer the CONNECT of a socket, also while this node is stopped, and send what was held until then.

        Held, the answer would follow what `send_last` sends, or never come.
        """
        eio_sid = member.connection.eio_sid
        answer = {"sid": member.sid}
        if member.recovery is not None:
            answer |= member.recovery.answer
        self.send_now(eio_sid, self.codec.encode_connect(answer, member.namespace))
        held, member.held = member.held, None
        for encoded in held or ():
            self.send_encoded(eio_sid, encoded)

    def send_ack(self, eio_sid: str, number: int, answer: Any, namespace: str = "/") -> None:
        """Acknowledge an event."""
        self.send_encoded(eio_sid, self.codec.encode_ack(number, answer, namespace))

    def send(self, eio_sid: str, pkt: packet.Packet) -> None:
        """Send any packet, with its attachments."""
        self.send_encoded(eio_sid, self.codec.encode(pkt))

    def send_encoded(self, eio_sid: str, encoded: Encoded) -> None:
        """Send a packet that is encoded already."""
        if not self.just_checked and self.is_stopped():
            self.held.hold(eio_sid, encoded)
        else:
            self.send_now(eio_sid, encoded)

    def send_last(self, member: Member, name: str, *arguments: Any, disconnects: bool) -> None:
        """Send the last event that a socket gets, also while this node is stopped.

        Its transport is to be closed in the same turn of the event loop, which drops what is held for it.
        With `disconnects` a DISCONNECT packet follows, after which a client does not reconnect.
        """
        eio_sid, namespace = member.connection.eio_sid, member.namespace
        self.send_now(eio_sid, self.codec.encode_event(name, *arguments, namespace=namespace))
        if disconnects:
            left = packet.Packet(packet.DISCONNECT, namespace=namespace)
            self.send_now(eio_sid, self.codec.encode(left))

    def send_now(self, eio_sid: str, encoded: Encoded) -> None:
        """Send a packet that is encoded already, stopped or not."""
        socket = self.engine.sockets.get(eio_sid)
        if socket is not None:
            for part in encoded:
                socket.send_nowait(part)

    def release(self) -> None:
        """Send what was held during a stop."""
        for eio_sid in self.held.release(self.send_encoded):
            self.engine.run(self.close(eio_sid, comes_back=True))

    def unsent_bytes(self, member: Member) -> int:
        """Return how much of what was sent to a socket its client has not read; 0 if it has left."""
        socket = self.engine.sockets.get(member.connection.eio_sid)
        return 0 if socket is None else socket.unsent_bytes

    async def close(self, eio_sid: str, *, comes_back: bool = False) -> None:
        """Close a socket's transport; with `comes_back` so that its client reconnects, whichever it is."""
        socket = self.engine.sockets.get(eio_sid)
        if socket is not None:
            await socket.close(comes_back=comes_back)

    def _keeps_up(self, eio_sid: str) -> bool:
        socket = self.engine.sockets.get(eio_sid)
        return socket is not None and socket.keeps_up
