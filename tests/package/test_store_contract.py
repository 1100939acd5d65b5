"""The contract suite that the package ships, on a store that is not the package's own."""

import re
import shutil
from pathlib import Path

import pytest

from tests.package.conftest import Environments
from tests.package.environments import Environment

STORE = Path(__file__).with_name("sqlite_store.py")


@pytest.mark.parametrize("kind", ["lowest", "newest"])
def test_contract_passes_a_store_that_keeps_it(environments: Environments, kind: str) -> None:
    shutil.copy(STORE, environments[kind].work)
    result = run_contract(environments[kind], STORE.name)
    passed = re.fullmatch(r"(\d+) passed.*", result)
    assert passed, result
    assert int(passed[1]) > 100


def test_contract_fails_a_store_that_lets_ended_sessions_live(newest: Environment) -> None:
    kept, dropped = "(reason.value, successor, ", "(None, successor, "
    source = STORE.read_text()
    assert source.count(kept) == 1
    (newest.work / "broken_store.py").write_text(source.replace(kept, dropped))
    result = run_contract(newest, "broken_store.py")
    assert re.match(r"\d+ failed, \d+ passed", result), result


def run_contract(environment: Environment, file: str) -> str:
    """Run pytest in an environment and return its last line."""
    environment.install("pytest", "pytest-asyncio")
    command = (environment.program("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider")
    return environment.run(*command, "--tb=no", file).stdout.splitlines()[-1]
