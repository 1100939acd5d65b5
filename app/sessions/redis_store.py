"""Sessions in Redis (6.2 and up) or Valkey, shared by any number of nodes."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

from redis.exceptions import NoScriptError, ResponseError

from app.sessions import redis_scripts as scripts
from app.sessions.errors import SessionExistsError, StoreUnavailableError
from app.sessions.records import (
    UNCHANGED,
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Found,
    Gone,
    Lease,
    Newer,
    Record,
    Tombstone,
)
from app.sessions.redis_link import Argument, Commands
from app.sessions.store import SessionStore

PREFIX = "mooring:session:"
MANY = 500
_READY = "mooring:ready"
_NOTHING = "-"


def record_key(key: str) -> str:
    """Give the Redis key of a session; the braces keep all keys of one session in one Cluster slot."""
    return f"{PREFIX}{{{key}}}"


class RedisStore(SessionStore):
    """Speaks to the server through `commands`, which it closes with itself."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def create(
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None = None,
        created_at: float | None = None,
    ) -> Record:
        created = "" if created_at is None else _ms(created_at)
        found = await self._run(
            scripts.CREATE, key, _ms(idle), _ms(absolute), created, _pack_owner(owner), data
        )
        if found is None:
            raise SessionExistsError(key)
        return _record(found)

    async def load(self, key: str, *, idle: float | None = None) -> Found:
        found = await self._run(scripts.LOAD, key, _optional_ms(idle))
        if found is None:
            return None
        return _record(found) if len(found) > 1 else _tombstone(found[0])

    async def load_many(self, keys: Sequence[str]) -> list[Found]:
        return [_found(value) for value in await self._values(keys)]

    async def load_newer(self, keys: Sequence[str], versions: Sequence[int]) -> list[Newer]:
        return list(map(_newer, await self._values(keys), versions))

    async def _values(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = []
        for start in range(0, len(keys), MANY):
            names = map(record_key, keys[start : start + MANY])
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
    ) -> CommitOutcome:
        answer = await self._run(
            scripts.COMMIT, key, version, _optional_ms(idle), _pack_owner(owner), data
        )
        if answer[0] == b"committed":
            answer[1] += _pack_owner(owner).encode() + b" " + data
        return _outcome(answer)

    async def end(
        self,
        key: str,
        reason: EndReason,
        *,
        keep: float,
        version: int | None = None,
        successor: str | None = None,
    ) -> CommitOutcome:
        # By its text: a digest that a restarted server does not know would cost a second round
        # trip, in which the message that follows would overtake the tombstone.
        return _outcome(
            await self._call(
                *("EVAL", scripts.END.text, 1, record_key(key), reason, _ms(keep)),
                *("" if version is None else version, successor or _NOTHING),
            )
        )

    async def delete(self, key: str) -> None:
        await self._call("DEL", record_key(key))

    async def ping(self) -> None:
        # Writes nothing, but is refused where a write is: by a replica, or when the memory is full.
        await self._call("SETRANGE", _READY, 0, "")

    async def aclose(self) -> None:
        await self._commands.aclose()

    async def _run(self, script: scripts.Script, key: str, *arguments: Argument) -> Any:
        """Run a script by its digest; a server that does not know it yet (new, restarted) gets its text."""
        name = record_key(key)
        try:
            return await self._call("EVALSHA", script.digest, 1, name, *arguments)
        except NoScriptError:
            return await self._call("EVAL", script.text, 1, name, *arguments)

    async def _call(self, *arguments: Argument) -> Any:
        try:
            return await self._commands.call(*arguments)
        except NoScriptError:
            raise
        except ResponseError as error:
            raise StoreUnavailableError(f"the store answered: {error}") from error


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _optional_ms(seconds: float | None) -> Argument:
    return "" if seconds is None else _ms(seconds)


def _pack_owner(owner: str | None) -> str:
    """Write an owner as one word; `-` alone is none, and quote() leaves no other word like it."""
    return _NOTHING if owner is None else "=" + quote(owner, safe="")


def _unpack_owner(word: bytes) -> str | None:
    return None if word == _NOTHING.encode() else unquote(word[1:].decode())


def _outcome(answer: list[Any]) -> CommitOutcome:
    match answer:
        case [b"committed", *found]:
            return Committed(_record(found))
        case [b"conflict", *found]:
            return Conflict(_record(found))
        case [_, tombstone]:
            return Gone(_tombstone(tombstone))
    return Gone()


def _found(value: bytes | None) -> Found:
    if value is None:
        return None
    return _tombstone(value) if value.startswith(b"T") else _record([value])


def _newer(value: bytes | None, version: int) -> Newer:
    """Read a value, unless its first word shows that nobody needs it."""
    known = value is not None and value.startswith(b"R%d " % version)
    return UNCHANGED if known else _found(value)


def _record(found: list[Any]) -> Record:
    """Read `[value]` or `[value, now in ms, deadline in ms]`."""
    version, created, absolute, owner, data = found[0].split(b" ", 4)
    lease = Lease(found[1] / 1000, found[2] / 1000) if len(found) > 1 else None
    return Record(
        data,
        int(version[1:]),
        int(created) / 1000,
        int(absolute) / 1000,
        _unpack_owner(owner),
        lease,
    )


def _tombstone(value: bytes) -> Tombstone:
    reason, successor = value[1:].decode().split(" ")
    return Tombstone(EndReason(reason), None if successor == _NOTHING else successor)
