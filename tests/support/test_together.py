"""Tests of one group run in one of several processes; those of none run in all."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

CONFTEST = """
from tests.conftest import (
    pytest_collection_finish,
    pytest_configure_node,
    pytest_xdist_make_scheduler,
)
"""

TESTS = """
import os
from pathlib import Path

import pytest


def _note(what):
    with Path(__file__).with_name(what).open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")


@pytest.mark.parametrize("number", range(4))
@pytest.mark.xdist_group("one")
def test_of_one_group(number):
    _note("one")


@pytest.mark.parametrize("number", range(4))
@pytest.mark.xdist_group("other")
def test_of_another(number):
    _note("other")
"""


def test_groups_stay_together(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_groups.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:schemathesis"]
    environ = {name: value for name, value in os.environ.items() if "PYTEST" not in name}

    done = subprocess.run(
        [*command, "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "8 passed" in done.stdout, done.stdout + done.stderr
    one, other = ((tmp_path / name).read_text().split() for name in ("one", "other"))
    assert len(one) == len(other) == 4
    assert len(set(one)) == len(set(other)) == 1
    assert set(one) != set(other)
