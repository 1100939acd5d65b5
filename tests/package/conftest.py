"""Fixtures: the built wheel, and environments in which it is installed, shared by all tests."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.package.environments import KINDS, Environment
from tests.package.wheel import Wheel, build

HERE = Path(__file__).parent

Environments = dict[str, Environment]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder in one process, which makes the environments once.

    They set FAST_PATHS themselves, if at all: one run of them is enough.
    """
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group("package"))
            item.add_marker("no_fast_path")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """The wheel, built from the source distribution."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def environments(wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """An environment of each kind, by the kind's name."""
    folder = tmp_path_factory.mktemp("environments")
    with ThreadPoolExecutor() as pool:
        made = pool.map(lambda kind: Environment(folder, wheel, kind), KINDS)
        return {each.kind: each for each in made}


@pytest.fixture
def newest(environments: Environments) -> Environment:
    """All extras in their newest versions."""
    return environments["newest"]


@pytest.fixture
def core(environments: Environments) -> Environment:
    """No extra at all."""
    return environments["core"]


@pytest.fixture
def server(environments: Environments) -> Environment:
    """What the command needs, and no more."""
    return environments["server"]
