"""Fixtures: two nodes on one server."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.nodes import SHOUTING, Pair, pair_on
from tests.support.servers import STORE_SERVERS, store_server


@contextmanager
def _new_pair(kind: str) -> Iterator[Pair]:
    with store_server(kind) as server, pair_on(server, module=SHOUTING) as pair:
        yield pair


@pytest.fixture(scope="session", params=STORE_SERVERS)
def _pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with _new_pair(request.param) as pair:
        yield pair


@pytest.fixture
def pair(_pair: Pair) -> Iterator[Pair]:
    """Two nodes on Valkey, and two on Redis, shared by all tests: neither may be harmed.

    They run tests/support/shouting.py. A traceback in a log fails the test that caused it.
    """
    with _pair.here.watched(), _pair.there.watched():
        yield _pair


@pytest.fixture
def own_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two nodes on Valkey for this test alone: they may be killed."""
    with _new_pair("valkey") as pair:
        yield pair
