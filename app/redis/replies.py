"""Replies as they come: the library reads each by itself, with a time limit of its own and more calls."""

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


async def more_to_parse(connection: AbstractConnection) -> None:
    """Wait until the server has sent more, be it a whole reply or not.

    Raises:
        RedisConnectionError: it has closed the connection.
        OSError: the connection is lost.
    """
    parser: Any = connection._parser  # noqa: SLF001 - as above
    await parser.read_from_socket()
