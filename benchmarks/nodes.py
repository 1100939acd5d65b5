"""Many nodes, and a room whose sockets are on one of them: what a message costs each node.

python -m benchmarks.nodes [--nodes N] [--messages N]; prints JSON. All nodes on one core, Redis and the
emitter on the other; so it measures CPU time, and no rates.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from app import Emitter
from benchmarks.load import Sample, Sockets
from benchmarks.processes import cpu_seconds, settle_here
from benchmarks.systems import PLAIN, Server, StoreServer

_SOCKETS = 10
_AT_ONCE = 100
_PAUSE_SECONDS = 0.02
"""A steady rate: a burst would be read in fewer, larger batches."""


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--messages", type=int, default=10_000)
    wanted = parser.parse_args()
    settle_here()
    sys.stdout.write(json.dumps(measure(wanted.nodes, wanted.messages), indent=2) + "\n")
    return 0


def measure(count: int, messages: int) -> Sample:
    """Return the CPU time that a message takes each of so many nodes."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="mooring-bench-")))
        store = stack.enter_context(StoreServer(directory))
        nodes = [stack.enter_context(Server(PLAIN, store)) for _ in range(count)]
        sockets = stack.enter_context(Sockets())
        sockets.ask("cookies", url=nodes[0].url, count=1)
        sockets.ask("open", urls=[nodes[0].url], count=_SOCKETS)
        asyncio.run(_emit(store.url, 100))
        time.sleep(1.0)
        pids = [store.pid, *(node.pid for node in nodes)]
        idle = _spent(pids, lambda: time.sleep(messages / _AT_ONCE * _PAUSE_SECONDS))
        busy = _spent(pids, lambda: asyncio.run(_emit(store.url, messages)))
        redis, one, *others = [1e6 * (b - i) / messages for b, i in zip(busy, idle, strict=True)]
        return {
            "nodes": count,
            "messages": messages,
            "redis_cpu_us": redis,
            "node_of_the_room_cpu_us": one,
            "each_other_node_cpu_us": sum(others) / max(1, len(others)),
        }


def _spent(pids: list[int], do: Callable[[], object]) -> list[float]:
    before = [cpu_seconds(pid) for pid in pids]
    do()
    return [cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]


async def _emit(url: str, messages: int) -> None:
    async with Emitter.connect(url) as emitter:
        for at in range(0, messages, _AT_ONCE):
            sent = [emitter.emit("said", at + n, to="lobby") for n in range(_AT_ONCE)]
            await asyncio.gather(*sent)
            await asyncio.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
