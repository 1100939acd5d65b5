"""uvicorn's HTTP protocol, which takes no handshake for what it is not, and waits for no client for ever."""

import asyncio
import sys
from functools import partial
from typing import Any

from httptools import HttpParserUpgrade

from ..asgi.limits import STALLED_BYTES, STALLED_SECONDS
from ..asgi.problems import Problem
from ..asgi.refusals import Refusal, refused
from .body_parser import body_field, body_parser
from .lossy_transport import LossyTransport
from .one_by_one import OneByOneProtocol
from .progress_timer import ProgressTimer, sent_so_far

_SLOW_REQUEST = Problem(
    408,
    "slow-body",
    "The request has not come whole",
    f"Of a request at least {STALLED_BYTES} bytes have to come in {STALLED_SECONDS:.0f} seconds.",
    headers={"connection": "close"},
)


class PlainHttpProtocol(OneByOneProtocol):
    """Serve HTTP without fast paths.

    A request for any other upgrade is served as if it asked for none (RFC 9110, 7.8). uvicorn takes
    one for a handshake that is no GET, and `websockets` then answers in plain text, or, if the
    request has a body, not at all.

    uvicorn waits for ever for a client that does not go on with its request, or does not read a response.
    """

    stall_seconds = STALLED_SECONDS
    _request_timer: ProgressTimer | None = None
    _unread_timer: ProgressTimer | None = None
    _received = 0
    _upgrades: bool | None = None
    """Whether the request that is being received is a handshake; None if nobody has asked yet."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Begin with a connection."""
        super().connection_made(LossyTransport(transport))
        self._expect_request()

    def _expect_request(self) -> None:
        """Close the connection if no request begins, as if it were idle after one."""
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End with a connection."""
        self._stop_timers()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection to the WebSocket protocol, which is notified of its end."""
        self._stop_timers()
        super().handle_websocket_upgrade()

    def _stop_timers(self) -> None:
        """Stop the timers and forget them: they hold this object, and this them."""
        for timer in (self._request_timer, self._unread_timer):
            if timer is not None:
                timer.stop()
        self._request_timer = self._unread_timer = None

    def _receive_piece(self, data: bytes) -> None:
        super()._receive_piece(data)
        if self._amid_request and not self._is_over():
            self._received += len(data)
            if self._request_timer is None:
                self._request_timer = ProgressTimer(
                    self.stall_seconds, self._received_so_far, self._refuse_slow_request
                )
            self._request_timer.start()

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._upgrades = None
        if self._request_timer is not None:
            self._request_timer.forgive()

    def on_message_complete(self) -> None:
        """Handle the end of a request."""
        if self.parser.should_upgrade() and not self._should_upgrade() and body_field(self.headers):
            return  # its body follows: see _unsupported_upgrade_warning
        super().on_message_complete()
        cycle: Any = self.cycle
        if cycle is not None and cycle.response_complete and cycle is not self._former_cycle:
            self._expect_request()  # it was answered before it was read

    def pause_writing(self) -> None:
        """Pause the app's writes, as the client reads no more than it has to yet."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """Resume the app's writes."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.forgive()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        super().on_response_complete()
        self._after_response()

    def _after_response(self) -> None:
        if self._is_half_closed and not self._has_to_answer():
            self._close_when_read()
        elif self.transport.is_closing():
            self._watch_unread()
        elif self._rest:
            self.flow.pause_reading()
            self.loop.call_soon(self._receive_rest)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection."""
        if not self.transport.is_closing():
            self._close_when_read()

    def _close_when_read(self) -> None:
        """Close the connection when its client has all, for which it is not waited for ever."""
        self.transport.close()
        self._watch_unread()

    def _received_so_far(self) -> int | None:
        """Return how much has come, None if no more is waited for."""
        if not self._amid_request or self.transport.is_closing():
            return None
        if self._request_timer is not None and self._is_app_slow():
            self._request_timer.forgive()
        return self._received

    def _is_app_slow(self) -> bool:
        """Return True if the client cannot or need not send more before the app has gone on."""
        cycle: Any = self.cycle
        if self.flow.read_paused or cycle is None or cycle.response_complete:
            return self.flow.read_paused
        return cycle is self._former_cycle or bool(cycle.waiting_for_100_continue)

    def _refuse_slow_request(self) -> None:
        _SLOW_REQUEST.note()
        cycle: Any = self.cycle
        has_head = cycle is not None and cycle is not self._former_cycle
        if not has_head or not cycle.response_started:
            self.transport.write(_as_http(_SLOW_REQUEST))
        if has_head:
            cycle.disconnected = True  # for the app, which may wait for the rest
            cycle.message_event.set()
        self._close_when_read()

    def _watch_unread(self) -> None:
        if self._unread_timer is None:
            self._unread_timer = ProgressTimer(
                self.stall_seconds, partial(sent_so_far, self.transport), self._abort_unread
            )
        self._unread_timer.start()

    def _abort_unread(self) -> None:
        refused(Refusal.UNREAD_RESPONSE, unsent_bytes=self.transport.get_write_buffer_size())
        self.transport.abort()

    def _should_upgrade(self) -> bool:
        """Return True for a handshake; found once, when all headers are there, as uvicorn asks four times."""
        if self._upgrades is None:
            self._upgrades = self.scope["method"] == "GET" and super()._should_upgrade()
        return self._upgrades

    def _unsupported_upgrade_warning(self) -> None:
        """Go on behind the head, and log nothing: who would rather speak HTTP/2 asks for it at first.

        The parser takes what follows for the other protocol's, and has ended the request.
        """
        upgrade = sys.exc_info()[1]
        assert isinstance(upgrade, HttpParserUpgrade)  # noqa: S101 - where this is called
        field = body_field(self.headers)
        if field is not None:
            self.parser = body_parser(field, self)
        rest = self._piece[upgrade.args[0] :]
        if rest:
            self._receive_piece(rest)


def _as_http(problem: Problem) -> bytes:
    """Return a whole response with a problem document."""
    body = problem.body()
    fields = {**problem.response_headers(), "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {problem.status} {problem.title}\r\n{lines}\r\n".encode() + body
