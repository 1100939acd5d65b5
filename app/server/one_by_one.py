"""uvicorn's HTTP protocol, of whose requests those are kept that wait for the one before, and few of them."""

import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..aio.budget import Budget
from ..asgi.limits import PIPELINED_BYTES
from ..asgi.refusals import Refusal, refused
from .half_closed import HalfClosableResponse

_EMPTY_LINES = re.compile(rb"[\r\n]+")
_HEAD_END = b"\r\n\r\n"
_BODY_PIECE = 1_024
"""Of a body so much is parsed at least at once, whatever is in it."""

_pipelined = Budget(PIPELINED_BYTES)


class OneByOneProtocol(HttpToolsProtocol):
    """Parse a request when those before it on its connection have been answered.

    Requests are answered also when the client has closed its side of the connection behind them.
    """

    response_class: type[HalfClosableResponse] = HalfClosableResponse
    _response: HalfClosableResponse | None = None
    """The one that was started last: requests behind it wait."""

    _rest = b""
    """What has been received and not parsed: requests behind one that is being served."""

    _is_last_request = False
    """Nothing more is read: the client has sent too many requests at once."""

    _piece = b""
    _amid_request = _is_half_closed = False
    _former_cycle: Any = None
    """That of the request before the one that is being received."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End with a connection."""
        self._former_cycle = self._response = None
        self._release()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._amid_request = True
        self._former_cycle = self.cycle

    def on_message_complete(self) -> None:
        """Handle the end of a request."""
        super().on_message_complete()
        self._amid_request = False

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        if self._rest or self._is_last_request:
            self._keep(data)
            return
        start = self._begin_of_piece(data, 0)
        end = self._end_of_piece(data, start)
        if start == 0 and end == len(data):
            self._receive_piece(data)
        else:
            self._receive_pieces(data, start, end)

    def _begin_of_piece(self, data: bytes, start: int) -> int:
        """Return where the next request goes on, or begins: behind empty lines (RFC 9112, 2.2).

        Each two of them look like the end of a head, and an idle connection stays open for any.
        """
        if self._amid_request:
            return start
        found = _EMPTY_LINES.match(data, start)
        return start if found is None else found.end()

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Return up to where data may be parsed at once: the end of the first head."""
        found = data.find(_HEAD_END, start + (_BODY_PIECE if self._amid_request else 0))
        return len(data) if found < 0 else found + len(_HEAD_END)

    def _receive_pieces(self, data: bytes, start: int, end: int) -> None:
        """Parse data up to the end of a request; keep the others until that has been answered.

        A read may hold thousands of requests, for each of which uvicorn makes what it takes to serve it.
        """
        while start < len(data) and not self._is_over():
            if not self._amid_request and self._is_busy():
                self._keep(data[start:])
                return
            self._receive_piece(data[start:end])
            start = self._begin_of_piece(data, end)
            end = self._end_of_piece(data, start)

    def _is_busy(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _has_to_answer(self) -> bool:
        """Return True if there is a request that has come whole, and has no response yet."""
        is_whole = not self._amid_request or self.cycle is self._former_cycle
        return bool(self._rest or self.pipeline or (is_whole and self._is_busy()))

    def _is_over(self) -> bool:
        """Return True if the connection is closing, or has become a WebSocket."""
        parser: Any = self.parser
        return parser is None or self.transport.is_closing()

    def _keep(self, data: bytes) -> None:
        """Keep requests for later. Too many of an address are dropped, as whoever pipelines must expect.

        RFC 9112, 9.3.2: requests that the connection was closed on are to be sent again.
        """
        self.flow.pause_reading()
        if self._is_last_request:
            return
        if _pipelined.take(self._address(), len(data)):
            self._rest += data
            return
        refused(Refusal.TOO_MANY_PIPELINED_REQUESTS)
        self._is_last_request = True
        self._release()
        cycle: Any = self.cycle
        cycle.keep_alive = False

    def _release(self) -> bytes:
        """Return what was kept, and keep nothing."""
        rest, self._rest = self._rest, b""
        if rest:
            _pipelined.give(self._address(), len(rest))
        return rest

    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _receive_rest(self) -> None:
        rest = self._release()
        if rest and not self._is_over():
            self.flow.resume_reading()
            self.data_received(rest)
            if self._is_half_closed and not self._is_over():
                self.eof_received()

    def _receive_piece(self, data: bytes) -> None:
        self._piece = data
        super().data_received(data)
        self._piece = b""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = self.response_class  # the library has no place for a class of one's own
        self._response = response = cast("HalfClosableResponse", cycle)
        if self._is_half_closed:
            response.half_close()
        super()._start_asgi_task(cycle, app)

    def eof_received(self) -> bool | None:  # type: ignore[override] # as asyncio has it
        """Answer what has come whole: a client that sends no more may read on.

        One that has left sends the same. The app is notified, and may be waiting for that, as a poll is.
        """
        self._is_half_closed = True
        response = self._response
        if (
            response is None
            or not self._has_to_answer()
            or self.transport.get_extra_info("ssl_object")  # TLS has no half-closed connections
        ):
            self.transport.close()
            return None
        response.half_close()
        return True
