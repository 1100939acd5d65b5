"""What is left to `make proof` is left out of `make test` alone."""

import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT
from tests.support.stores import STORES

pytestmark = pytest.mark.xdist_group("collected")  # once

FILE = "tests/soak/test_soak.py"
TEST = f"{FILE}::test_a_task_and_a_file_that_each_sign_in_leaves_are_found"
CONTRACT = "tests/sessions/test_session_mapping.py"
PROMISED = "tests/e2e/test_p05_handshakes_count.py"
MAIN, PROOF = "not alone", "proof or thorough"


@pytest.fixture(scope="module")
def collected() -> dict[str, set[str]]:
    """What is run of the files, by the selection."""
    return {selection: _collected(selection) for selection in (MAIN, PROOF)}


def _collected(selection: str) -> set[str]:
    environ = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            FILE,
            PROMISED,
            CONTRACT,
            "-m",
            selection,
        ],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {line for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.parametrize(("selection", "found"), [(MAIN, False), (PROOF, True)])
def test_what_takes_long_is_collected_for_proof_alone(
    collected: dict[str, set[str]], selection: str, found: bool
) -> None:
    assert (TEST in collected[selection]) is found


def test_what_a_product_has_too_is_collected_on_one_store_and_for_proof_on_the_other(
    collected: dict[str, set[str]],
) -> None:
    main, proof = (_by_way(collected[each], PROMISED) for each in (MAIN, PROOF))

    assert not main & proof
    on_two_stores = {test for test, way in proof if any(test == other for other, _ in main)}
    assert on_two_stores
    for test in on_two_stores:
        ways = [way for each, way in main | proof if each == test]
        assert len({way.partition("-")[0] for way in ways}) == 2


def test_contracts_are_collected_on_memory_and_one_server_and_for_proof_on_the_other(
    collected: dict[str, set[str]],
) -> None:
    main, proof = (_by_way(collected[each], CONTRACT) for each in (MAIN, PROOF))

    assert proof
    assert not main & proof
    for test, way in proof:
        store = way.partition("-")[0]
        stores = {each for each in STORES if (test, way.replace(store, each)) in main}
        assert stores == set(STORES) - {store}


def _by_way(tests: set[str], file: str) -> set[tuple[str, str]]:
    """Return the name of each test of a file with what it runs on."""
    found = (each.removesuffix("]").partition("[") for each in tests if each.startswith(file))
    return {(name, way) for name, _, way in found if way}
