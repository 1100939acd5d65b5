"""P18: a few rounds of what `make user-ends` does ten thousand times, on a machine that may be busy."""

import os

import pytest

from tests.support.servers import StoreServer
from tests.user_ends.check import lines
from tests.user_ends.run import FAULTS, run_round, world
from tests.user_ends.stores import of_one

USERS = 4
SLOW_SECONDS = 5.0
"""A machine that runs other tests is no measure for a second."""


async def test_nothing_of_a_user_outlives_an_end_whatever_races_with_it(
    valkey: StoreServer,
) -> None:
    seed = int.from_bytes(os.urandom(3))
    async with world(of_one(valkey)) as made:
        for number, fault in enumerate(FAULTS):
            found = await run_round(made, fault, USERS, seed + number, SLOW_SECONDS)
            if found.violations:
                pytest.fail(f"seed {seed + number}, fault {fault}: " + "\n".join(lines(found)))
