"""One Engine.IO client's connection, over polling, WebSocket, or an upgrade from one to the other."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from enum import StrEnum
from typing import Any, Protocol

from engineio import packet
from starlette.types import Receive

from ...aio.allowance import Allowance
from ...aio.timeout_queue import TimeoutQueue
from ...asgi.limits import FRAMES_PER_TURN, IDLE_PACKETS, IDLE_PACKETS_SECONDS, WORK_SECONDS
from ...asgi.refusals import Refusal, refused
from .owner import Owner
from .payload import PacketError, decode_frame, decode_payload, size_of
from .upgrade import Upgrade
from .websocket import GOING_AWAY, POLICY_VIOLATION, WebSocket
from .writer import PacketWriter

logger = logging.getLogger(__name__)

_MESSAGE = "4"
"""First character of a frame with a message."""
_EVENT = "42"
"""First characters of a frame with an event (Engine.IO: message, Socket.IO: event)."""

POLL_CLOSE_TIMEOUT_SECONDS = 10.0
"""Time for a polling client to fetch its last packets after the socket was closed."""

_PING = packet.Packet(packet.PING)
_NOOP = packet.Packet(packet.NOOP)
_CLOSE = packet.Packet(packet.CLOSE)
_CLOSE_AND_COME_BACK = [_CLOSE, *[_NOOP] * 16]
"""A CLOSE after which python-socketio's client reconnects, too.

It takes a CLOSE for final, but reads no payload of more than 16 packets: that is a lost connection to
it. All other clients stop reading at the CLOSE, and reconnect.
"""


class DisconnectReason(StrEnum):
    """Why a socket was closed, in python-socketio's words."""

    SERVER_DISCONNECT = "server disconnect"
    CLIENT_DISCONNECT = "client disconnect"
    PING_TIMEOUT = "ping timeout"
    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"


class Engine(Protocol):
    """The server of a socket, as far as the socket uses it."""

    sockets: dict[str, "EngineSocket"]
    ping_interval: float
    ping_timeout: float
    max_packet_bytes: int
    max_buffered_bytes: int
    ping_due: TimeoutQueue[str]
    pong_due: TimeoutQueue[tuple[str, int]]

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""

    def forget(self, sid: str) -> None:
        """Take a socket off the lists."""

    def forget_digest(self, sid: str) -> None:
        """Take a socket off the list of those that poll."""

    @property
    def event_handler(self) -> Callable[[str, str, Context], bool] | None:
        """The handler of events that may be handled at once, None if there is none."""

    @property
    def message_handler(self) -> Callable[[str, str | bytes], Awaitable[None]]:
        """The handler of messages."""

    async def handle_message(self, sid: str, data: str | bytes) -> None:
        """Run the handler of messages; log what it raises."""

    async def handle_disconnect(self, sid: str, reason: str) -> None:
        """Handle the end of a socket."""


class EngineSocket(PacketWriter):
    """A socket from its handshake to its end; the server lists it under its `sid` meanwhile.

    After `close` it handles no more packets, sends those that were queued before, and closes its
    transport: a WebSocket at once, a polling client by the CLOSE packet that its next poll fetches.

    Attributes:
        address: of the client, as the request said it.
        owner: decides which requests may use it.
        connected: the handshake is complete.
        upgrading: a WebSocket is about to replace polling.
        upgraded: the transport is a WebSocket.
        closing: the socket was closed; its last packets may still be on their way.
        posting: a post of its client is being received or handled.
    """

    __slots__ = (
        "_awaiting_pong",
        "_close_timer",
        "_handling",
        "_idle",
        "_overflowed",
        "_pings",
        "_poll_ended",
        "_server",
        "_upgrade",
        "_variables",
        "address",
        "closing",
        "connected",
        "owner",
        "posting",
        "sid",
        "upgraded",
        "upgrading",
    )

    def __init__(self, server: Engine, sid: str, address: str = "") -> None:
        super().__init__()
        self._server = server
        self._upgrade: Upgrade | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._awaiting_pong = True
        self._pings = 0
        self._overflowed = self._handling = False
        self._idle: Allowance | None = None
        self._poll_ended: asyncio.Event | None = None
        self._variables: Context | None = None
        self.sid = sid
        self.address = address
        self.owner: Owner | None = None
        self.connected = self.upgrading = self.upgraded = self.closing = self.posting = False

    @property
    def polling(self) -> bool:
        """Return True while a poll waits for a packet."""
        return self._poll_ended is not None

    def send_nowait(self, pkt: packet.Packet) -> None:
        """Send a packet, or queue it; drop it if the socket is closing.

        A client that leaves more than `max_buffered_bytes` unread is disconnected.
        """
        if self.closing:
            return
        websocket = self._websocket
        if (
            websocket is not None
            and self._writing is None
            and websocket.send_nowait(pkt.encode_cache or pkt.encode())
        ):
            return
        if self._unsent_bytes + size_of(pkt) <= self._server.max_buffered_bytes:
            self._enqueue(pkt)
        elif not self._overflowed:
            self._overflowed = True
            refused(Refusal.SLOW_CLIENT, unsent_bytes=self._unsent_bytes)
            self._server.run(self._abort())

    async def receive(self, pkt: packet.Packet) -> None:
        """Handle a packet; on a closing socket only the client's own CLOSE counts.

        Raise PacketError for a type that clients do not send.
        """
        if self.closing:
            if pkt.packet_type == packet.CLOSE:
                self.discard()
            return
        match pkt.packet_type:
            case packet.MESSAGE:
                await self._server.handle_message(self.sid, pkt.data)
            case packet.PONG if self._awaiting_pong:
                self.schedule_ping()
            case packet.CLOSE:
                await self.close(abort=True, reason=DisconnectReason.CLIENT_DISCONNECT)
            case packet.PONG | packet.OPEN | packet.UPGRADE | packet.NOOP:
                self.note_idle()  # they mean nothing here, as in the Node server
            case _:
                raise PacketError("a packet that clients do not send")

    async def receive_payload(self, body: bytes) -> None:
        """Handle the packets of a polling client's POST, up to a malformed one: then raise PacketError."""
        until = time.monotonic() + WORK_SECONDS
        for pkt in decode_payload(body):
            await self.receive(pkt)
            if time.monotonic() >= until:
                await asyncio.sleep(0)
                until = time.monotonic() + WORK_SECONDS

    def note_idle(self) -> None:
        """Count a packet that means nothing; close the socket of a client that sends no end of them."""
        if self._idle is None:
            self._idle = Allowance(IDLE_PACKETS, IDLE_PACKETS_SECONDS)
        if not self._idle.spend(asyncio.get_running_loop().time()) and not self.closing:
            refused(Refusal.TOO_MANY_IDLE_PACKETS)
            reason = DisconnectReason.TRANSPORT_ERROR
            self._server.run(self.close(reason=reason, code=POLICY_VIOLATION))

    async def reject(self, error: PacketError) -> None:
        """Close and discard the socket because its client sent something malformed."""
        refused(Refusal.BAD_PACKET, reason=str(error))
        await self.close(reason=DisconnectReason.TRANSPORT_ERROR)
        self.discard()

    async def first_packets(self) -> list[packet.Packet]:
        """Return the packets to answer a handshake with."""
        return await self._next_packets()

    async def poll(self, receive: Receive) -> list[packet.Packet]:
        """Return the packets to answer a poll with; wait for one if there is none.

        If the client calls the poll off meanwhile, the socket is closed: the answer would be lost.
        Raise TimeoutError after a whole heartbeat without a packet.

        Args:
            receive: returns the ASGI events of the poll.
        """
        if self._queue.empty():
            packets = await self._wait_for_packets(receive)
        else:
            packets = await self._next_packets()
        if packets and packets[0].packet_type == packet.CLOSE:
            self.discard()
        return packets

    async def _wait_for_packets(self, receive: Receive) -> list[packet.Packet]:
        self._poll_ended = ended = asyncio.Event()
        watching = asyncio.get_running_loop().create_task(self._close_if_called_off(receive))
        try:
            async with asyncio.timeout(self._server.ping_interval + self._server.ping_timeout):
                return await self._next_packets()
        finally:
            self._poll_ended = None
            ended.set()
            watching.cancel()

    async def _close_if_called_off(self, receive: Receive) -> None:
        with suppress(Exception):  # what a layer makes of a body, which polls have none of
            while (await receive())["type"] != "http.disconnect":
                pass
        if self.polling:
            self._server.run(self.close(abort=True, reason=DisconnectReason.TRANSPORT_ERROR))

    async def close(
        self,
        *,
        abort: bool = False,
        reason: DisconnectReason = DisconnectReason.SERVER_DISCONNECT,
        code: int = GOING_AWAY,
        comes_back: bool = False,
    ) -> None:
        """Run the disconnect handler, then close the transport. Never wait for the client.

        Args:
            abort: the client has closed the connection, and gets no CLOSE packet.
            reason: for the disconnect handler.
            code: of a WebSocket's close.
            comes_back: every polling client is to reconnect.
        """
        if self.closing:
            return
        self.closing = True
        self._close_code = code
        if self._upgrade is not None:
            self._upgrade.hasten()
        await self._server.handle_disconnect(self.sid, reason)
        if self.upgraded or self.upgrading or abort:
            # The JavaScript client ignores a CLOSE packet on a WebSocket.
            self._end_poll(reason)
            self._finish()
            self.discard()
        else:
            for pkt in _CLOSE_AND_COME_BACK if comes_back else [_CLOSE]:
                self._queue.put_nowait(pkt)
            self._discard_later(reason)

    def _end_poll(self, reason: DisconnectReason) -> None:
        """Answer a poll that waits when its client closes the socket by a post."""
        if reason == DisconnectReason.CLIENT_DISCONNECT:
            self.end_poll()

    def end_poll(self) -> None:
        """Answer a poll that waits, with a packet that means nothing."""
        if self.polling:
            self._queue.put_nowait(_NOOP)

    def _discard_later(self, reason: DisconnectReason) -> None:
        """Keep a socket that the server has closed until its client has fetched the last packets."""
        if reason != DisconnectReason.SERVER_DISCONNECT:
            self.discard()  # a poll that waits has the CLOSE; none is to come any more
            return
        loop = asyncio.get_running_loop()
        self._close_timer = loop.call_later(POLL_CLOSE_TIMEOUT_SECONDS, self.discard)

    def discard(self) -> None:
        """Take a closed socket off the server's list."""
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._server.forget(self.sid)

    def schedule_ping(self) -> None:
        """Schedule the next ping: after the handshake, and after each pong."""
        if self._awaiting_pong:
            self._awaiting_pong = False
            self._server.ping_due.add(self.sid)

    def ping(self) -> None:
        """Send a ping, whose pong is due after the ping timeout."""
        if self.closing:
            return
        self._pings += 1
        self._awaiting_pong = True
        self.send_nowait(_PING)
        self._server.pong_due.add((self.sid, self._pings))

    def check_pong(self, ping: int) -> None:
        """Close the socket if the ping of this number has not been answered.

        While events of its client wait for their handlers, nothing is read: the pong may be behind them.
        """
        if not self._awaiting_pong or self._pings != ping:
            return
        if self._handling or self.posting:
            self._server.pong_due.add((self.sid, ping))
        else:
            self._server.run(self.close(reason=DisconnectReason.PING_TIMEOUT))

    async def serve_websocket(self, ws: WebSocket) -> None:
        """Serve a WebSocket until it is closed, after its handshake or as an upgrade from polling."""
        if self.connected and not await self._is_upgraded_by(ws):
            await ws.close(GOING_AWAY)
            return
        if self.connected:
            self._server.forget_digest(self.sid)
        self.connected = self.upgraded = True
        self._upgrade = None
        self._websocket = ws
        if self.closing:  # since the handshake
            self._queue.put_nowait(None)
        self._flush()
        if self._server.event_handler is not None:
            self._variables = copy_context()
            ws.offer(self._take)
        try:
            await self._read(ws)
        except OSError:
            self._websocket = None  # the connection is closed
        except PacketError as error:
            await self.reject(error)
        finally:
            ws.offer(None)
            await self.close(abort=True, reason=DisconnectReason.TRANSPORT_CLOSE)
            await self._wait_until_written()

    async def _is_upgraded_by(self, ws: WebSocket) -> bool:
        """Return True if the client completes the upgrade (probe, answer, upgrade)."""
        if self._upgrade is None:
            self._upgrade = Upgrade()
        if self._upgrade.under_way or self.upgraded:
            return False
        try:
            async with self._upgrade.time_limit():
                if await ws.wait() != "2probe" or self.closing:
                    return False
                return await self._take_over(ws)
        except (OSError, RuntimeError):  # TimeoutError is an OSError
            return False

    async def _take_over(self, ws: WebSocket) -> bool:
        self.upgrading = True  # polls are answered with NOOP from now on
        try:
            await ws.send("3probe")
            await self._release_poll()
            return await ws.wait() == "5"
        finally:
            self.upgrading = False

    async def _release_poll(self) -> None:
        """Answer a poll that waits already, and see it gone: the WebSocket is to get no NOOP."""
        if self._poll_ended is not None:
            self._queue.put_nowait(_NOOP)
            await self._poll_ended.wait()

    def _take(self, frame: str) -> bool:
        """Handle an event at once, without the task that reads; return False for all else."""
        handler, variables = self._server.event_handler, self._variables
        if frame[:2] != _EVENT or self.closing or handler is None or variables is None:
            return False
        return handler(self.sid, frame[1:], variables)

    async def _read(self, ws: WebSocket) -> None:
        limit = self._server.max_packet_bytes
        handler = self._server.message_handler
        frames = 0
        while True:
            frame = await ws.wait()
            frames += 1
            if frames % FRAMES_PER_TURN == 0:
                await asyncio.sleep(0)
            if len(frame) > limit:
                raise PacketError("the packet is too large")
            self._handling = True
            if not isinstance(frame, str) or frame[:1] != _MESSAGE or self.closing:
                await self.receive(decode_frame(frame))
            else:
                try:  # the common case, without a Packet
                    await handler(self.sid, frame[1:])
                except Exception:
                    logger.exception("message handler failed")
            self._handling = False
            del frame  # it may be large, and the next one long in coming

    async def _abort(self) -> None:
        """Close at once, and drop what the client has not read."""
        self._drop_unsent()
        await self.close(abort=True, reason=DisconnectReason.TRANSPORT_ERROR)
        if self._websocket is not None:
            self._websocket.abort()
