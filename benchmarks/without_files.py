"""More sockets on a node than a process may have files: their connections are in its memory.

python -m benchmarks.without_files COUNT [--rest SECONDS]; prints JSON. The node is the service with its
protocols, on a core of its own, its Redis on the other. What the kernel and uvloop hold of a connection
is missing; opening a socket includes the request that opens its session.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.server.run import run
from app.server.server import Server
from app.settings import ServiceSettings
from benchmarks.load import Sample
from benchmarks.processes import SERVER_CORE, cpu_seconds, memory_bytes
from benchmarks.systems import StoreServer
from benchmarks.wire import Wire
from tests.support.processes import ROOT

logger = logging.getLogger(__name__)

REST_SECONDS = 60.0
_AT_ONCE = 50
_SETTLE_SECONDS = 3.0
_ENVIRONMENT = {
    "HOST": "127.0.0.1",
    "PORT": "0",
    "SESSION_STORE": "redis",
    "SESSION_SECRETS": "a-secret-of-benchmarks-that-is-long-enough",  # it protects nothing
    "LOG_LEVEL": "warning",
}


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--rest", type=float, default=REST_SECONDS)
    wanted = parser.parse_args()
    os.sched_setaffinity(0, {SERVER_CORE})
    found: Sample = {}
    with (
        TemporaryDirectory(prefix="mooring-bench-") as directory,
        StoreServer(Path(directory)) as store,
    ):
        # The app reads it, too.
        os.environ |= {**_ENVIRONMENT, "REDIS_URL": store.url}
        measuring = partial(_MeasuredServer, found=found, count=wanted.count, rest=wanted.rest)
        run(ServiceSettings(), drain_seconds=0.0, server_class=measuring)  # type: ignore[arg-type] # a class, but for what is given already
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found else 1


def in_fresh_process(count: int, rest_seconds: float = REST_SECONDS) -> Sample:
    """Return the same, measured by a process that has done nothing else."""
    command = [sys.executable, "-m", "benchmarks.without_files", str(count)]
    command += ["--rest", str(rest_seconds)]
    measured = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    figures: Sample = json.loads(measured.stdout)
    return figures


class _MeasuredServer(Server):
    """Opens sockets when it has started, and ends when they have rested."""

    def __init__(self, *args: object, found: Sample, count: int, rest: float, **options: object):
        super().__init__(*args, **options)  # type: ignore[arg-type] # handed on
        self._found, self._count, self._rest = found, count, rest
        self._wires: list[Wire] = []

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        self._measuring = asyncio.create_task(self._measure())

    async def _measure(self) -> None:
        try:
            self._found.update(await self._figures())
        except Exception:
            logger.exception("not measured")  # nobody awaits this
        finally:
            self.should_exit = True

    async def _figures(self) -> Sample:
        await self._open(_AT_ONCE)  # what the first ones bring in is not theirs
        gc.collect()
        memory, cpu = _used()
        await self._open(self._count - _AT_ONCE)
        opening = _used()[1] - cpu
        await asyncio.sleep(_SETTLE_SECONDS)
        gc.collect()
        grown, cpu = _used()
        await asyncio.sleep(self._rest)
        rested = _used()[1] - cpu
        assert not any(wire.closed for wire in self._wires)
        opened = self._count - _AT_ONCE
        return {
            "sockets": self._count,
            "memory_kib_a_socket": (grown - memory) / opened / 1024,
            "memory_mib": grown / 2**20,
            "open_cpu_us_a_socket": opening / opened * 1e6,
            "cpu_share": rested / self._rest,
        }

    async def _open(self, count: int) -> None:
        for first in range(0, count, _AT_ONCE):
            number = min(_AT_ONCE, count - first)
            self._wires += await asyncio.gather(*(self._socket() for _ in range(number)))

    async def _socket(self) -> Wire:
        request = self._connect()
        cookie = await request.session_cookie()
        request.close()
        wire = self._connect()
        await wire.open_socket(cookie)
        return wire

    def _connect(self) -> Wire:
        number = len(self._wires)
        address = f"127.{number // 250 % 250}.{number % 250}.1"
        make: Any = self.config.http_protocol_class  # uvicorn calls it with these, too
        protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return Wire(protocol, (address, 40_000))


def _used() -> tuple[int, float]:
    """Return the bytes and the seconds of CPU that this process has taken so far."""
    return memory_bytes(os.getpid()), cpu_seconds(os.getpid())


if __name__ == "__main__":
    sys.exit(main())
