"""Replies that came in one piece: the library reads each by five calls, as if it had to be waited for."""

from collections.abc import Iterator
from typing import Any

from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError


def parsed_replies(connection: AbstractConnection) -> Iterator[Any]:
    """Yield the replies that have arrived, errors among them, until one is incomplete.

    Raises:
        RedisConnectionError: the server has sent what it closes a connection with.
    """
    parser: Any = connection._parser  # noqa: SLF001 - it has no way to read without a wait
    read = parser._reader.gets  # noqa: SLF001 - as above
    while (reply := read(False)) is not NOT_ENOUGH_DATA:
        if isinstance(reply, RedisConnectionError):
            raise reply
        yield reply
