"""What is measured: memory, descriptors, tasks and keys."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import redis.asyncio

from tests.support.service import Service

Sample = dict[str, float]

LONGEST_SECONDS = 1000.0
"""Longer than anything is kept of a session that has ended: tombstones of revoked ones for 15 minutes."""

_NO_END = -1
_SAY_SECONDS = 30.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_of(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def descriptors_of(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Sampler:
    """Measures nodes and their store, and keeps what it has found."""

    def __init__(
        self, nodes: Sequence[Service], http: httpx.AsyncClient, store: "redis.asyncio.Redis"
    ) -> None:
        self.series: dict[str, list[tuple[float, float]]] = {}
        self._nodes = nodes
        self._http = http
        self._store = store

    async def note(self) -> Sample:
        """Measure, and keep it."""
        now, found = time.monotonic(), await self.sample()
        for name, value in found.items():
            self.series.setdefault(name, []).append((now, value))
        return found

    async def sample(self, *, collect: bool = False) -> Sample:
        """Measure; with `collect` garbage is not counted."""
        found: Sample = {}
        for number, node in enumerate(self._nodes):
            found |= await self._node(node, f"node {number}", collect=collect)
        return found | await self._keys()

    async def _node(self, node: Service, name: str, *, collect: bool) -> Sample:
        params = {"collect": str(collect).lower()}
        held = (await self._http.get(f"{node.url}/held", params=params)).json()
        return {
            f"rss of {name}": memory_of(node.pid),
            f"fds of {name}": descriptors_of(node.pid),
            f"tasks of {name}": held["tasks"],
            f"blocks of {name}": held["blocks"],
        }

    async def _keys(self) -> Sample:
        keys = [key async for key in self._store.scan_iter(count=1000)]
        lasting = 0
        for start in range(0, len(keys), 1000):
            async with self._store.pipeline(transaction=False) as pipe:
                for key in keys[start : start + 1000]:
                    pipe.ttl(key)
                found = await pipe.execute()
            lasting += sum(ttl == _NO_END or ttl > LONGEST_SECONDS for ttl in found)
        memory = (await self._store.info("memory"))["used_memory"]
        return {"store memory": memory, "keys": len(keys), "lasting keys": lasting}

    async def kinds(self) -> dict[str, int]:
        """Count keys by what their names begin with."""
        found: dict[str, int] = {}
        async for key in self._store.scan_iter(count=1000):
            kind = ":".join(key.decode().split(":")[:2])
            found[kind] = found.get(kind, 0) + 1
        return found


async def settled(
    sampler: Sampler,
    remaining: Callable[[Sample], Sequence[str]],
    within: float,
    say: Callable[[str], object],
) -> Sample:
    """Return what there is when nothing remains of what should not, or after a while; say what does."""
    until, said = time.monotonic() + within, time.monotonic()
    while more := remaining(now := await sampler.sample(collect=True)):
        if time.monotonic() > until:
            break
        if time.monotonic() - said > _SAY_SECONDS:
            said = time.monotonic()
            say("  still more than before: " + ", ".join(more))
        await asyncio.sleep(2.0)
    return now
