"""Fixtures: nodes of tests/support/streaming_app.py, one on each store, and two on one server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.conftest import Nodes
from tests.support.nodes import Pair, pair_on
from tests.support.servers import STORE_SERVERS, store_server
from tests.support.service import Service
from tests.support.stores import StoreSettings

STREAMING_APP = "tests.support.streaming_app"


@contextmanager
def new_pair(kind: str) -> Iterator[Pair]:
    """Two nodes on a server of their own."""
    with store_server(kind) as server, pair_on(server, module=STREAMING_APP) as pair:
        yield pair


@pytest.fixture(scope="session")
def _streaming_pairs() -> Iterator[Callable[[str], Pair]]:
    running: dict[str, Pair] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Pair:
            if kind not in running:
                running[kind] = stack.enter_context(new_pair(kind))
            return running[kind]

        yield get


@pytest.fixture(params=STORE_SERVERS)
def pair(request: pytest.FixtureRequest, _streaming_pairs: Callable[[str], Pair]) -> Iterator[Pair]:
    """Two nodes on Valkey, and two on Redis, shared by all tests: neither may be harmed."""
    shared = _streaming_pairs(request.param)
    with shared.here.watched(), shared.there.watched():
        yield shared


@pytest.fixture
def own_pair() -> Iterator[Pair]:
    """Two nodes on Valkey for this test alone: they may be killed, and so may the server."""
    with new_pair("valkey") as pair:
        yield pair


@pytest.fixture
def streaming(store_name: str, any_store: StoreSettings, _nodes: Nodes) -> Iterator[Service]:
    """A node on each store in turn, shared by all tests."""
    with _nodes(STREAMING_APP, store_name, any_store).watched() as shared:
        yield shared
