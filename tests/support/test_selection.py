"""What is left to `make proof` is left out of `make test` alone."""

import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

FILE = "tests/soak/test_soak.py"
TEST = f"{FILE}::test_a_task_and_a_file_that_each_sign_in_leaves_are_found"


@pytest.mark.parametrize(
    ("expression", "found"), [("not no_fast_path", False), ("proof or thorough", True)]
)
def test_what_takes_long_is_collected_for_proof_alone(expression: str, found: bool) -> None:
    environ = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", FILE, "-m", expression],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (TEST in done.stdout) is found, done.stdout + done.stderr
