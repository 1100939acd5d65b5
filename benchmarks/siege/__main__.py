"""python -m benchmarks.siege: lay siege to a node with each kind of attack, and print what it did."""

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import LOAD_CORE, memory_bytes, pinned, settle_here
from benchmarks.siege.attacks import ATTACKS
from benchmarks.siege.others import others
from benchmarks.systems import OURS, Server, StoreServer

WAIT_SECONDS = 0.5
GROWN_BYTES = 50_000_000
LINES_A_SECOND = 100
"""Of all kinds together; each kind has twenty at the most."""

EXIT_SECONDS = 10.0

_CALM_SECONDS = 30.0
"""What the kernel has received of the attacker's connections is handled, too, and in its turn."""

_START_SECONDS = 0.5
"""Of the attacker; what is waited for meanwhile does not count."""

_POLL_SECONDS = 0.02


@dataclass
class Outcome:
    """What one kind of attack did: waits in seconds, memory in bytes."""

    kind: str
    seconds: float
    healthz: float = 0.0
    incr: float = 0.0
    grown: int = 0
    left: int = 0
    lines: int = 0
    exit: float = 0.0

    def faults(self) -> list[str]:
        """What is beyond the goals."""
        checks = {
            "healthz": self.healthz <= WAIT_SECONDS,
            "incr": self.incr <= WAIT_SECONDS,
            "memory": self.grown <= GROWN_BYTES,
            "kept": self.left <= GROWN_BYTES // 2,
            "lines": self.lines <= LINES_A_SECOND * self.seconds,
            "exit": self.exit <= EXIT_SECONDS,
        }
        return [name for name, met in checks.items() if not met]

    def row(self) -> str:
        """A line of the table."""
        verdict = ", ".join(self.faults()) or "ok"
        return (
            f"{self.kind:<20} {self.healthz * 1000:>10.0f} {self.incr * 1000:>10.0f}"
            f" {self.grown / 1e6:>9.1f} {self.left / 1e6:>9.1f} {self.lines:>7} {self.exit:>7.1f}  {verdict}"
        )


_HEAD = (
    f"{'kind':<20} {'healthz ms':>10} {'incr ms':>10} {'grown MB':>9} {'left MB':>9} {'lines':>7}"
    f" {'exit s':>7}"
)


class Node(Server):
    """A node under siege, with the log lines and the limits that it has by default."""

    def __init__(self, store: StoreServer | None, *, fast_paths: str) -> None:
        super().__init__(OURS, store)
        environment = {"LOG_LEVEL": "info", "SESSION_MAX_SOCKETS": "100", "FAST_PATHS": fast_paths}
        self._process._env = {**(self._process._env or {}), **environment}  # noqa: SLF001 - before it is started

    def stop(self) -> float:
        """End it by SIGTERM, and return the seconds that it took."""
        start = time.monotonic()
        with suppress(AssertionError):  # it was still up
            self._process.stop(within=2 * EXIT_SECONDS)
        return time.monotonic() - start


def main() -> int:
    """Lay siege, and return 0 if every goal was met."""
    wanted = _arguments()
    settle_here()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(_HEAD)
    faults = 0
    for kind in wanted.only or ATTACKS:
        outcome = _besiege(kind, wanted)
        faults += bool(outcome.faults())
        print(outcome.row(), flush=True)
    return int(faults > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.siege", description=__doc__)
    parser.add_argument("--only", action="append", choices=ATTACKS, help="one kind; repeatable")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each kind")
    parser.add_argument("--store", choices=("memory", "redis"), default="memory")
    parser.add_argument("--fast-paths", choices=("auto", "off"), default="auto")
    parser.add_argument("--log", action="store_true", help="show what the node wrote last")
    return parser.parse_args()


def _besiege(kind: str, wanted: argparse.Namespace) -> Outcome:
    with tempfile.TemporaryDirectory() as directory:
        if wanted.store == "memory":
            return _besiege_on(None, kind, wanted)
        with StoreServer(Path(directory)) as store:
            return _besiege_on(store, kind, wanted)


def _besiege_on(store: StoreServer | None, kind: str, wanted: argparse.Namespace) -> Outcome:
    with Node(store, fast_paths=wanted.fast_paths) as node:
        outcome = asyncio.run(_watch(node, kind, wanted.seconds))
        with _attacker(kind, node.port):
            time.sleep(2.0)
            outcome.exit = node.stop()
        if wanted.log:
            print(node.log()[-3_000:])
        return outcome


async def _watch(node: Node, kind: str, seconds: float) -> Outcome:
    outcome = Outcome(kind, seconds)
    async with others(node.port) as (_warm, _up):
        await asyncio.sleep(1.0)
    before, lines = memory_bytes(node.pid), node.log().count("\n")
    async with others(node.port) as (healthz, incr):
        with _attacker(kind, node.port):
            await asyncio.sleep(_START_SECONDS)
            healthz.seconds.clear()
            incr.seconds.clear()
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                await asyncio.sleep(_POLL_SECONDS)
                outcome.grown = max(outcome.grown, memory_bytes(node.pid) - before)
        outcome.healthz, outcome.incr = healthz.p99(), incr.p99()
    outcome.left = await _calm(node, before)
    outcome.lines = node.log().count("\n") - lines
    return outcome


async def _calm(node: Node, before: int) -> int:
    """Return what is left of the memory once it has come back, or does not."""
    deadline = time.monotonic() + _CALM_SECONDS
    while (left := memory_bytes(node.pid) - before) > GROWN_BYTES // 10:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(_POLL_SECONDS)
    return left


@contextmanager
def _attacker(kind: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.siege.attacker", kind, str(port)]
    with subprocess.Popen(pinned(LOAD_CORE, command), stderr=subprocess.DEVNULL) as attacker:
        try:
            yield
        finally:
            attacker.kill()


if __name__ == "__main__":
    sys.exit(main())
