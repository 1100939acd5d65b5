"""What recovery costs: CPU of an emit, and memory of a socket, with and without.

python -m benchmarks.recovery [--pairs N] [--sockets N]; prints JSON. Pairs in turn, and their median.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.load import Sample, Sockets
from benchmarks.processes import cpu_seconds, settle_here
from benchmarks.systems import STORES, Server, StoreServer, System

_SYSTEMS = {
    name: System(name, name, (sys.executable, "-m", "app", f"costs:{name}"))
    for name in ("plain", "recovering")
}
_MESSAGES = 30_000
_WARM_UP = 2_000
_RECEIVERS = (1, 10)
_PAGE = 4096


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--sockets", type=int, default=2_000)
    wanted = parser.parse_args()
    settle_here()
    results = {store: _measure(store, wanted.pairs, wanted.sockets) for store in STORES}
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return 0


def _measure(store: str, pairs: int, sockets: int) -> Sample:
    found: Sample = {}
    for receivers in _RECEIVERS:
        samples = [[_emit_us(store, each, receivers) for each in _SYSTEMS] for _ in range(pairs)]
        for name, values in zip(_SYSTEMS, zip(*samples, strict=True), strict=True):
            found[f"emit_to_{receivers}_{name}_cpu_us"] = statistics.median(values)
        ratios = [recovering / plain for plain, recovering in samples]
        found[f"emit_to_{receivers}_ratio"] = statistics.median(ratios)
    plain, recovering = [_bytes(store, each, sockets) for each in _SYSTEMS]
    found["node_bytes_a_socket"] = recovering[0] - plain[0]
    found["redis_bytes_a_socket"] = recovering[1] - plain[1]
    return found


def _emit_us(store: str, system: str, receivers: int) -> float:
    def measure(server: Server, _store: StoreServer | None, sockets: Sockets) -> list[float]:
        sockets.ask("open", urls=[server.url], count=receivers)
        _emit(server, _WARM_UP)
        start = cpu_seconds(server.pid)
        _emit(server, _MESSAGES)
        return [1e6 * (cpu_seconds(server.pid) - start) / _MESSAGES]

    [found] = _with(store, system, measure)
    return found


def _emit(server: Server, messages: int) -> None:
    answer = httpx.post(
        f"{server.url}/emit", params={"messages": messages, "room": "lobby"}, timeout=60.0
    )
    answer.raise_for_status()


def _bytes(store: str, system: str, count: int) -> list[float]:
    """Return the bytes of a socket: of the node, and of Redis."""

    def measure(server: Server, store_server: StoreServer | None, sockets: Sockets) -> list[float]:
        def used() -> list[float]:
            pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
            redis = store_server.command("INFO", "memory")["used_memory"] if store_server else 0
            return [pages * _PAGE, float(redis)]

        sockets.ask("open", urls=[server.url], count=count // 10)
        before = used()
        sockets.ask("open", urls=[server.url], count=count)
        return [(after - start) / count for start, after in zip(before, used(), strict=True)]

    return _with(store, system, measure)


def _with(
    store: str,
    system: str,
    measure: Callable[[Server, StoreServer | None, Sockets], list[float]],
) -> list[float]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="mooring-bench-")))
        redis = stack.enter_context(StoreServer(directory)) if store == "redis" else None
        server = stack.enter_context(Server(_SYSTEMS[system], redis))
        sockets = stack.enter_context(Sockets())
        sockets.ask("cookies", url=server.url, count=10)
        return measure(server, redis, sockets)


if __name__ == "__main__":
    sys.exit(main())
