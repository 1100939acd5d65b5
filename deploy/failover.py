"""Fail over to another master without losing a write: python failover.py REDIS_URL.

The URL is the one of the service, redis+sentinel://[user:password@]host:26379,host:26379/name; its user
needs +info, +client|pause, +client|unpause and +replicaof beside what docs/operations.md lists. Writes
are held up for a second or two, and refused for as long as replicas are missing. Needs redis-py.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import redis

PAUSE_MS = 2_000
"""Renewed while it is needed, so that a script that is killed holds nothing up for long."""

WITHIN = 20.0

Address = tuple[str, int]


class FailoverError(Exception):
    """Nothing was changed, or the failover did not come to its end; the message says which."""


class Deployment:
    """The Sentinels of a URL, and how to reach the servers that they name."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.scheme.endswith("+sentinel") or not parts.path.strip("/"):
            raise FailoverError("write redis+sentinel://host:26379,host:26379/name")
        credentials, _, hosts = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        options = dict(parse_qsl(parts.query))
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
        self._common: dict[str, Any] = {
            "ssl": parts.scheme.startswith("rediss"),
            "decode_responses": True,
            "socket_timeout": 2.0,
            **tls,
        }
        self._server = {"username": unquote(user) or None, "password": unquote(password) or None}
        self._sentinel = {
            "username": options.get("sentinel_username"),
            "password": options.get("sentinel_password"),
        }
        self._hosts = [host.partition(":") for host in hosts.split(",")]
        self.service = parts.path.strip("/").partition("/")[0]

    def server(self, address: Address) -> redis.Redis:
        """Return a client of a server."""
        return redis.Redis(*address, **self._server, **self._common)

    def sentinel(self) -> redis.Redis:
        """Return a client of the first Sentinel that answers."""
        for host, _, port in self._hosts:
            client = redis.Redis(host, int(port or 26379), **self._sentinel, **self._common)
            try:
                client.ping()
            except redis.RedisError:
                continue
            return client
        raise FailoverError("no Sentinel answers")


def fail_over(deployment: Deployment, say: Callable[[str], object]) -> None:
    """Have another master, which has all that the old one was ever sent."""
    sentinel, service = deployment.sentinel(), deployment.service
    old = _master(sentinel, service)
    master = deployment.server(old)
    replicas = _replicas(sentinel, service)
    _check(master, sentinel, service, replicas)
    say(f"writes at {_name(old)} are held up")
    with _paused(master) as hold:
        _wait(lambda: _have_all(master, replicas), hold, "the replicas did not catch up")
        sentinel.execute_command("SENTINEL", "FAILOVER", service)
        _wait(lambda: _master(sentinel, service) != old, hold, "no replica was promoted")
        new = _master(sentinel, service)
        # What waits at the old master is refused rather than done there; the Sentinels would do so later.
        master.execute_command("REPLICAOF", *new)
    say(f"{_name(new)} is the master, and {_name(old)} its replica")


def _check(
    master: redis.Redis, sentinel: redis.Redis, service: str, replicas: list[dict[str, str]]
) -> None:
    """Raise FailoverError if a failover might lose something, or not come to its end."""
    sentinel.execute_command("SENTINEL", "CKQUORUM", service)
    if not replicas:
        raise FailoverError("the Sentinels know of no replica that they could promote")
    online = _offsets(master)
    for replica in replicas:
        address = _address(replica)
        if replica["master-link-status"] != "ok" or address not in online:
            raise FailoverError(f"the replica {_name(address)} does not follow the master")


def _replicas(sentinel: redis.Redis, service: str) -> list[dict[str, str]]:
    """Return what a Sentinel says of each replica that it might promote."""
    found = [_fields(each) for each in sentinel.execute_command("SENTINEL", "REPLICAS", service)]
    return [each for each in found if each["slave-priority"] != "0"]


def _have_all(master: redis.Redis, replicas: list[dict[str, str]]) -> bool:
    info: Any = master.info("replication")
    offsets = _offsets(master)
    return all(offsets.get(_address(each), -1) >= info["master_repl_offset"] for each in replicas)


def _offsets(master: redis.Redis) -> dict[Address, int]:
    """Return how far each replica has got that follows a master."""
    _role, _offset, replicas = master.execute_command("ROLE")
    return {(host, int(port)): int(offset) for host, port, offset in replicas}


@contextmanager
def _paused(master: redis.Redis) -> Iterator[Callable[[], None]]:
    """Hold up writes; yields what has to be called at least once a second to go on with that."""

    def hold() -> None:
        master.execute_command("CLIENT", "PAUSE", PAUSE_MS, "WRITE")

    hold()
    try:
        yield hold
    finally:
        master.execute_command("CLIENT", "UNPAUSE")


def _wait(condition: Callable[[], bool], hold: Callable[[], None], otherwise: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise FailoverError(otherwise)
        hold()
        time.sleep(0.02)


def _master(sentinel: redis.Redis, service: str) -> Address:
    found = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
    if found is None:
        raise FailoverError(f"the Sentinels know of no master {service!r}")
    return found[0], int(found[1])


def _fields(words: list[str] | dict[str, str]) -> dict[str, str]:
    return words if isinstance(words, dict) else dict(zip(words[::2], words[1::2], strict=True))


def _address(fields: dict[str, str]) -> Address:
    return fields["ip"], int(fields["port"])


def _name(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def main(arguments: list[str]) -> str | int:
    """Fail over; return what went wrong, or 0."""
    if len(arguments) != 1:
        return __doc__ or 1
    try:
        fail_over(Deployment(arguments[0]), print)
    except (FailoverError, redis.RedisError) as error:
        return f"no failover: {error}"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
