"""uvicorn's WebSocket protocol, which reads no more than it can hand on.

uvicorn parses all that a read brings, in one turn of the event loop: a quarter of a megabyte may be forty
thousand frames. Here they are read one by one, a few in a turn, and no bytes are read while the app is
behind. What comes from a client that only keeps the server busy ends the connection.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode
from websockets.protocol import State

from ..aio.allowance import Allowance
from ..aio.slots import Slots
from ..asgi.limits import (
    FRAMES_PER_TURN,
    IDLE_PACKETS,
    IDLE_PACKETS_SECONDS,
    LARGE_MESSAGE_BYTES,
    LARGE_MESSAGES,
    LAST_BYTES_SECONDS,
    STALLED_SECONDS,
    TINY_FRAGMENT_BYTES,
)
from ..asgi.refusals import Refusal, refused
from .findable_websocket_protocol import FindableWebSocketProtocol
from .progress_timer import ProgressTimer, sent_so_far
from .websocket_frames import end_of, is_idle

CLOSE_SECONDS = 0.5
"""How long a client may take to answer a Close frame before the connection is closed; some never do."""

_MAX_HEAD_BYTES = 14
_MAX_LAST_FRAMES = 10_000
"""Read of a connection that is lost: what a client sent right before it closed counts."""

_large = Slots(LARGE_MESSAGES)


class PacedWebSocketProtocol(FindableWebSocketProtocol):
    """Serve one WebSocket whose frames are read one by one."""

    _rest: bytes | bytearray | None = None
    """Bytes that have been received and not read: part of a frame, or frames for which there was no time."""

    _read_up_to = 0
    _scheduled = _over = _holds_place = _awaits_place = _was_taken = False
    _idle: Allowance | None = None
    _address = ""
    stall_seconds = STALLED_SECONDS
    _unread_timer: ProgressTimer | None = None

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        if self._rest is None and self.handshake_complete and end_of(data, 0) == len(data):
            self._receive_one(data)
        elif not getattr(self, "handshake_initiated", True):
            super().data_received(data)
        elif not self._over:
            self._append(data)
            if not self._scheduled:
                self._read()

    def _receive_one(self, data: bytes) -> None:
        """Handle the common case, one whole frame."""
        end = len(data)
        if not self._over and (
            not is_idle(data, 0, end, TINY_FRAGMENT_BYTES) or self._may_be_idle()
        ):
            self._take(data, 0, end)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on what came before the end, and then the end."""
        self.read_paused = True  # nobody may ask the transport for anything any more
        if self._rest is not None:
            self._read_last()
        self._over, self._rest, self._scheduled = True, None, False
        self._give_place()
        if self._unread_timer is not None:
            self._unread_timer.stop()
            self._unread_timer = None
        super().connection_lost(exc)

    def _read_last(self) -> None:
        with suppress(RuntimeError):  # as what is written to it now does
            for _ in range(_MAX_LAST_FRAMES):
                if not self._read_frame():
                    break

    def pause_writing(self) -> None:
        """Make the app wait, as the client reads no more than it has to yet; but not for ever."""
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = ProgressTimer(
                self.stall_seconds, partial(sent_so_far, self.transport), self._abort_unread
            )
        self._unread_timer.start()

    def resume_writing(self) -> None:
        """Resume the app's writes."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.stop()

    def _abort_unread(self) -> None:
        refused(Refusal.SLOW_CLIENT, unsent_bytes=self.transport.get_write_buffer_size())
        self.transport.abort()

    def shutdown(self) -> None:
        """Close the connection because the server stops."""
        if self._over:
            self.transport.close()
        else:
            super().shutdown()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Close the connection for good: one that is closed waits for its client to read all."""
        super().on_task_complete(task)
        if not self.disconnected and not self._has_sent_all():
            self.loop.call_later(LAST_BYTES_SECONDS, self._abort)

    def _has_sent_all(self) -> bool:
        """Return True if the connection is closed, and there is nothing that it waits for."""
        return self.transport.is_closing() and not self.transport.get_write_buffer_size()

    def _abort(self) -> None:
        if not self.disconnected:
            self.transport.abort()

    async def send(self, message: Any) -> None:
        """Send an ASGI event of the app."""
        if message["type"] == "websocket.accept":
            self._note_address()
        await super().send(message)
        if message["type"] != "websocket.send":
            self._read_on()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client does not read; the RFC lets one go that is followed by others."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set() and not self.transport.is_closing():
            self.transport.write(pong)

    def _note_address(self) -> None:
        """Remember who it is, as trusted proxies say, before the scope is dropped."""
        client = self.scope.get("client")
        self._address = client[0] if client else ""

    def _append(self, data: bytes) -> None:
        """Keep bytes; one frame that is being received is not copied for each piece that comes."""
        if self._rest is None:
            self._rest = data
        elif isinstance(self._rest, bytearray) and not self._read_up_to:
            self._rest += data
        else:
            self._rest = bytearray(self._rest[self._read_up_to :]) + data
            self._read_up_to = 0

    def _read(self, most: int = FRAMES_PER_TURN) -> None:
        """Read frames that are whole; see to it that the others are read in another turn."""
        for _ in range(most):
            if not self._read_frame():
                break
        self._tidy_up()
        if self._over:
            self._rest = None
        elif self._rest is not None:
            self._wait_for_rest(self._rest)

    def _read_frame(self) -> bool:
        """Read the next frame if it is there, and return whether it was."""
        data, start = self._rest, self._read_up_to
        if data is None or self._over or not self.handshake_complete:
            return False
        end = end_of(data, start)
        if end is None or end > len(data):
            return False
        self._read_up_to = end
        if not is_idle(data, start, end, TINY_FRAGMENT_BYTES) or self._may_be_idle():
            self._take(data, start, end)
        return True

    def _tidy_up(self) -> None:
        if self._rest is not None and self._read_up_to >= len(self._rest):
            self._rest, self._read_up_to = None, 0

    def _wait_for_rest(self, rest: bytes | bytearray) -> None:
        """Go on when the app has taken what was read, when a whole frame has come, or in the next turn."""
        end = end_of(rest, self._read_up_to) if self.handshake_complete else 0
        if end is None:
            return
        if end > len(rest):
            begun = rest[self._read_up_to :] if self._read_up_to else rest
            self._wait_for_frame(begun, end - self._read_up_to)
            return
        self._pause()
        if self.handshake_complete and (self.queue.empty() or self.close_sent):
            self._schedule()

    def _wait_for_frame(self, begun: bytes | bytearray, length: int) -> None:
        """Wait for the end of a frame; have the library refuse one that is too long."""
        self._rest, self._read_up_to = None, 0
        if length > self.config.ws_max_size + _MAX_HEAD_BYTES:
            self._give_library(begun)
            return
        self._rest = begun if isinstance(begun, bytearray) else bytearray(begun)
        if length > LARGE_MESSAGE_BYTES:
            self._want_place()

    def _take(self, data: bytes | bytearray, start: int, end: int) -> None:
        """Handle a whole frame."""
        self._give_library(data[start:end])
        if not self._over and (self.conn.current_size or 0) > LARGE_MESSAGE_BYTES:
            self._want_place()

    def _give_library(self, data: bytes | bytearray) -> None:
        """Pass data on to the library, which may close the connection over them."""
        super().data_received(bytes(data))
        self._over = self.transport.is_closing()
        if len(data) > LARGE_MESSAGE_BYTES:
            self._forget_frame()

    def _forget_frame(self) -> None:
        """Begin the library's parser anew: until the next frame has come, it keeps the last one."""
        if self.conn.state is State.OPEN and self.conn.parser_exc is None:
            self.conn.parser = self.conn.parse()
            next(self.conn.parser)

    def _may_be_idle(self) -> bool:
        """Return True, or close the connection of a client that only keeps the server busy."""
        if self._idle is None:
            self._idle = Allowance(IDLE_PACKETS, IDLE_PACKETS_SECONDS)
        if self._idle.spend(self.loop.time()) or self.close_sent:
            return True
        refused(Refusal.TOO_MANY_IDLE_PACKETS)
        self._close_with(CloseCode.POLICY_VIOLATION, "too many control frames")
        return False

    def _close_with(self, code: int, reason: str) -> None:
        """Close the connection; read on for a while, so that the client receives why."""
        with suppress(InvalidState):
            self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._over = self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._read_on()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def _want_place(self) -> None:
        """Read on with a large message only while few others of this address are received."""
        if self._holds_place or self._awaits_place:
            return
        if _large.take(self._address, self._place_granted):
            self._holds_place = True
        else:
            self._awaits_place = True
            self._pause()

    def _place_granted(self) -> None:
        self._awaits_place, self._holds_place = False, True
        self._schedule()

    def _give_place(self) -> None:
        if self._awaits_place:
            self._awaits_place = False
            _large.forget(self._address, self._place_granted)
        if self._holds_place:
            self._holds_place = self._was_taken = False
            _large.give(self._address)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if not self._scheduled:  # the connection has been lost
            return
        self._scheduled = False
        self._read()
        if not self._scheduled and self.queue.empty():
            self._read_on()

    def _pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        """Read on, first what has been received already."""
        if self._rest is not None and not self._over and not self._scheduled:
            end = end_of(self._rest, self._read_up_to)
            if end is not None and end <= len(self._rest):
                self._schedule()
                return
        if self.read_paused and not self._awaits_place:
            self.read_paused = False
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """Return the next ASGI event."""
        return await self.next()

    async def next(self) -> Any:
        """Return what comes next; the app is done with what it was given before."""
        self.begin_wait()
        item = await self.queue.get()
        self.end_wait()
        return item

    def begin_wait(self) -> None:
        """Note that the app is done with what it was given before, and waits for more of the queue."""
        if self._was_taken:
            self._give_place()

    def end_wait(self) -> None:
        """Note that the app has taken something from the queue."""
        self._was_taken = self._holds_place
        if self.queue.empty():
            self._read_on()
