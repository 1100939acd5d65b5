"""Fixtures: the help desk as a service."""

from collections.abc import Iterator

import pytest

from tests.support.service import Service, service
from tests.support.stores import memory_settings


@pytest.fixture(scope="session")
def _desk() -> Iterator[Service]:
    with service(app="tests.product.desk:app", **memory_settings()) as node:
        yield node


@pytest.fixture
def desk(_desk: Service) -> Iterator[Service]:
    """The help desk, shared by all tests. A traceback in its log fails the test that caused it."""
    with _desk.watched():
        yield _desk
