"""Run histories: `python -m tests.histories [--histories 2000] [--seed 1] [--store valkey]`."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.histories.checker import DEADLINE_SECONDS
from tests.histories.history import History
from tests.histories.nemeses import NEMESES
from tests.histories.run import SESSIONS, Outcomes, lines, run_round
from tests.histories.world import STORES, world
from tests.support.driver import Driver


async def run(
    driver: Driver,
    histories: int,
    seed: int,
    stores: Sequence[str],
    nemesis: str | None,
    within: float,
    *,
    stop_early: bool = False,
) -> Outcomes:
    """Run so many histories, shared out over the stores and their nemeses."""
    total = Outcomes()
    rounds = max(1, -(-histories // SESSIONS))
    shares = _share(rounds, stores, nemesis)
    for store, nemeses in shares.items():
        if not nemeses:
            continue
        of_store = Outcomes()
        async with world(store, driver) as made:
            for number, name in enumerate(nemeses):
                again = _replay(seed + number, store, name)
                try:
                    now, bad = await run_round(made, name, seed + number, within=within)
                except Exception as error:
                    error.add_note(again)
                    raise
                of_store.add(now)
                if now.anomalies:
                    _write(*lines(now), f"  told in {_keep(bad)}", again)
                    if stop_early:
                        break
        _write(f"{store}: {next(lines(of_store))}")
        total.add(of_store)
        if total.anomalies and stop_early:
            break
    return total


def _share(rounds: int, stores: Sequence[str], nemesis: str | None) -> dict[str, list[str]]:
    """Return the nemesis of each round by store: each of them in turn."""
    kinds = {
        store: [each for each in NEMESES[store] if nemesis in {None, each}] for store in stores
    }
    turns = [(store, each) for store in stores for each in kinds[store]]
    found: dict[str, list[str]] = {store: [] for store in stores}
    for number in range(rounds if turns else 0):
        store, each = (
            turns[number * _STRIDE % len(turns)]
            if rounds < len(turns)
            else turns[number % len(turns)]
        )
        found[store].append(each)
    return found


_STRIDE = 7
"""Of few rounds each store has some: the number of nemeses is no multiple of it."""


def _replay(seed: int, store: str, nemesis: str) -> str:
    which = f"--seed {seed} --store {store} --nemesis {nemesis}"
    return f"  again: python -m tests.histories --histories {SESSIONS} {which}"


def _keep(bad: Sequence[History]) -> Path:
    """Write histories down, for people."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-histories-"))
    for number, each in enumerate(bad):
        text = json.dumps(asdict(each), default=lambda value: value.name, indent=1)
        (folder / f"{number}.json").write_text(text)
    return folder


def _write(*texts: str) -> None:
    sys.stdout.write("".join(f"{each}\n" for each in texts))
    sys.stdout.flush()


def main() -> int:
    """Read the arguments; return 1 if there was an anomaly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", action="append", choices=STORES, help="all if none is given")
    parser.add_argument("--nemesis", help="every one that the store has if none is given")
    parser.add_argument(
        "--within", type=float, default=DEADLINE_SECONDS, help="seconds that an end has"
    )
    parser.add_argument("--stop-early", action="store_true", help="at the first anomaly")
    options = parser.parse_args()
    _write(f"seed {options.seed}, {options.histories} histories, {SESSIONS} at once")
    with Driver() as driver:
        total = asyncio.run(
            run(
                driver,
                options.histories,
                options.seed,
                options.store or STORES,
                options.nemesis,
                options.within,
                stop_early=options.stop_early,
            )
        )
    _write(*lines(total))
    return int(bool(total.anomalies))


if __name__ == "__main__":
    sys.exit(main())
