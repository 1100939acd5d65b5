"""From a URL to a link: where the server is, and how long it may take."""

from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.sessions.redis_link import RedisLink

TIMEOUT = 0.9
"""Seconds that a command may take, connecting included."""

_CONNECT_TIMEOUT = 0.5


def connect(url: str, *, timeout: float = TIMEOUT) -> RedisLink:
    """Make a link from `redis://`, `rediss://` or `unix://`; connects at the first command.

    Raises ValueError for a URL that is none of these.
    """
    pool = ConnectionPool.from_url(
        url,
        protocol=2,
        socket_connect_timeout=_CONNECT_TIMEOUT,
        socket_timeout=timeout,
        # The library's own retries would send a write twice; the caller knows what may be repeated.
        retry=Retry(NoBackoff(), 0),
    )
    return RedisLink(pool.make_connection, timeout=timeout)
