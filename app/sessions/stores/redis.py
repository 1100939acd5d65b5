"""Sessions in Redis (6.2 and up) or Valkey, shared by any number of nodes."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Self, TypeVar
from urllib.parse import quote, unquote

from ...redis.commands import Repeatable
from ...redis.connection import Argument, RedisClient
from ...redis.errors import RedisClientError, UnknownScriptError
from ...redis.probe import probe
from ...redis.url import TIMEOUT, connect
from ..changes import EMPTY
from ..errors import SessionExistsError, StoreUnavailableError, TooLateError, UnreadableRecordError
from ..models import (
    NOT_MODIFIED,
    CommitOutcome,
    Committed,
    ConditionalResult,
    Conflict,
    EndReason,
    Gone,
    Lease,
    LoadResult,
    NotModified,
    Record,
    Tombstone,
)
from ..unreadable import UnreadableLog
from . import redis_scripts as scripts
from .base import SessionStore
from .user_index import UserIndex

logger = logging.getLogger(__name__)

KEYS_PER_READ = 500
_NOTHING = "-"
_NO_KEY = "ready"
_NEEDED = (
    *("SET KEY n XX", "EXISTS KEY", "GET KEY", "PTTL KEY", "PEXPIREAT KEY 1", "DEL KEY", "TIME"),
    *("ZADD KEY XX 1 n", "ZRANGE KEY 0 -1", "ZREM KEY n", "ZREMRANGEBYSCORE KEY -inf 0"),
)
_ONCE = ("EVALSHA", "EVAL")
_REPEATABLE = (Repeatable("EVALSHA"), Repeatable("EVAL"))

Other = TypeVar("Other", None, NotModified)

_UNKNOWN = Record(EMPTY, 0, 0.0, 0.0)
"""What was stored last, where that could not be read."""


def record_key(key: str, *, prefix: str = "mooring") -> str:
    """Return the Redis key of a session; the braces decide its slot on a Cluster."""
    return f"{prefix}:session:{{{key}}}"


class RedisStore(SessionStore, UserIndex):
    """A store on a Redis or Valkey server, behind Sentinel, or on a Cluster.

    Args:
        client: the connection; `aclose` closes it.
        prefix: begins the name of every key: `<prefix>:session:{<session key>}`. Stores with
            different prefixes share a server without seeing each other's sessions.
    """

    def __init__(self, client: RedisClient, *, prefix: str = "mooring") -> None:
        self._client = client
        self._prefix = prefix
        self._unreadable = UnreadableLog(logger)

    @classmethod
    def from_url(cls, url: str, *, prefix: str = "mooring", timeout: float = TIMEOUT) -> Self:
        """Return a store on the server of a URL; it connects at the first call.

        Args:
            url: `redis://host:port/db`, `rediss://` (TLS), `unix://`,
                `redis+sentinel://host:port,host:port/service` or
                `redis+cluster://host:port,host:port`.
            prefix: begins the name of every key.
            timeout: seconds that a command may take, connecting included.

        Raises:
            ValueError: the URL is none of these. It does not repeat the URL, which may hold a password.
        """
        return cls(connect(url, timeout=timeout), prefix=prefix)

    async def create(  # noqa: PLR0913 - what a record has
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None = None,
        created_at: float | None = None,
        predecessor: str | None = None,
        until: float | None = None,
    ) -> Record:
        created = "" if created_at is None else _ms(created_at)
        found = await self._run(
            *(scripts.CREATE, key, _ms(idle), _ms(absolute), created, _pack(owner), data),
            *(_pack_predecessor(predecessor), _optional_ms(until)),
        )
        if found is None:
            raise SessionExistsError(key)
        if found == [b"late"]:
            raise TooLateError("the time to create this record is over")
        return _record(key, found)

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        found = await self._run(scripts.LOAD, key, _optional_ms(idle), how=_REPEATABLE)
        if found is None:
            return None
        value, now, deadline = found
        if value.startswith(b"T"):
            return _tombstone(value, Lease(now / 1000, deadline / 1000))
        return _record(key, found)

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        values = zip(keys, await self._values(keys), strict=True)
        return [self._readable(key, value, None) for key, value in values]

    async def load_if_changed(
        self, keys: Sequence[str], versions: Sequence[int]
    ) -> list[ConditionalResult]:
        values = await self._values(keys)
        return [
            NOT_MODIFIED
            if value is not None and value.startswith(b"R%d " % version)
            else self._readable(key, value, NOT_MODIFIED)
            for key, value, version in zip(keys, values, versions, strict=True)
        ]

    def _readable(self, key: str, value: bytes | None, otherwise: Other) -> LoadResult | Other:
        """Return what a value holds; one that cannot be read is logged, and costs the others nothing."""
        if value is None:
            return None
        try:
            return _tombstone(value) if value.startswith(b"T") else _record(key, [value])
        except UnreadableRecordError:
            self._unreadable.note(key)
            return otherwise

    async def _values(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = []
        for start in range(0, len(keys), KEYS_PER_READ):
            names = map(self._name, keys[start : start + KEYS_PER_READ])
            values += await self._call("MGET", *names)
        return values

    async def commit(
        self,
        key: str,
        version: int,
        data: bytes,
        *,
        idle: float | None = None,
        owner: str | None = None,
        predecessor: str | None = None,
    ) -> CommitOutcome:
        words = _pack(owner)
        before = _pack_predecessor(predecessor)
        reply = await self._run(
            scripts.COMMIT, key, version, _optional_ms(idle), words, data, before
        )
        if reply[0] == b"committed":
            words = f"{words} {before}" if before else words
            reply[1] += words.encode() + b" " + data
        return _outcome(key, reply)

    async def end(
        self,
        key: str,
        reason: EndReason,
        *,
        keep: float,
        version: int | None = None,
        successor: str | None = None,
    ) -> CommitOutcome:
        # By its text: a digest that a restarted server does not know would cost a second round trip,
        # and the message that follows would arrive before the tombstone is there.
        reply = await self._call(
            *("EVAL", scripts.END.text, 1, self._name(key), reason, _ms(keep)),
            *("" if version is None else version, successor or _NOTHING),
        )
        try:
            return _outcome(key, reply)
        except UnreadableRecordError:
            if reply[0] != b"committed":
                raise
            self._unreadable.note(key)
            return Committed(_UNKNOWN)

    async def delete(self, key: str) -> None:
        await self._call("DEL", self._name(key))

    async def ping(self) -> None:
        # Writes nothing, but is refused where a write is: by a replica, when the memory is full, or by
        # an ACL that lacks something. So is MGET, the one read that no script makes.
        name = self._name(_NO_KEY)
        await asyncio.gather(self._call(*probe(name, *_NEEDED)), self._call("MGET", name))

    async def add_to_index(self, name: str, key: str, *, keep: float) -> float:
        name = self._index_name(name)
        return float(await self._run_on(name, scripts.ADD_TO_INDEX, key, _ms(keep)) / 1e6)

    async def remove_from_index(self, name: str, key: str) -> None:
        await self._call("ZREM", self._index_name(name), key)

    async def read_index(self, name: str) -> list[str]:
        found: list[bytes] = await self._call("ZRANGE", self._index_name(name), 0, -1)
        return [each.decode() for each in found]

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _run(
        self, script: scripts.Script, key: str, *arguments: Argument, how: tuple[str, str] = _ONCE
    ) -> Any:
        return await self._run_on(self._name(key), script, *arguments, how=how)

    async def _run_on(
        self, name: str, script: scripts.Script, *arguments: Argument, how: tuple[str, str] = _ONCE
    ) -> Any:
        """Run a script by its digest, or by its text if the server does not have it (new, restarted)."""
        by_digest, by_text = how
        try:
            return await self._client.execute(by_digest, script.digest, 1, name, *arguments)
        except UnknownScriptError:
            return await self._call(by_text, script.text, 1, name, *arguments)
        except RedisClientError as error:
            raise _unavailable(error) from error

    async def _call(self, *arguments: Argument) -> Any:
        try:
            return await self._client.execute(*arguments)
        except RedisClientError as error:
            raise _unavailable(error) from error

    def _index_name(self, name: str) -> str:
        return f"{self._prefix}:user:{{{name}}}"

    def _name(self, key: str) -> str:
        return record_key(key, prefix=self._prefix)


def _unavailable(error: RedisClientError) -> StoreUnavailableError:
    return StoreUnavailableError(f"session store unavailable: {error}")


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _optional_ms(seconds: float | None) -> Argument:
    return "" if seconds is None else _ms(seconds)


def _pack(text: str | None) -> str:
    """Return an opaque string as one word; `-` alone is none, and quote() makes no other word like it."""
    return _NOTHING if text is None else "=" + quote(text, safe="")


def _pack_predecessor(text: str | None) -> str:
    return "" if text is None else _pack(text)


def _unpack(word: bytes) -> str | None:
    return unquote(word[1:].decode()) if word[:1] == b"=" else None


def _outcome(key: str, reply: list[Any]) -> CommitOutcome:
    match reply:
        case [b"committed", *found]:
            return Committed(_record(key, found))
        case [b"conflict", *found]:
            return Conflict(_record(key, found))
        case [_, tombstone]:
            return Gone(_tombstone(tombstone))
    return Gone()


def _record(key: str, found: list[Any]) -> Record:
    """Return the record of `[value]` or `[value, now in ms, deadline in ms]`."""
    value: bytes = found[0]
    lease = Lease(found[1] / 1000, found[2] / 1000) if len(found) > 1 else None
    at = value.find(b" {")
    try:
        version, created, absolute, owner, *more = value[: max(at, 0)].split(b" ")
        return Record(
            value[at + 1 :],
            int(version.lstrip(b"RP")),
            int(created) / 1000,
            int(absolute) / 1000,
            _unpack(owner),
            lease,
            _unpack(more[0]) if value.startswith(b"P") else None,
        )
    except (ValueError, OverflowError, IndexError):
        raise UnreadableRecordError(key) from None


def _tombstone(value: bytes, lease: Lease | None = None) -> Tombstone:
    """Return the tombstone of a value; a reason that only later versions know is as good as any."""
    reason, *words = value[1:].decode(errors="replace").split(" ")
    successor, predecessor, *_ = *words, _NOTHING, _NOTHING
    return Tombstone(
        _reason(reason),
        None if successor == _NOTHING else successor,
        lease,
        _unpack(predecessor.encode()),
    )


def _reason(word: str) -> EndReason:
    try:
        return EndReason(word)
    except ValueError:
        return EndReason.REVOKED
