"""The plugin that tries mutants: a test that fails kills one, not all that ends a process."""

import json
import os
import subprocess
import sys

import pytest

from tests.mutants.forking import MUTANT, PLAN
from tests.support.processes import ROOT

TESTS = """
import os
import signal
from pathlib import Path


def is_first(what):
    seen = Path(__file__).with_name(what)
    if seen.exists():
        return False
    seen.touch()
    return True


def test_it():
    match os.environ.get("MUTANT_UNDER_TEST"):
        case "wrong":
            raise AssertionError
        case "flaky":
            assert not is_first("flaky")
        case "dies once":
            if is_first("dies once"):
                os.kill(os.getpid(), signal.SIGKILL)
        case "late once":
            if is_first("late once"):
                os.kill(os.getpid(), signal.SIGALRM)
        case "breaks off once":
            if is_first("breaks off once"):
                raise KeyboardInterrupt
        case "hangs":
            os.kill(os.getpid(), signal.SIGALRM)


def test_another():
    assert os.environ.get("MUTANT_UNDER_TEST") != "wrong for the other"


def test_that_is_wrong_itself():
    raise AssertionError
"""

BECOMES = {
    "no mutant": "survived",
    "flaky": "survived",
    "dies once": "survived",
    "late once": "survived",
    "breaks off once": "survived",
    "wrong": "killed",
    "wrong for the other": "killed",
    "hangs": "killed",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Return what the plugin has written of a run with all of these."""
    folder = tmp_path_factory.mktemp("mutants")
    (folder / "test_some.py").write_text(TESTS)
    plan, results = folder / "plan.json", folder / "results.json"
    passing = str(folder / "passing.json")
    plan.write_text(
        json.dumps({"names": list(BECOMES), "passing": passing, "results": str(results)})
    )
    env = {name: value for name, value in os.environ.items() if name != MUTANT}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutants.forking", str(folder)],
        cwd=folder,
        env=env | {PLAN: str(plan), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert results.exists(), ended.stdout + ended.stderr
    written: dict[str, object] = json.loads(results.read_text())
    return written


def test_what_ends_by_no_failing_test_is_tried_again(found: dict[str, object]) -> None:
    assert found["of"] == BECOMES


def test_a_test_that_fails_without_a_mutant_is_named_and_left_out(found: dict[str, object]) -> None:
    assert found["tests"] == 2
    assert found["failing"] == ["test_some.py::test_that_is_wrong_itself"]
