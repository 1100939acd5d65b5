"""Run histories: `python -m tests.failovers [--runs 10] [--seed 1] [kind ...]`."""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from tests.failovers.faults import KINDS, MAY_LOSE
from tests.failovers.history import History
from tests.failovers.run import NotStartedError, run
from tests.support.browsers import JsClients
from tests.support.driver import Driver

_TRIES = 5


def main() -> int:
    """Run what is asked for, and write a line for each kind; 1 if what may not be was there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    kinds = options.kinds or list(KINDS)
    failed = False
    with Driver() as driver:
        for kind in kinds:
            failed |= _report(
                kind, [_run(kind, driver, options.seed + n) for n in range(options.runs)]
            )
    return int(failed)


def _run(kind: str, driver: Driver, seed: int) -> History:
    async def in_a_browser() -> History:
        async with JsClients(driver) as js:
            return await run(kind, js, seed)

    try:
        history = _started(in_a_browser)
    except AssertionError as error:
        history = History(odd=[str(error).partition("\n")[0]])
    for anomaly in history.anomalies():
        _write(f"  {kind} seed {seed}: {anomaly}")
    return history


def _started(new_run: Callable[[], Coroutine[Any, Any, History]]) -> History:
    """Run once; again where it did not begin, as on a machine that is too busy to start a node."""
    for _ in range(_TRIES):
        try:
            return asyncio.run(new_run())
        except NotStartedError as error:
            _write(f"  not started, trying again: {str(error).partition(chr(10))[0]}")
    raise AssertionError("nothing could be started")


def _report(kind: str, histories: list[History]) -> bool:
    """Print the figures of a kind; return True if one of its histories has an anomaly."""
    bad = [history for history in histories if list(history.anomalies())]
    gaps = [history.unavailable[1] - history.unavailable[0] for history in histories]
    _write(
        f"{kind}: {len(histories)} runs, {len(bad)} with anomalies, "
        f"{sum(each.acknowledged for each in histories)} increments acknowledged, "
        f"{sum(each.lost for each in histories)} of them lost, "
        f"{sum(each.at is not None for h in histories for each in h.ended)} sessions ended, "
        f"without writes {statistics.median(gaps):.1f} s (median), {max(gaps):.1f} s (longest), "
        f"slowest end {max(each.slowest_end for each in histories):.2f} s"
    )
    return bool(bad) and kind not in MAY_LOSE


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
