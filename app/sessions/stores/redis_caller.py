"""Calls to a Redis server on behalf of a store: its scripts, its keys, its errors."""

from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Any

from ...redis.client import Argument, RedisClient
from ...redis.commands import Repeatable
from ...redis.errors import RedisClientError, UnknownScriptError
from ..errors import StoreUnavailableError
from .redis_scripts import Script

ONCE = ("EVALSHA", "EVAL")
_KEY = "\0"
"""Stands for any key; no prefix has it."""
REPEATABLE = (Repeatable("EVALSHA"), Repeatable("EVAL"))


def record_key(key: str, *, prefix: str = "mooring") -> str:
    """Return the Redis key of a session; the braces decide its slot on a Cluster."""
    return f"{prefix}:session:{{{key}}}"


def answers_key(key: str, *, prefix: str = "mooring") -> str:
    """Return the Redis key of a session's answers, in the slot of its record."""
    return f"{prefix}:once:{{{key}}}"


class RedisCaller:
    """Runs scripts and commands, and raises StoreUnavailableError where there is no reply.

    Args:
        client: the connection.
        prefix: begins the name of every key.
    """

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._name = partial(record_key, prefix=prefix)
        self._answers_name = partial(answers_key, prefix=prefix)

    def _run_on_both(
        self, script: Script, key: str, *arguments: Argument, how: tuple[str, str] = ONCE
    ) -> Awaitable[Any]:
        """Run a script on a session's record and its answers."""
        names = self._name(key), self._answers_name(key)
        return self._run_on(script, 2, *names, *arguments, how=how)

    async def _run_on(
        self, script: Script, keys: int, *arguments: Argument, how: tuple[str, str] = ONCE
    ) -> Any:
        """Run a script by its digest, or by its text if the server does not have it (new, restarted)."""
        by_digest, by_text = how
        try:
            return await self._client.execute(by_digest, script.digest, keys, *arguments)
        except UnknownScriptError:
            return await self._call(by_text, script.text, keys, *arguments)
        except RedisClientError as error:
            raise _unavailable(error) from error

    async def _call(self, *arguments: Argument) -> Any:
        try:
            return await self._client.execute(*arguments)
        except RedisClientError as error:
            raise _unavailable(error) from error

    def _names(self, keys: Iterable[str]) -> list[str]:
        """Return the Redis keys of many sessions."""
        before, _, behind = self._name(_KEY).partition(_KEY)
        return [f"{before}{key}{behind}" for key in keys]


def _unavailable(error: RedisClientError) -> StoreUnavailableError:
    return StoreUnavailableError(f"session store unavailable: {error}")
