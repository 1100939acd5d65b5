"""Sessions in Redis (6.2 and up) or Valkey, shared by any number of nodes."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Self, TypeVar

from ...redis.client import RedisClient
from ...redis.probe import probe
from ...redis.url import TIMEOUT, connect
from ..changes import EMPTY
from ..errors import SessionExistsError, TooLateError, UnreadableRecordError
from ..models import (
    NOT_MODIFIED,
    CommitOutcome,
    Committed,
    ConditionalResult,
    EndReason,
    Lease,
    LoadResult,
    NotModified,
    Record,
)
from ..unreadable import UnreadableLog
from . import redis_scripts as scripts
from .base import SessionStore
from .redis_answers import RedisAnswers
from .redis_caller import REPEATABLE, record_key
from .redis_values import (
    NOTHING,
    optional_ms,
    outcome_of,
    pack,
    pack_predecessor,
    record_of,
    to_ms,
    tombstone_of,
    written,
)
from .user_index import UserIndex

__all__ = ["KEYS_PER_READ", "RedisStore", "record_key"]

logger = logging.getLogger(__name__)

KEYS_PER_READ = 500
_NO_KEY = "ready"
_NEEDED = (
    *("SET KEY n XX", "EXISTS KEY", "GET KEY", "PTTL KEY", "PEXPIREAT KEY 1", "DEL KEY", "TIME"),
    *("ZADD KEY XX 1 n", "ZRANGE KEY 0 -1", "ZREM KEY n", "ZREMRANGEBYSCORE KEY -inf 0"),
)

Other = TypeVar("Other", None, NotModified)

_UNKNOWN = Record(EMPTY, 0, 0.0, 0.0)
"""What was stored last, where that could not be read."""


class RedisStore(RedisAnswers, SessionStore, UserIndex):
    """A store on a Redis or Valkey server, behind Sentinel, or on a Cluster.

    Args:
        client: the connection; `aclose` closes it.
        prefix: begins the name of every key: `<prefix>:session:{<session key>}`. Stores with
            different prefixes share a server without seeing each other's sessions.
    """

    def __init__(self, client: RedisClient, *, prefix: str = "mooring") -> None:
        super().__init__(client, prefix=prefix)
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
        created = "" if created_at is None else to_ms(created_at)
        found = await self._run_on(
            *(
                scripts.CREATE,
                1,
                self._name(key),
                to_ms(idle),
                to_ms(absolute),
                created,
                pack(owner),
                data,
            ),
            *(pack_predecessor(predecessor), optional_ms(until)),
        )
        if found is None:
            raise SessionExistsError(key)
        if found == [b"late"]:
            raise TooLateError("the time to create this record is over")
        return record_of(key, found)

    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        found = await self._run_on(
            scripts.LOAD, 1, self._name(key), optional_ms(idle), how=REPEATABLE
        )
        if found is None:
            return None
        value, now, deadline = found
        if value.startswith(b"T"):
            return tombstone_of(value, Lease(now / 1000, deadline / 1000))
        return record_of(key, found)

    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        values = zip(keys, await self._values(keys), strict=True)
        return [self._readable(key, value, None) for key, value in values]

    async def load_if_changed(
        self, keys: Sequence[str], versions: Sequence[int]
    ) -> list[ConditionalResult]:
        values = await self._values(keys)
        begins = {  # most have one of a few
            version: (b"R%d " % version, b"P%d " % version) for version in {*versions}
        }
        return [
            NOT_MODIFIED
            if value is not None and value.startswith(begins[version])
            else self._readable(key, value, NOT_MODIFIED)
            for key, value, version in zip(keys, values, versions, strict=True)
        ]

    def _readable(self, key: str, value: bytes | None, otherwise: Other) -> LoadResult | Other:
        """Return what a value holds; one that cannot be read is logged, and costs the others nothing."""
        if value is None:
            return None
        try:
            return tombstone_of(value) if value.startswith(b"T") else record_of(key, [value])
        except UnreadableRecordError:
            self._unreadable.note(key)
            return otherwise

    async def _values(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = []
        for start in range(0, len(keys), KEYS_PER_READ):
            values += await self._call("MGET", *self._names(keys[start : start + KEYS_PER_READ]))
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
        reply = await self._run_on(
            *(scripts.COMMIT, 1, self._name(key), version, optional_ms(idle), pack(owner), data),
            pack_predecessor(predecessor),
        )
        if reply[0] == b"committed":
            return Committed(written(reply, data, owner, predecessor))
        return outcome_of(key, reply)

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
            *("EVAL", scripts.END.text, 2, self._name(key), self._answers_name(key)),
            *(reason, to_ms(keep), "" if version is None else version, successor or NOTHING),
        )
        try:
            return outcome_of(key, reply)
        except UnreadableRecordError:
            if reply[0] != b"committed":
                raise
            self._unreadable.note(key)
            return Committed(_UNKNOWN)

    async def delete(self, key: str) -> None:
        await self._call("DEL", self._name(key), self._answers_name(key))

    async def ping(self) -> None:
        # Writes nothing, but is refused where a write is: by a replica, when the memory is full, or by
        # an ACL that lacks something. So is MGET, the one read that no script makes.
        name = self._name(_NO_KEY)
        await asyncio.gather(self._call(*probe(name, *_NEEDED)), self._call("MGET", name))

    async def add_to_index(self, name: str, key: str, *, keep: float) -> float:
        name = self._index_name(name)
        return float(await self._run_on(scripts.ADD_TO_INDEX, 1, name, key, to_ms(keep)) / 1e6)

    async def remove_from_index(self, name: str, key: str) -> None:
        await self._call("ZREM", self._index_name(name), key)

    async def read_index(self, name: str) -> list[str]:
        found: list[bytes] = await self._call("ZRANGE", self._index_name(name), 0, -1)
        return [each.decode() for each in found]

    async def aclose(self) -> None:
        await self._client.aclose()

    def _index_name(self, name: str) -> str:
        return f"{self._prefix}:user:{{{name}}}"
