"""Engine.IO's sockets, with their ends mended.

python-engineio 4.15.1 leaves some sockets half closed, and some inputs unanswered. What is changed
here reaches past its documented API: the version is pinned, and the tests hold each line of it
with the JavaScript client.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from engineio import async_socket, exceptions, packet, payload

from app.delay import Delay
from app.realtime.frames import AFTER, FRAMES, AsgiFrames, Frames

logger = logging.getLogger(__name__)

MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the libraries raise for bytes that no client should send."""

_EVENT = "42"
"""How a message begins that is an event (Engine.IO: message, Socket.IO: event)."""

_UPGRADE_TIMEOUT = 10.0
_LAST_STEP = 0.5
"""Seconds that an upgrade has left when its socket is closed."""
_FAREWELL = 10.0
"""Seconds that a closed polling client has to fetch its last packets."""
_WRITER_GRACE = 2.0

# The JavaScript client puts everything that waited into one post, up to maxPayload bytes; the
# library's limit of 16 packets would drop such a post and answer 200.
payload.Payload.max_decode_packets = 10_000


MAX_UNSENT = 4_000_000
"""Bytes that may wait for a client to read them."""


class Engine(Protocol):
    """What a socket asks of its server, which keeps it under its id in `sockets` until it ends."""

    sockets: dict[str, "EngineSocket"]
    handlers: dict[str, Callable[..., Awaitable[Any]]]
    max_http_buffer_size: int
    reason: Any
    before_ping: Delay[str]
    before_giving_up: Delay[tuple[str, int]]

    def create_queue(self) -> Any: ...

    def run(self, coroutine: Awaitable[None]) -> None: ...

    async def say_disconnected(self, sid: str, reason: str) -> None: ...


class EngineSocket(async_socket.AsyncSocket):  # type: ignore[misc] # the library has no types
    """One client's connection, on whichever transport it is.

    After `close` it takes in nothing, sends what was queued before, and closes its transport: a
    WebSocket at once, a polling client by the packet that its next poll fetches.
    """

    server: Engine
    sid: str
    connected: bool
    upgrading: bool
    upgraded: bool
    closing: bool
    closed: bool

    def __init__(self, server: Engine, sid: str) -> None:
        super().__init__(server, sid)
        self.last_ping = None  # the library's own check of pings; the server's delays do it
        self._pings = 0
        self._ping_is_out = True
        self._farewell: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._dropped = False
        self._upgrades: set[asyncio.Timeout] = set()
        self._frames: Frames | None = None
        self._writer: asyncio.Task[None] | None = None
        self.owner: str | None = None
        """The key of the session that its handshake had."""

    def schedule_ping(self) -> None:
        """Send a ping after the interval; called at the handshake, and for each pong."""
        if self._ping_is_out:
            self._ping_is_out = False
            self.server.before_ping.put(self.sid)

    async def send(self, pkt: packet.Packet) -> None:
        """Queue a packet; see `post`."""
        self.post(pkt)

    def post(self, pkt: packet.Packet) -> None:
        """Send a packet, or queue it; one for a socket that is being closed is dropped."""
        if self.closing:
            return
        if self._frames is not None and self._writer is None and self._frames.write(pkt.encode()):
            return
        self._unsent += _size(pkt)
        if self._unsent <= MAX_UNSENT:
            self.queue.put_nowait(pkt)
            self._flush()
        elif not self._dropped:
            self._dropped = True
            logger.warning("socket %s does not read; it is dropped", self.sid)
            self.server.run(self._drop())

    async def receive(self, pkt: packet.Packet) -> None:
        """Handle a packet; of a socket that is being closed, only the client's own CLOSE counts."""
        if not self.closing:
            await super().receive(pkt)
        elif pkt.packet_type == packet.CLOSE:
            self._end()

    async def poll(self) -> list[packet.Packet]:
        """Wait for packets to answer a poll with.

        The CLOSE that ends a closed socket goes in an answer of its own: the JavaScript client acts
        on it at once, and on the events that come before it a tick later.
        """
        packets: list[packet.Packet] = await super().poll()
        self._unsent = 0
        if packets and packets[-1].packet_type == packet.CLOSE:
            if len(packets) > 1:
                self.queue.put_nowait(packets.pop())
            else:
                self._end()
        return packets

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Handle a post; a malformed one closes the socket and is answered with 400."""
        try:
            await super().handle_post_request(environ)
        except (*MALFORMED, exceptions.EngineIOError) as error:
            await self._refuse(error)
            # The library has no answer for a socket that is not listed; it takes it off the list.
            self.server.sockets[self.sid] = self
            raise exceptions.EngineIOError(str(error)) from error

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """Tell the handlers, then close the transport. Never waits for the client, whatever `wait` says.

        `abort` means that the client is gone, or said so itself, and gets no CLOSE packet.
        """
        if self.closing or self.closed:
            return
        self.closing = True
        self._hurry_upgrades()
        reason = reason or self.server.reason.SERVER_DISCONNECT
        await self.server.say_disconnected(self.sid, reason)
        if self.upgraded or self.upgrading or abort:
            # On a WebSocket the JavaScript client ignores CLOSE; None makes the writer close it.
            self.queue.put_nowait(None)
            self._flush()
            self._end()
        else:
            self.queue.put_nowait(packet.Packet(packet.CLOSE))
            self._farewell = asyncio.get_running_loop().call_later(_FAREWELL, self._end)

    def _end(self) -> None:
        self.closed = True
        if self._farewell is not None:
            self._farewell.cancel()
        self.server.sockets.pop(self.sid, None)

    def ping(self) -> None:
        """Send a ping, and close if no pong comes."""
        self._pings += 1
        self._ping_is_out = True
        self.post(packet.Packet(packet.PING))
        self.server.before_giving_up.put((self.sid, self._pings))

    def give_up(self, ping: int) -> None:
        """Close, if there is no answer to a ping."""
        if self._ping_is_out and self._pings == ping:
            self.server.run(self.close(reason=self.server.reason.PING_TIMEOUT))

    async def _drop(self) -> None:
        """Close at once and throw away what the client did not fetch."""
        self.queue = self.server.create_queue()
        await self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
        if self._frames is not None:
            self._frames.cut()

    async def _refuse(self, error: Exception) -> None:
        logger.warning("socket %s sent what is no packet (%s)", self.sid, type(error).__name__)
        await self.close(reason=self.server.reason.TRANSPORT_ERROR)

    async def upgrade_websocket(self, environ: dict[str, Any]) -> Any:
        """Accept a WebSocket, and have it served when all that the handshake needed is gone.

        Each layer that a request passes through keeps its frame until it returns; of a socket that
        stays for hours that would be two thirds of its memory.
        """
        if self.upgraded:
            raise OSError("the socket has been upgraded already")
        scope = environ["asgi.scope"]
        ws: Frames = scope.get(FRAMES) or AsgiFrames(environ["asgi.receive"], environ["asgi.send"])
        await environ["asgi.send"]({"type": "websocket.accept"})
        after: list[Callable[[], Awaitable[None]]] | None = scope.get(AFTER)
        if after is None:
            await self._websocket_handler(ws)
        else:
            after.append(partial(self._websocket_handler, ws))
        return ""

    _upgrade_websocket = upgrade_websocket  # by this name the library calls it

    async def _websocket_handler(self, ws: Frames) -> None:
        """Serve a WebSocket from its handshake, or an upgrade to it, to its end."""
        if self.connected and not await self._upgrade(ws):
            await ws.close()
            return
        self.connected = self.upgraded = True
        self.upgrading = False
        self._frames = ws
        if self.closing:  # by what came between the handshake and this
            self.queue.put_nowait(None)
        self._flush()
        try:
            await self._read(ws)
        except OSError:
            self._frames = None  # the client has closed, or we have
        except (*MALFORMED, exceptions.UnknownPacketError) as error:
            await self._refuse(error)
        finally:
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            await self._finish()

    async def _upgrade(self, ws: Frames) -> bool:
        """Have the client prove the WebSocket (Engine.IO v4: probe, answer, upgrade)."""
        patience = asyncio.timeout(_UPGRADE_TIMEOUT)
        self._upgrades.add(patience)
        try:
            async with patience:
                probed = await ws.wait() == "2probe"
                if not probed or self.upgrading or self.upgraded or self.closing:
                    return False
                return await self._take_over(ws)
        except OSError:  # TimeoutError is one
            return False
        finally:
            self._upgrades.discard(patience)

    async def _take_over(self, ws: Frames) -> bool:
        self.upgrading = True  # from here on polls are answered with nothing
        try:
            await ws.send("3probe")
            self.queue.put_nowait(packet.Packet(packet.NOOP))  # lets a waiting poll go
            return bool(await ws.wait() == "5")
        finally:
            self.upgrading = False

    def _hurry_upgrades(self) -> None:
        """Leave a client that is upgrading a moment for its last step: then it gets its last packets."""
        for patience in self._upgrades:
            if not patience.expired():
                patience.reschedule(asyncio.get_running_loop().time() + _LAST_STEP)

    async def _read(self, ws: Frames) -> None:
        limit = self.server.max_http_buffer_size
        on_message = self.server.handlers["message"]
        while True:
            data = await ws.wait()
            if len(data) > limit:
                raise ValueError("the packet is too large")
            if not isinstance(data, str) or data[:2] != _EVENT or self.closing:
                await self.receive(packet.Packet(encoded_packet=data))
            else:  # as the library does it, without its objects
                await on_message(self.sid, data[1:])

    def _flush(self) -> None:
        """Write what waits for a WebSocket; a task writes what it does not take at once."""
        if self._frames is None or self._writer is not None:
            return
        while not self.queue.empty():
            pkt = self.queue.get_nowait()
            if pkt is None or not self._frames.write(pkt.encode()):
                self._writer = asyncio.create_task(self._write(self._frames, pkt))
                return
            self._unsent -= _size(pkt)

    async def _write(self, ws: Frames, pkt: packet.Packet | None) -> None:
        """Write a packet and all that comes to wait behind it; None closes the connection."""
        try:
            while pkt is not None:
                await ws.send(pkt.encode())
                self._unsent -= _size(pkt)
                if self.queue.empty():
                    self._writer = None
                    return
                pkt = self.queue.get_nowait()
        except (OSError, RuntimeError):
            pass  # the connection is gone; the reader sees it, too
        await ws.close()

    async def _finish(self) -> None:
        """Let the writer send what is left, but not for longer than a client that does not read is worth."""
        if self._writer is not None:
            _done, late = await asyncio.wait([self._writer], timeout=_WRITER_GRACE)
            for task in late:
                task.cancel()


def _size(pkt: packet.Packet) -> int:
    """Estimate what a packet takes: its text, and what holds it."""
    return 100 + (len(pkt.data) if isinstance(pkt.data, (str, bytes)) else 0)
