"""Failovers in traffic over three nodes; `make failovers` runs ten of each kind."""

import pytest

from tests.failovers.run import run
from tests.support.browsers import JsClients


@pytest.mark.alone
@pytest.mark.thorough  # make test has a failover in traffic: tests/e2e/test_sentinel.py
@pytest.mark.parametrize("kind", ["sentinel-planned", "sentinel-kill"])
async def test_a_failover_loses_nothing_that_was_acknowledged_and_revives_nothing(
    js: JsClients, kind: str
) -> None:
    history = await run(kind, js, seed=1)
    assert list(history.anomalies()) == []
    assert history.acknowledged > 50
    assert any(end.at is not None for end in history.ended)
