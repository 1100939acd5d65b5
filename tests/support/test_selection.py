"""What is left to `make proof` is left out of `make test` alone."""

import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

FILE = "tests/soak/test_soak.py"
TEST = f"{FILE}::test_a_task_and_a_file_that_each_sign_in_leaves_are_found"
PROMISED = "tests/e2e/test_p05_handshakes_count.py"
MAIN, PROOF = "not no_fast_path", "proof or thorough"


@pytest.fixture(scope="module")
def collected() -> dict[str, set[str]]:
    """What is run of both files, by the selection."""
    return {selection: _collected(selection) for selection in (MAIN, PROOF)}


def _collected(selection: str) -> set[str]:
    environ = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", FILE, PROMISED, "-m", selection],
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
    main, proof = (
        {tuple(test.removesuffix("]").split("[")) for test in found if test.startswith(PROMISED)}
        for found in (collected[MAIN], collected[PROOF])
    )

    assert not main & proof
    on_two_stores = {test for test, way in proof if any(test == other for other, _ in main)}
    assert on_two_stores
    for test in on_two_stores:
        ways = [way for each, way in main | proof if each == test]
        assert len({way.partition("-")[0] for way in ways}) == 2
