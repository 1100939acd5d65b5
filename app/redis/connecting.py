"""Opening and dropping a connection of redis-py's."""

import asyncio
from collections.abc import Callable

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import TimeoutError as RedisTimeoutError

from .stall_grace import STALL_SECONDS


async def connect_patiently(new_connection: Callable[[], AbstractConnection]) -> AbstractConnection:
    """Return an open connection; try twice where this process did nothing when the time ran out.

    The server may have accepted it long ago. Nothing was sent by then but the greeting.
    """
    loop = asyncio.get_running_loop()
    connection = new_connection()
    began = loop.time()
    try:
        return await _opened(connection)
    except RedisTimeoutError:
        limit = getattr(connection, "socket_connect_timeout", None)
        if limit is None or loop.time() - began <= limit + STALL_SECONDS:
            raise
    return await _opened(new_connection())


async def _opened(connection: AbstractConnection) -> AbstractConnection:
    try:
        await connection.connect()  # type: ignore[no-untyped-call] # it has no types
    except BaseException:
        await abort(connection)
        raise
    return connection


async def abort(connection: AbstractConnection) -> None:
    """Close a connection without waiting for its server, which TLS would do even when it is cancelled."""
    writer = connection._writer  # noqa: SLF001 - its disconnect() only closes
    if writer is not None:
        writer.transport.abort()
    await connection.disconnect(nowait=True)
