"""A store whose calls take a random time longer, so that races are lost which are won else."""

import asyncio
import os
import random
from dataclasses import replace

from app import Backend, Settings, UserIndex
from app.backends import backend_factory
from app.sessions import SessionStore
from tests.support.hooked_store import HookedStore

_LONG = 20
_LONG_SHARE = 0.03


class JitteryStore(HookedStore, UserIndex):
    """Waits before each call, and around those of the index."""

    def __init__(self, inner: SessionStore, seconds: float) -> None:
        super().__init__(inner)
        assert isinstance(inner, UserIndex)
        self._index: UserIndex = inner
        self._seconds = seconds

    async def add_to_index(self, name: str, key: str, *, keep: float) -> float:
        await self._wait()
        added = await self._index.add_to_index(name, key, keep=keep)
        await self._wait()
        return added

    async def remove_from_index(self, name: str, key: str) -> None:
        await self._wait()
        await self._index.remove_from_index(name, key)

    async def read_index(self, name: str) -> list[str]:
        await self._wait()
        found = await self._index.read_index(name)
        await self._wait()
        return found

    async def _about_to(self, verb: str) -> None:
        await self._wait()

    async def _wait(self) -> None:
        is_long = random.random() < _LONG_SHARE
        await asyncio.sleep(random.random() * self._seconds * (_LONG if is_long else 1))


def jittery_backend(settings: Settings) -> Backend | None:
    """Return a backend with such a store if STORE_JITTER names its seconds; else the usual."""
    seconds = float(os.environ.get("STORE_JITTER", "0"))
    if not seconds:
        return None
    url = settings.redis_url.get_secret_value()
    make = backend_factory("redis", redis_url=url, prefix=settings.redis_prefix, lifetime=3600)
    backend = make()
    return replace(backend, store=JitteryStore(backend.store, seconds))
