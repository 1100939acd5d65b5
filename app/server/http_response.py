"""uvicorn's response, whose head is put together at once."""

from collections.abc import Awaitable
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from .half_closed import HalfClosableResponse

_LENGTH = b"content-length"
_FOR_THE_LIBRARY = {b"connection", b"transfer-encoding"}
_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-"
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
"""What no field's value may have."""


class FastResponse(HalfClosableResponse):
    """One request and its response.

    uvicorn searches each name and each value for characters that may not be in them, which takes as
    long as a route does. Here all are searched in one go, and a head that is not as usual is left to it.
    """

    def send(self, message: Any) -> Awaitable[None]:  # type: ignore[override] # it returns a coroutine all the same
        """Send one ASGI message."""
        if self.response_started:
            return super().send(message)
        return self._start(message)

    async def _start(self, message: Any) -> None:
        try:
            head = self._head(message)
        except (TypeError, ValueError, KeyError):  # the library says what is wrong with it
            head = None
        if head is None:
            await super().send(message)
            return
        self.response_started = True
        self.waiting_for_100_continue = self.chunked_encoding = False
        self.transport.write(head)

    def _head(self, message: Any) -> bytes | None:
        """Return the head of a response with a length, and note that; None if it is for the library."""
        busy = self.flow.write_paused or self.disconnected or self.access_log
        if busy or not self.keep_alive or message["type"] != "http.response.start":
            return None
        fields = [*self.default_headers, *message.get("headers", ())]
        names, values = zip(*fields, strict=True) if fields else ((), ())
        length_at, text = _length_at(names), b"".join(values)
        if length_at is None or len(text.translate(None, _CONTROLS)) != len(text):
            return None
        self.expected_content_length = int(values[length_at])
        lines = map(b": ".join, fields)
        return b"%b%b\r\n\r\n" % (STATUS_LINE[message["status"]], b"\r\n".join(lines))


@lru_cache(maxsize=500)
def _length_at(names: tuple[bytes, ...]) -> int | None:
    """Return which of a head's fields is its length; None if the head is for the library."""
    usual = names.count(_LENGTH) == 1 and _FOR_THE_LIBRARY.isdisjoint(names)
    return names.index(_LENGTH) if usual and not b"".join(names).translate(None, _PLAIN) else None
