"""Replies as they arrive: the library has a task wait for each, by a dozen calls."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError


async def accept_replies(connection: AbstractConnection, accept: Callable[[Any], bool]) -> None:
    """Call `accept` with each reply, errors among them, until it returns False.

    Args:
        connection: an open one, all of whose replies so far have been read.
        accept: handles a reply; what it raises ends this, too.

    Raises:
        RedisConnectionError: the server has closed the connection, or has sent what nobody asked for.
        OSError: the connection is lost.
    """
    if await connection.can_read():
        raise RedisConnectionError("the server has closed the connection, or replied to nothing")
    replies = _Replies(connection, accept)
    writer: Any = connection._writer  # noqa: SLF001 - it has no way to read without a wait
    writer.transport.set_protocol(replies)
    await replies.over


class _Replies(asyncio.Protocol):
    """Receives in place of the library's reader."""

    def __init__(self, connection: AbstractConnection, accept: Callable[[Any], bool]) -> None:
        parser: Any = connection._parser  # noqa: SLF001 - as above
        self._reader = parser._reader  # noqa: SLF001 - as above
        self._accept = accept
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Accept the replies that are whole by now."""
        if self.over.done():
            return
        try:
            self._reader.feed(data)
            for reply in _parsed(self._reader):
                if not self._accept(reply):
                    self._end(None)
                    return
        except Exception as error:  # noqa: BLE001 - who waits for the end handles it
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._end(exc or RedisConnectionError("the server has closed the connection"))

    def _end(self, error: Exception | None) -> None:
        if (
            self.over.done()
        ):  # who waited was cancelled, as a reply to a write of a master no longer has it
            return
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)


def _parsed(reader: Any) -> Iterator[Any]:
    """Yield the replies that have come whole.

    Raises:
        RedisConnectionError: the server has sent what it closes a connection with.
    """
    while (reply := reader.gets(False)) is not NOT_ENOUGH_DATA:
        if isinstance(reply, RedisConnectionError):
            raise reply
        yield reply
