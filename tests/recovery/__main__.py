"""Run as many trials as are asked for, and say what they came to; 1 if anything was not to be."""

import argparse
import asyncio
import os
import sys

from tests.recovery.run import FAULTS, lines, run_round
from tests.recovery.trial import Outcome
from tests.recovery.world import world
from tests.support.driver import Driver
from tests.support.servers import store_server

_CLIENTS = 10
_ENDS_EVERY = 5
_SAY_EVERY = 8


async def run(trials: int, seed: int, clients: int, kind: str, faults: list[str]) -> Outcome:
    """Run rounds until there are so many trials; in every fifth the sessions end meanwhile."""
    total = Outcome()
    with store_server(kind) as server, Driver() as driver:
        async with world(server, driver) as made:
            for number in range(-(-trials // clients)):
                ends = number % _ENDS_EVERY == _ENDS_EVERY - 1
                fault = faults[(number // _ENDS_EVERY if ends else number) % len(faults)]
                now = await run_round(made, fault, clients, seed + number, ends=ends)
                total.add(now)
                if now.violations or (now.told and not ends):
                    _write(f"seed {seed + number}, fault {fault}, ends {ends}:")
                if now.violations or (now.told and not ends) or number % _SAY_EVERY == 0:
                    _write(*lines(now))
    return total


def _write(*texts: str) -> None:
    sys.stdout.write("".join(f"{each}\n" for each in texts))
    sys.stdout.flush()


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = int(os.environ.get("RECOVERY_TRIALS", "1000"))
    parser.add_argument("--trials", type=int, default=default)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=_CLIENTS, help="at once")
    parser.add_argument("--store", default="valkey", help="valkey or redis")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="all if none is given")
    options = parser.parse_args()
    _write(f"seed {options.seed}, {options.trials} trials, {options.clients} at once")
    faults = options.fault or list(FAULTS)
    total = asyncio.run(run(options.trials, options.seed, options.clients, options.store, faults))
    _write(*lines(total))
    return int(bool(total.violations))


if __name__ == "__main__":
    sys.exit(main())
