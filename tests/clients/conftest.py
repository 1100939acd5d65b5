"""Fixtures: the two nodes that all clients are tried on."""

from collections.abc import Iterator

import pytest

from tests.support.servers import store_server
from tests.support.service import Service, service
from tests.support.stores import memory_settings, server_settings

IDLE = 1.0
"""Seconds after which a session expires, where they do."""


@pytest.fixture(scope="session")
def _lasting() -> Iterator[Service]:
    with store_server("valkey") as server, service(**server_settings(server)) as node:
        yield node


@pytest.fixture(scope="session")
def _forgetful() -> Iterator[Service]:
    with service(session_idle_timeout=IDLE, **memory_settings()) as node:
        yield node


@pytest.fixture
def lasting(_lasting: Service) -> Iterator[Service]:
    """A node with default settings; a traceback in its log fails the test that caused it."""
    with _lasting.watched():
        yield _lasting


@pytest.fixture
def forgetful(_forgetful: Service) -> Iterator[Service]:
    """A node whose sessions expire after a second of rest; likewise."""
    with _forgetful.watched():
        yield _forgetful
