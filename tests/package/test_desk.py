"""The help desk (tests/product) on the lowest versions: all that is tested of it in the checkout."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.package.conftest import Environments
from tests.package.served import served
from tests.product.test_desk import *  # noqa: F403 - its tests, and its fixtures but for the one below


class Desk(NamedTuple):
    """A running help desk."""

    url: str


@pytest.fixture(scope="module")
def desk(environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The help desk on the wheel, under hypercorn."""
    folder = tmp_path_factory.mktemp("desk")
    with served(environments["lowest"], "hypercorn", folder, app="desk:app") as url:
        yield Desk(url)
