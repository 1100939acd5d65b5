"""What a session takes of a store's memory, with a count in it as the example's has.

python -m benchmarks.sessions memory|redis [--count N]; prints JSON. The memory store is a process of its own.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from app import MemoryStore, RedisStore, SessionStore
from app.sessions.ids import new_session_id, session_key
from benchmarks.load import Sample
from benchmarks.processes import memory_bytes
from benchmarks.systems import STORES, StoreServer
from tests.support.processes import ROOT

_AT_ONCE = 500
_IDLE, _ABSOLUTE = 86_400.0, 604_800.0
_DATA = b'{"count":3}'


def main() -> int:
    """Fill a store, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=STORES)
    parser.add_argument("--count", type=int, default=1_000_000)
    wanted = parser.parse_args()
    measure = _in_memory if wanted.store == "memory" else _in_redis
    sys.stdout.write(json.dumps(measure(wanted.count)) + "\n")
    return 0


def in_fresh_process(store: str, count: int) -> Sample:
    """Return the same, measured by a process that has done nothing else."""
    command = [sys.executable, "-m", "benchmarks.sessions", store, "--count", str(count)]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    figures: Sample = json.loads(run.stdout)
    return figures


def _in_memory(count: int) -> Sample:
    store = MemoryStore(max_sessions=count + _AT_ONCE)
    asyncio.run(_fill(store, _AT_ONCE))
    before = memory_bytes(os.getpid())
    seconds = asyncio.run(_fill(store, count - _AT_ONCE))
    return _figures(memory_bytes(os.getpid()) - before, count - _AT_ONCE, seconds)


def _in_redis(count: int) -> Sample:
    with (
        TemporaryDirectory(prefix="mooring-bench-") as directory,
        StoreServer(Path(directory)) as server,
    ):
        before = server.memory_bytes()
        seconds = asyncio.run(_fill_redis(server.url, count))
        return _figures(server.memory_bytes() - before, count, seconds)


async def _fill_redis(url: str, count: int) -> float:
    store = RedisStore.from_url(url)
    try:
        return await _fill(store, count)
    finally:
        await store.aclose()


async def _fill(store: SessionStore, count: int) -> float:
    """Store so many sessions, some at once; return the seconds that it took."""
    start = time.perf_counter()
    for first in range(0, count, _AT_ONCE):
        keys = [session_key(new_session_id()) for _ in range(min(_AT_ONCE, count - first))]
        await asyncio.gather(
            *(store.create(key, _DATA, idle=_IDLE, absolute=_ABSOLUTE) for key in keys)
        )
    return time.perf_counter() - start


def _figures(grown: int, count: int, seconds: float) -> Sample:
    return {"sessions": count, "bytes_a_session": grown / count, "seconds": seconds}


if __name__ == "__main__":
    sys.exit(main())
