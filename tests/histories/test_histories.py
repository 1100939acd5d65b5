"""Short histories of each store, with a nemesis that its seed picks; `make histories` runs two thousand."""

import os
import random

import pytest

from tests.histories.nemeses import NEMESES
from tests.histories.run import lines, run_round
from tests.histories.world import world
from tests.support.browsers import JsClients

SESSIONS = 6
SLOW_SECONDS = 5.0
"""A machine that runs other tests is no measure for a second."""


@pytest.mark.parametrize("store", ["memory", "valkey", "redis"])
async def test_clients_see_nothing_that_was_not_promised_whatever_a_nemesis_does(
    store: str, js: JsClients
) -> None:
    seed = int.from_bytes(os.urandom(3))
    rng = random.Random(seed)
    async with world(store, js.driver) as made:
        nemesis = rng.choice(list(NEMESES[store]))
        found, _ = await run_round(made, nemesis, seed, sessions=SESSIONS, within=SLOW_SECONDS)
        if found.anomalies:
            pytest.fail("\n".join(lines(found)))
        assert found.histories == SESSIONS
        assert found.operations["increment", "ok"] > SESSIONS
