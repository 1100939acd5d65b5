"""Run as many trials as are asked for, and say what they came to; 1 if anything was not to be."""

import argparse
import asyncio
import os
import sys

from tests.user_ends.check import DEADLINE_SECONDS, Outcome, lines
from tests.user_ends.run import FAULTS, run_round, world
from tests.user_ends.stores import STORES

_USERS = 25
_SAY_EVERY = 20


async def run(trials: int, seed: int, users: int, kind: str, *, within: float) -> Outcome:
    """Run rounds until there are so many trials."""
    total = Outcome()
    with STORES[kind]() as servers:
        async with world(servers) as made:
            for number in range(-(-trials // users)):
                fault = FAULTS[number % len(FAULTS)]
                now = await run_round(made, fault, users, seed + number, within)
                total.add(now)
                if now.violations:
                    _write(f"seed {seed + number}, fault {fault}:")
                if now.violations or number % _SAY_EVERY == 0:
                    _write(*lines(now))
    return total


def _write(*texts: str) -> None:
    sys.stdout.write("".join(f"{each}\n" for each in texts))
    sys.stdout.flush()


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = int(os.environ.get("USER_END_TRIALS", "10000"))
    parser.add_argument("--trials", type=int, default=default)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=_USERS, help="at once")
    parser.add_argument("--store", default="valkey", choices=STORES)
    parser.add_argument(
        "--within", type=float, default=DEADLINE_SECONDS, help="seconds that an end has"
    )
    options = parser.parse_args()
    _write(
        f"{options.store}, seed {options.seed}, {options.trials} trials, {options.users} at once"
    )
    total = asyncio.run(
        run(
            *(options.trials, options.seed, options.users, options.store),
            within=options.within,
        )
    )
    _write(*lines(total))
    return int(bool(total.violations))


if __name__ == "__main__":
    sys.exit(main())
