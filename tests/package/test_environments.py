"""The environments are what the other tests take them for."""

import pytest

from app import __version__
from tests.package.conftest import Environments
from tests.package.environments import KINDS, Environment
from tests.package.wheel import Wheel

INSTALLED = """
from importlib.metadata import distributions
for each in distributions():
    print(each.name.lower().replace("_", "-"), each.version)
"""


def installed(environment: Environment) -> dict[str, str]:
    return dict(line.split() for line in environment.python(INSTALLED).splitlines())


def test_lowest_versions_are_those_that_the_metadata_name(
    environments: Environments, wheel: Wheel
) -> None:
    found = installed(environments["lowest"])
    for requirement in wheel.requirements(KINDS["lowest"].extras):
        (bound,) = (each.version for each in requirement.specifier if each.operator == ">=")
        version = found[requirement.name]
        assert version == bound or version.startswith(f"{bound}."), requirement


@pytest.mark.parametrize("kind", ["core", "server"])
def test_without_an_extra_its_packages_are_missing(environments: Environments, kind: str) -> None:
    found = installed(environments[kind])
    assert not found.keys() & {"redis", "hiredis", "uvloop", "httptools", "websockets"}
    assert ("uvicorn" in found) == (kind == "server")


@pytest.mark.parametrize("kind", list(KINDS))
def test_package_comes_from_the_environment(environments: Environments, kind: str) -> None:
    environment = environments[kind]
    code = "import fastapi_mooring as m; print(m.__version__, m.__file__)"
    version, file = environment.python(code).split()
    assert version == __version__
    assert file.startswith(str(environment.prefix))
