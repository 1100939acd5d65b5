"""From a URL to a link: where the server is, and how long it may take."""

from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.sessions.redis_cluster import ClusterLink
from app.sessions.redis_link import Commands, RedisLink
from app.sessions.redis_sentinel import SentinelLink

Link = TypeVar("Link", bound=RedisLink)

TIMEOUT = 0.9
"""Seconds that a command may take, connecting included."""

_CONNECT_TIMEOUT = 0.5
_DISCOVERY_TIMEOUT = 0.25
"""Less than a command's: a Sentinel, or a node of a Cluster, that hangs must leave time to ask the next."""

_OWN = {"wait_replicas", "sentinel_username", "sentinel_password"}
_TLS = {"ssl_ca_certs", "ssl_certfile", "ssl_cert_reqs", "ssl_check_hostname", "ssl_keyfile"}
_OPTIONS = _OWN | _TLS | {"client_name", "db", "password", "username"}


@dataclass(frozen=True)
class _Address:
    """A URL's parts. `replicas` and `sentinel` are ours, `options` the library's, with their types."""

    url: SplitResult
    tls: bool
    replicas: int
    sentinel: dict[str, str]
    options: dict[str, Any]


def connect(url: str, *, timeout: float = TIMEOUT) -> Commands:
    """Make a link from a URL; connects at the first command.

    One server: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py reads them. Sentinel:
    `redis+sentinel://[user:password@]host:port,host:port/service[/db]`. Cluster:
    `redis+cluster://[user:password@]host:port,host:port`. Both also with `rediss+`, which is TLS
    with servers and Sentinels alike. The user and password are the servers'; for Sentinels of their
    own add `?sentinel_username=…&sentinel_password=…`. With `wait_replicas=1` a write is
    acknowledged when a replica has it. Raises ValueError, which repeats nothing of the URL (there
    may be a password in it), for anything else.
    """
    address = _read(url)
    match address.url.scheme:
        case "redis" | "rediss" | "unix":
            return _one(address, timeout)
        case "redis+sentinel" | "rediss+sentinel":
            return _sentinel(address, timeout)
        case "redis+cluster" | "rediss+cluster":
            return _cluster(address, timeout)
    raise ValueError("write redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")


def _read(url: str) -> _Address:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("this is no URL") from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not query.keys() <= _OPTIONS:
        raise ValueError(f"an option after the ? is not one of {', '.join(sorted(_OPTIONS))}")
    replicas = _number(query.pop("wait_replicas", "0"), "wait_replicas")
    sentinel = {
        name: query.pop(f"sentinel_{name}")
        for name in ("username", "password")
        if f"sentinel_{name}" in query
    }
    options = dict(parse_url(f"unix://?{urlencode(query)}"))
    del options["connection_class"]
    return _Address(parts, parts.scheme.startswith("rediss"), replicas, sentinel, options)


def _limits(timeout: float, connect_timeout: float = _CONNECT_TIMEOUT) -> dict[str, Any]:
    return {
        "protocol": 2,
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": timeout,
        # The library's own retries would send a write twice; the caller knows what may be repeated.
        "retry": Retry(NoBackoff(), 0),
    }


def _one(address: _Address, timeout: float) -> RedisLink:
    if address.url.scheme != "unix":
        if len(_hosts(address, 6379)) > 1:
            raise ValueError("several hosts are redis+sentinel:// or redis+cluster://")
        _number(address.url.path.strip("/") or "0", "the database")
    bare = address.url._replace(query="").geturl()
    pool = ConnectionPool.from_url(bare, **address.options, **_limits(timeout))
    return _checked(RedisLink(pool.make_connection, timeout=timeout, replicas=address.replicas))


def _sentinel(address: _Address, timeout: float) -> SentinelLink:
    service, _, db = address.url.path.strip("/").partition("/")
    if not service:
        raise ValueError("a Sentinel URL ends in /service: redis+sentinel://host:26379/mymaster")
    tls = {name: value for name, value in address.options.items() if name in _TLS}
    limits = _limits(_DISCOVERY_TIMEOUT, _DISCOVERY_TIMEOUT)
    sentinel = Sentinel(  # type: ignore[no-untyped-call] # it has no types
        _hosts(address, 26379),
        sentinel_kwargs={"ssl": address.tls, **tls, **address.sentinel, **limits},
    )
    database = {"db": _number(db or "0", "the database")}
    options = database | _credentials(address) | address.options
    return _checked(
        SentinelLink(
            sentinel,
            service,
            connection={"ssl": address.tls, **options, **_limits(timeout)},
            timeout=timeout,
            replicas=address.replicas,
        )
    )


def _cluster(address: _Address, timeout: float) -> ClusterLink:
    if address.url.path.strip("/") not in ("", "0") or "db" in address.options:
        raise ValueError("a Cluster has no databases: write redis+cluster://host:port,host:port")
    options = _credentials(address) | address.options
    kind: type[Connection] = SSLConnection if address.tls else Connection

    def new_link(host: str, port: int) -> RedisLink:
        return RedisLink(
            lambda: kind(host=host, port=port, **options, **_limits(timeout)),
            timeout=timeout,
            replicas=address.replicas,
        )

    hosts = _hosts(address, 6379)
    _checked(new_link(*hosts[0]))
    cluster = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in hosts],
        ssl=address.tls,
        **options,
        **_limits(_DISCOVERY_TIMEOUT, _DISCOVERY_TIMEOUT),
    )
    return ClusterLink(cluster, new_link, timeout=timeout)


def _checked(link: Link) -> Link:
    """Have a wrong option show at once."""
    try:
        link.new_connection()
    except (TypeError, RedisError):
        raise ValueError("an option after the ? does not fit this kind of URL") from None
    return link


def _hosts(address: _Address, default_port: int) -> list[tuple[str, int]]:
    """Read `host:port,host:port`, which no URL library does."""
    hosts = address.url.netloc.rpartition("@")[2]
    found = []
    for each in hosts.split(","):
        parts = urlsplit(f"//{each}")
        try:
            port = parts.port or default_port
        except ValueError:
            raise ValueError(
                "a port is no number; in a password write / ? # @ and : by their percent codes"
            ) from None
        found.append((parts.hostname or "", port))
    if not all(host for host, _ in found) and address.url.scheme not in ("redis", "rediss"):
        raise ValueError("there is no host; write host:port,host:port")
    return found


def _credentials(address: _Address) -> dict[str, Any]:
    user, _, password = address.url.netloc.rpartition("@")[0].partition(":")
    named = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in named.items() if value}


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{what} is no number")
    return int(text)
