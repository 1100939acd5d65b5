"""From a URL to a Redis client: where the servers are, and how long a command may take."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ..article import kind_of
from .client import RedisClient
from .cluster import ClusterClient
from .connection import PipelinedConnection
from .master_watch import ANSWER_SECONDS, MasterWatch
from .replication import Address
from .sentinel import SentinelConnection

AnyConnection = TypeVar("AnyConnection", bound=PipelinedConnection)

TIMEOUT = 0.9
"""Seconds that a command may take, connecting included."""

_CONNECT_TIMEOUT = 0.5
_DISCOVERY_TIMEOUT = 0.25
"""Less than a command's: a node of a Cluster that hangs must leave time for the next."""

_UNCODED = "%:!$&'()*+,;="
"""What a password may have in a URL as it stands; a percent sign begins a code, where it does."""

_OWN = {"wait_replicas", "sentinel_username", "sentinel_password"}
_TLS = {"ssl_ca_certs", "ssl_certfile", "ssl_cert_reqs", "ssl_check_hostname", "ssl_keyfile"}
_OPTIONS = _OWN | _TLS | {"client_name", "db", "password", "username"}


@dataclass(frozen=True)
class _Address:
    """A URL's parts. `replicas` and `sentinel` are read here, `options` are redis-py's, with their types."""

    url: SplitResult
    tls: bool
    replicas: int
    sentinel: dict[str, str]
    options: dict[str, Any]
    warns: bool = True


def connect(url: str, *, timeout: float = TIMEOUT) -> RedisClient:
    """Return a client for a URL; it connects at the first command.

    One server: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py reads them. Sentinel:
    `redis+sentinel://[user:password@]host:port,host:port/service[/db]`. Cluster:
    `redis+cluster://[user:password@]host:port,host:port`. Both also with `rediss+`, which is TLS
    with servers and Sentinels alike. The user and password are the servers'; for Sentinels of their
    own add `?sentinel_username=…&sentinel_password=…`. With `wait_replicas=1` a write is
    acknowledged when a replica has it.

    Args:
        url: one of the above.
        timeout: seconds that a command may take, connecting included.

    Raises:
        ValueError: the URL is none of these. It repeats nothing of the URL, which may hold a password.
        TypeError: it is no string, but a SecretStr say.
    """
    return _client(_read(url), timeout)


def _client(address: _Address, timeout: float, watch: MasterWatch | None = None) -> RedisClient:
    match address.url.scheme:
        case "redis" | "rediss" | "unix":
            return _one(address, timeout)
        case "redis+sentinel" | "rediss+sentinel":
            return _sentinel(address, timeout, watch)
        case "redis+cluster" | "rediss+cluster":
            return _cluster(address, timeout)
    raise ValueError("write redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")


def connect_together(url: str, *timeouts: float) -> list[RedisClient]:
    """Return a client for each of several timeouts; behind Sentinels they change servers together.

    The first of them is for writes; the others wait for no replicas.

    Raises:
        ValueError: see `connect`.
    """
    address = _read(url)
    first, others = _client(address, timeouts[0]), replace(address, replicas=0, warns=False)
    watch = first.watch if isinstance(first, SentinelConnection) else None
    return [first, *(_client(others, timeout, watch) for timeout in timeouts[1:])]


def _read(url: str) -> _Address:
    _check_type(url)
    try:
        parts = urlsplit(_with_codes(url))
    except ValueError:
        raise ValueError("it is not a URL") from None
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


def _check_type(url: object) -> None:
    if not isinstance(url, str):
        hint = ": write …get_secret_value()" if hasattr(url, "get_secret_value") else ""
        raise TypeError(f"the URL of a server is a string, not {kind_of(url)}{hint}")


def _with_codes(url: str) -> str:
    """Return a URL with its password in percent codes, which people forget about `/`, `#` and `@`."""
    scheme, colon, rest = url.partition("://")
    head, mark, query = rest.partition("?")
    credentials, at, host = head.rpartition("@")
    if scheme == "unix" and head.startswith("/"):
        return url
    return f"{scheme}{colon}{quote(credentials, safe=_UNCODED)}{at}{host}{mark}{query}"


def _limits(timeout: float, connect_timeout: float = _CONNECT_TIMEOUT) -> dict[str, Any]:
    return {
        "protocol": 2,
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": timeout,
        # The library's own retries would send a write twice; the caller knows what may be repeated.
        "retry": Retry(NoBackoff(), 0),
    }


def _one(address: _Address, timeout: float) -> PipelinedConnection:
    if address.url.scheme != "unix":
        if len(_hosts(address, 6379)) > 1:
            raise ValueError("several hosts are redis+sentinel:// or redis+cluster://")
        _number(address.url.path.strip("/") or "0", "the database")
    bare = address.url._replace(query="").geturl()
    pool = ConnectionPool.from_url(bare, **address.options, **_limits(timeout))
    return _checked(
        PipelinedConnection(pool.make_connection, timeout=timeout, replicas=address.replicas)
    )


def _sentinel(
    address: _Address, timeout: float, watch: MasterWatch | None = None
) -> SentinelConnection:
    service, _, db = address.url.path.strip("/").partition("/")
    if not service:
        raise ValueError("a Sentinel URL ends in /service: redis+sentinel://host:26379/mymaster")
    database = {"db": _number(db or "0", "the database")}
    options = database | _credentials(address) | address.options
    kind = _kind(address)

    def new_connection(server: Address) -> Connection:
        return kind(host=server[0], port=server[1], **options, **_limits(timeout))

    return _checked(
        SentinelConnection(
            watch or _watch(address, service),
            new_connection,
            timeout=timeout,
            replicas=address.replicas,
            warns=address.warns,
        )
    )


def _watch(address: _Address, service: str) -> MasterWatch:
    tls = {name: value for name, value in address.options.items() if name in _TLS}
    options = tls | address.sentinel | _limits(ANSWER_SECONDS, ANSWER_SECONDS)
    kind = _kind(address)

    def new_sentinel(host: str, port: int) -> PipelinedConnection:
        return PipelinedConnection(
            lambda: kind(host=host, port=port, **options),
            timeout=ANSWER_SECONDS,
            name=f"sentinel {host}:{port}",
        )

    return MasterWatch([new_sentinel(*each) for each in _hosts(address, 26379)], service)


def _kind(address: _Address) -> type[Connection]:
    return SSLConnection if address.tls else Connection


def _cluster(address: _Address, timeout: float) -> ClusterClient:
    if address.url.path.strip("/") not in ("", "0") or "db" in address.options:
        raise ValueError("a Cluster has no databases: write redis+cluster://host:port,host:port")
    options = _credentials(address) | address.options
    kind = _kind(address)

    def new_connection(host: str, port: int) -> PipelinedConnection:
        return PipelinedConnection(
            lambda: kind(host=host, port=port, **options, **_limits(timeout)),
            timeout=timeout,
            replicas=address.replicas,
        )

    hosts = _hosts(address, 6379)
    _checked(new_connection(*hosts[0]))

    def new_cluster() -> RedisCluster:
        return RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in hosts],
            ssl=address.tls,
            **options,
            **_limits(_DISCOVERY_TIMEOUT, _DISCOVERY_TIMEOUT),
        )

    return ClusterClient(
        new_cluster,
        new_connection,
        timeout=timeout,
        replicas=address.replicas,
        warns=address.warns,
    )


def _checked(connection: AnyConnection) -> AnyConnection:
    """Raise ValueError for an option that does not fit; redis-py would when it connects."""
    try:
        connection.new_connection()
    except (TypeError, RedisError):
        raise ValueError("an option after the ? does not fit this kind of URL") from None
    return connection


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
                "a port is no number; in a password write ? and % by their percent codes"
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
