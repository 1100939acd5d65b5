"""Fixtures: two nodes on one server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.nodes import EMITTING_APP, Pair, pair_on
from tests.support.servers import STORE_SERVERS, store_server


@contextmanager
def _new_pair(kind: str) -> Iterator[Pair]:
    with store_server(kind) as server, pair_on(server, module=EMITTING_APP) as pair:
        yield pair


@pytest.fixture(scope="session")
def _pairs() -> Iterator[Callable[[str], Pair]]:
    """One pair for each kind of server, started when first asked for."""
    running: dict[str, Pair] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Pair:
            if kind not in running:
                running[kind] = stack.enter_context(_new_pair(kind))
            return running[kind]

        yield get


@pytest.fixture(params=STORE_SERVERS)
def pair(request: pytest.FixtureRequest, _pairs: Callable[[str], Pair]) -> Iterator[Pair]:
    """Two nodes on Valkey, and two on Redis, shared by all tests: neither may be harmed.

    They run tests/support/emitting_app.py. A traceback in a log fails the test that caused it.
    """
    shared = _pairs(request.param)
    with shared.here.watched(), shared.there.watched():
        yield shared


@pytest.fixture
def own_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two nodes on Valkey for this test alone: they may be killed."""
    with _new_pair("valkey") as pair:
        yield pair
