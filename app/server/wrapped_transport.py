"""A transport around another one."""

import asyncio
from typing import Any


class WrappedTransport(asyncio.Transport):
    """Has everything of the transport within.

    By methods of its own: with `__getattr__` CPython finds each of an object's attributes the slow way.
    """

    __slots__ = ("_transport",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return True if it is closing or closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close when everything is sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set what receives the data."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return what receives the data."""
        return self._transport.get_protocol()

    def is_reading(self) -> bool:
        """Return True if it reads."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is asked to pause."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return when the protocol is asked to go on, and to pause."""
        return self._transport.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the client."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data."""
        self._transport.write(data)

    def can_write_eof(self) -> bool:
        """Return True if `write_eof` can be called."""
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        """Send no more, and read on."""
        self._transport.write_eof()
