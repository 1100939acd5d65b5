"""From a URL to a link: where the server is, and how long it may take."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from app.sessions.redis_cluster import ClusterLink
from app.sessions.redis_link import Commands, RedisLink

TIMEOUT = 0.9
"""Seconds that a command may take, connecting included."""

_CONNECT_TIMEOUT = 0.5
_SENTINEL_TIMEOUT = 0.25
"""Less than a command's: a Sentinel that hangs must leave time to ask the next."""


def connect(url: str, *, timeout: float = TIMEOUT) -> Commands:
    """Make a link from a URL; connects at the first command.

    One server: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py reads them. Sentinel:
    `redis+sentinel://[user:password@]host:port,host:port/service[/db]`. Cluster:
    `redis+cluster://[user:password@]host:port,host:port`. Both also with `rediss+`. The user and
    password are the servers'; for Sentinels of their own add `?sentinel_username=…` and
    `&sentinel_password=…`. With `wait_replicas=1` a write is acknowledged when a replica has it, so
    that a failover loses none. Raises ValueError for anything else.
    """
    kind = url.partition("://")[0]
    match kind:
        case "redis+sentinel" | "rediss+sentinel":
            return _sentinel(url, timeout)
        case "redis+cluster" | "rediss+cluster":
            return _cluster(url, timeout)
    pool = ConnectionPool.from_url(url, **_options(timeout))
    return RedisLink(pool.make_connection, timeout=timeout)


def _options(timeout: float) -> dict[str, Any]:
    return {
        "protocol": 2,
        "socket_connect_timeout": _CONNECT_TIMEOUT,
        "socket_timeout": timeout,
        # The library's own retries would send a write twice; the caller knows what may be repeated.
        "retry": Retry(NoBackoff(), 0),
    }


def _sentinel(url: str, timeout: float) -> RedisLink:
    parts = urlsplit(url)
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("a Sentinel URL ends in /service: redis+sentinel://host:26379/mymaster")
    query = parse_qs(parts.query)
    sentinel_options = _options(_SENTINEL_TIMEOUT) | {
        "socket_connect_timeout": _SENTINEL_TIMEOUT,
        "username": query.get("sentinel_username", [None])[0],
        "password": query.get("sentinel_password", [None])[0],
    }
    sentinel = Sentinel(  # type: ignore[no-untyped-call] # it has no types
        _hosts(url, 26379), sentinel_kwargs=sentinel_options
    )
    pool = SentinelConnectionPool(  # type: ignore[no-untyped-call] # it has no types
        service,
        sentinel,
        ssl=url.startswith("rediss"),
        db=int(db or 0),
        **_credentials(url),
        **_options(timeout),
    )
    replicas = int(query.get("wait_replicas", ["0"])[0])
    return RedisLink(pool.make_connection, timeout=timeout, replicas=replicas)


def _cluster(url: str, timeout: float) -> ClusterLink:
    credentials = _credentials(url)
    tls = url.startswith("rediss")
    kind: type[Connection] = SSLConnection if tls else Connection

    def new_link(host: str, port: int) -> RedisLink:
        options = credentials | _options(timeout)
        return RedisLink(lambda: kind(host=host, port=port, **options), timeout=timeout)

    nodes = [ClusterNode(host, port) for host, port in _hosts(url, 6379)]
    cluster = RedisCluster(
        startup_nodes=nodes,
        ssl=tls,
        protocol=2,
        socket_timeout=_CONNECT_TIMEOUT,
        socket_connect_timeout=_CONNECT_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        **credentials,
    )
    return ClusterLink(cluster, new_link, timeout=timeout)


def _hosts(url: str, default_port: int) -> list[tuple[str, int]]:
    """Read `host:port,host:port`, which no URL library does."""
    hosts = urlsplit(url).netloc.rpartition("@")[2]
    found = []
    for each in hosts.split(","):
        parts = urlsplit(f"//{each}")
        if not parts.hostname:
            raise ValueError(f"no host in {each!r}; write host:port,host:port")
        found.append((parts.hostname, parts.port or default_port))
    return found


def _credentials(url: str) -> dict[str, Any]:
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    named = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in named.items() if value}
