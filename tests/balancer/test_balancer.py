"""P22, in short: `make balancer` polls a hundred thousand times, and compares with sticky clients."""

import pytest

from tests.balancer.run import percentile, run, three_nodes
from tests.support.samples import times
from tests.support.servers import StoreServer

POLLS = times(500, of=1_500)


@pytest.mark.proof
async def test_polls_in_turn_are_all_answered_and_in_order(
    shared_store_server: StoreServer,
) -> None:
    async with three_nodes(shared_store_server) as nodes:
        outcome = await run(shared_store_server, nodes, POLLS, clients=10, pace=0.01, seed=7)

        assert outcome.violations == []
        assert len(outcome.in_turn.polls) >= POLLS
        assert percentile(outcome.in_turn.polls, 0.5) < 0.25
