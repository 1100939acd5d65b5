"""Have clients churn for an hour, and say whether anything grows: 1 if it does, or anything goes wrong."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from tests.soak.run import Plan, Report, soak
from tests.soak.samples import LONGEST_SECONDS
from tests.soak.verdict import line
from tests.support.many_clients import allow_many_files

_FEWEST_SAMPLES = 30
_SHORT_WARM_UP_SECONDS = 150.0


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _print(report: Report) -> None:
    _write(", ".join(f"{name} {number}" for name, number in sorted(report.done.items())))
    for text, number in report.wrong.most_common(20):
        _write(f"  WRONG {number} times: {text}")
    _write("keys that are left: " + ", ".join(f"{k} {n}" for k, n in report.kinds.items()))
    for found in report.findings:
        _write(line(found))
    _write("nothing grows" if report.ok else "NOT WELL")


def _warm_up(seconds: float) -> float:
    """Return how long to churn before it counts: in a long run until all kinds of keys have begun to go."""
    return LONGEST_SECONDS if seconds > LONGEST_SECONDS else _SHORT_WARM_UP_SECONDS


def main() -> int:
    """Read the arguments."""
    usual, parser = Plan(), argparse.ArgumentParser(description=__doc__)
    minutes = float(os.environ.get("SOAK_MINUTES", "60"))
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--warm-up", type=float, help="seconds; by --minutes if it is not given")
    parser.add_argument("--clients", type=int, default=usual.clients)
    parser.add_argument("--js-clients", type=int, default=usual.js_clients)
    parser.add_argument("--processes", type=int, default=usual.processes)
    parser.add_argument("--pace", type=float, default=usual.pace, help="seconds between two deeds")
    parser.add_argument("--app", default=usual.app)
    parser.add_argument("--series", type=Path, help="a file to write all samples to, as JSON")
    options = parser.parse_args()
    seconds = options.minutes * 60
    plan = Plan(
        seconds=seconds,
        warm_up=_warm_up(seconds) if options.warm_up is None else options.warm_up,
        clients=options.clients,
        js_clients=options.js_clients,
        processes=options.processes,
        pace=options.pace,
        every=min(usual.every, seconds / _FEWEST_SAMPLES),
        app=options.app,
        series=options.series,
    )
    allow_many_files()
    report = asyncio.run(soak(plan, _write))
    _print(report)
    return int(not report.ok)


if __name__ == "__main__":
    sys.exit(main())
